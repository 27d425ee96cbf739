"""The remount that makes starts quick: what it keeps, and that it never claims what is not so."""

import pytest

from boxship.base.errors import KernelError
from boxship.host import cgroups
from boxship.host.cgroups.parse import Layout

TREE = "/sys/fs/cgroup/unified"


class Host:
    """A kernel that may take the option, ignore it or refuse."""

    def __init__(self, options: tuple[str, ...], does: str = "takes") -> None:
        self.options = options
        self.asked: list[str] = []
        self._does = does

    def mounted(self) -> Layout:
        return Layout({}, TREE if self.options else "", self.options)

    def mount(self, _source: None, target: str, _kind: None, _flags: int, options: str) -> None:
        assert target == TREE
        self.asked.append(options)
        if self._does == "refuses":
            raise KernelError(f"mount {target}: operation not permitted", 1)
        if self._does == "takes":
            self.options = ("rw", *options.split(","))


CASES = {
    "taken": (Host(("rw",)), "", ["favordynmods"]),
    "others are kept": (Host(("rw", "nsdelegate")), "", ["nsdelegate,favordynmods"]),
    "already there": (Host(("rw", "favordynmods")), "", []),
    "refused": (Host(("rw",), "refuses"), f"mount {TREE}: operation not permitted", ["favordynmods"]),
    "ignored": (Host(("rw",), "ignores"), "the kernel does not know it (Linux 6.0 does)", ["favordynmods"]),
    "no such tree": (Host(()), "no cgroup2 tree is mounted", []),
}


@pytest.mark.parametrize(("host", "answer", "asked"), CASES.values(), ids=CASES)
def test_favordynmods(host: Host, answer: str, asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "mounted", host.mounted)
    monkeypatch.setattr(cgroups.syscalls, "mount", host.mount)
    assert cgroups.favordynmods() == answer
    assert host.asked == asked
