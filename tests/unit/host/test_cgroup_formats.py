import pytest

from boxship.host.api.cgroups import BlockEntry
from boxship.host.cgroups import parse
from boxship.host.cgroups.parse import Layout

HYBRID = """\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:5 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,release_agent=/lib/agent,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate
42 31 0:32 / /mnt/again rw,relatime - cgroup cgroup rw,memory
"""
LAYOUTS = {
    "hybrid": (
        HYBRID,
        Layout(
            {
                "cpu": "/sys/fs/cgroup/cpu,cpuacct",
                "cpuacct": "/sys/fs/cgroup/cpu,cpuacct",
                "memory": "/sys/fs/cgroup/memory",
                "name=systemd": "/sys/fs/cgroup/systemd",
            },
            "/sys/fs/cgroup/unified",
            ("rw", "nsdelegate"),
        ),
    ),
    "unified": (
        "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n",
        Layout({}, "/sys/fs/cgroup", ("rw", "nsdelegate", "memory_recursiveprot")),
    ),
    "none": ("27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n", Layout({}, "")),
}


@pytest.mark.parametrize(("text", "expected"), LAYOUTS.values(), ids=LAYOUTS)
def test_layout(text: str, expected: Layout) -> None:
    assert parse.layout(text) == expected


def test_flat() -> None:
    text = "nr_periods 7\nnr_throttled 0\nodd\nlow -5\nfull 1 2\n"
    assert parse.flat(text) == {"nr_periods": 7, "nr_throttled": 0}
    assert parse.flat("") == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("max\n", None), ("9223372036854771712\n", None), ("", None), ("67108864\n", 67108864), ("0", 0)],
)
def test_limit(text: str, expected: int | None) -> None:
    assert parse.limit(text) == expected


def test_number() -> None:
    assert (parse.number("12\n"), parse.number(""), parse.number("max", 3)) == (12, 0, 3)


def test_block_v1() -> None:
    text = "8:0 Read 4096\n8:0 Write 0\n8:16 Total 5\nTotal 4101\n"
    assert parse.block_v1(text) == (
        BlockEntry(8, 0, "Read", 4096), BlockEntry(8, 0, "Write", 0), BlockEntry(8, 16, "Total", 5),
    )  # fmt: skip


def test_block_v2() -> None:
    text = "254:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n7:1 \n(unknown)\n"
    assert parse.block_v2(text) == (
        (BlockEntry(254, 0, "read", 1), BlockEntry(254, 0, "write", 2)),
        (BlockEntry(254, 0, "read", 3), BlockEntry(254, 0, "write", 4)),
    )
