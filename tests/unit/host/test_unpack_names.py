"""What archives may call things, and whose they may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.base.errors import Invalid
from boxship.host import mounts
from boxship.host.jobs.unpack import LONGEST, inside, translated

NAMES = {
    b"a/b": b"a/b",
    b"/a": b"a",
    b"./a/./b//c/": b"a/b/c",
    b"": b".",
    b"/": b".",
    b"./": b".",
    b"...": b"...",
    b"a..b/..c": b"a..b/..c",
}


@pytest.mark.parametrize(("name", "expected"), NAMES.items(), ids=map(repr, NAMES))
def test_names(name: bytes, expected: bytes) -> None:
    assert inside(name) == expected


@given(st.lists(st.sampled_from([b"a", b"..", b".", b"", b"b c", b"\xff"]), max_size=8).map(b"/".join))
def test_no_name_leads_out(name: bytes) -> None:
    if b".." in name.split(b"/"):
        with pytest.raises(Invalid, match="leads out"):
            inside(name)
    else:
        found = inside(name)
        assert not found.startswith(b"/")
        assert inside(found) == found


def test_long_names_are_told_shortly() -> None:
    with pytest.raises(Invalid, match="longer than 4095 bytes") as caught:
        inside(b"d/" * LONGEST)
    assert len(str(caught.value)) < 300


MAP = ((0, 1000, 1), (1, 2000, 65535))


@pytest.mark.parametrize(("number", "expected"), [(0, 1000), (1, 2000), (65535, 67534)])
def test_translated(number: int, expected: int) -> None:
    assert translated(number, MAP) == expected
    assert translated(number, ()) == number


@pytest.mark.parametrize("number", [65536, -1, 2**32])
def test_what_no_map_knows_is_refused(number: int) -> None:
    with pytest.raises(Invalid, match=f"id {number} is not mapped"):
        translated(number, MAP)


POINTS = {
    "plain": ("36 35 98:0 / /mnt rw - ext4 /dev/x rw", "/mnt"),
    "blank and tab": ("36 35 98:0 / /a\\040b\\011c rw shared:1 - tmpfs t rw", "/a b\tc"),
    "backslash before digits": ("36 35 98:0 / /a\\134040 rw - tmpfs t rw", "/a\\040"),
}


@pytest.mark.parametrize(("line", "expected"), POINTS.values(), ids=POINTS)
def test_mount_point(line: str, expected: str) -> None:
    assert mounts.mount_point(line) == expected
