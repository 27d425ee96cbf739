"""Five hundred sleeping containers on one machine: they start, are listed at once, cost little, and go."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.daemons import Daemon
from tests.images import busybox_rootfs
from tests.kill.wire import Api

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]
MANY = 500


def private(pid: int) -> int:
    """Return KiB of memory that only this process uses."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


def monitors(exec_root: Path) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[0].endswith(b"conmon") and any(str(exec_root).encode() in word for word in words):
                found.append(int(entry.name))
    return found


def test_five_hundred_containers(killable: Daemon) -> None:
    api = Api(killable.path, timeout=120)
    query = {"fromSrc": "-", "repo": "busybox", "tag": "latest", "changes": "ENV PATH=/bin"}
    assert api.call("POST", "/images/create", busybox_rootfs(), **query)[0] == 200

    def up(_: int) -> str:
        status, made = api.call("POST", "/containers/create", {"Image": "busybox", "Cmd": ["sleep", "100000"]})
        assert status == 201, made
        status, told = api.call("POST", f"/containers/{made['Id']}/start")
        assert status == 204, told
        return str(made["Id"])

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(up, range(MANY)))
        began = time.monotonic()
        status, listed = api.call("GET", "/containers/json")
        taken = time.monotonic() - began
        assert (status, len(listed)) == (200, MANY)
        assert taken < 1, f"the list took {taken:.2f} s"  # far above what it takes: this is no benchmark
        watching = monitors(killable.exec_root)
        assert len(watching) == MANY
        assert sum(map(private, watching)) / MANY < 2048  # KiB each
        killable.kill()
        killable.start()
        assert {c["Id"] for c in api.call("GET", "/containers/json")[1]} == set(ids)
        gone = [status for status, _ in pool.map(lambda i: api.call("DELETE", f"/containers/{i}", force="1"), ids)]
    assert set(gone) == {204}
    assert killable.check() == []
