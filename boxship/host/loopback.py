"""[::1] of this host and the ports that are published there. The Protocol `Loopback`.

Programs at the root of the cgroup2 tree, beside those of others, see what every process of the host connects to. They
hold no process and stay while the daemon is away; the next daemon brings its own and then takes the old ones off.
"""

import hashlib
import os
import socket
import struct
from collections.abc import Iterable, Mapping, Sequence

from boxship.base.errors import KernelError, Unsupported
from boxship.host import cgroups
from boxship.host.api.network import Way
from boxship.host.bpf import calls, loopback
from boxship.host.directory import opened

SO_NETNS_COOKIE = 71
HOOKS = (calls.INET6_CONNECT, calls.UDP6_SENDMSG, calls.UDP6_RECVMSG, calls.INET6_GETPEERNAME)
WAYS, SENDERS = 1 << 17, 2048  # the most entries; sockets whose answers are known
Entries = Mapping[bytes, bytes]


class LoopbackPrograms:
    """root: where the cgroup2 tree is mounted, "" for nowhere. What one daemon attached in one network namespace is
    told by its name."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._name = ""
        self._ways = -1
        self._programs: dict[int, int] = {}  # hook -> descriptor
        self._held: dict[str, Entries] = {}  # holder -> what it asked for
        self._wanted: dict[bytes, dict[str, bytes]] = {}  # key -> holder -> value: the last one counts

    def open(self, daemon: str) -> None:
        if not self._root:
            raise Unsupported("no cgroup2 tree is mounted, where programs could look at what is connected to")
        self._name = program_name(daemon)
        self.load(self._name)
        self._write(self._wanted)
        with opened(self._root) as group:
            self._attach(group)

    def put(self, held: Mapping[str, Sequence[Way]]) -> None:
        touched: set[bytes] = set()
        for holder, ways in held.items():
            old, new = self._held.pop(holder, {}), entries(ways)
            for key in old:
                del self._wanted[key][holder]
            for key, value in new.items():
                self._wanted.setdefault(key, {})[holder] = value
            if new:
                self._held[holder] = new
            touched |= old.keys() | new.keys()
        if self._ways >= 0:
            self._write(touched)
        for key in touched:
            if not self._wanted[key]:
                del self._wanted[key]

    def _write(self, keys: Iterable[bytes]) -> None:
        for key in keys:
            values = list(self._wanted[key].values())
            if values:
                calls.update(self._ways, key, values[-1])
            else:
                calls.delete(self._ways, key)

    def missing(self) -> bool:
        if self._ways < 0:
            return False
        with opened(self._root) as group:
            return any(all(p.name != self._name for p in calls.attached(group, hook)) for hook in HOOKS)

    def close(self) -> None:
        for descriptor in (*self._programs.values(), self._ways):
            if descriptor >= 0:
                os.close(descriptor)
        self._programs, self._ways = {}, -1

    def remove(self, daemon: str) -> None:
        self.close()
        if not self._root:
            return
        try:
            with opened(self._root) as group:
                _detach(group, program_name(daemon))
        except (KernelError, Unsupported):  # a kernel without such programs has none of ours
            return

    def load(self, name: str) -> None:
        """Load the programs, attached to nothing."""
        self.close()
        ways = calls.make_map(calls.LPM_TRIE, name, loopback.KEY_SIZE, loopback.WAY_SIZE, WAYS, calls.NO_PREALLOCATION)
        self._ways = ways
        back = calls.make_map(calls.LRU_HASH, name, loopback.BACK_SIZE, loopback.BACK_VALUE, SENDERS)
        try:
            for hook in HOOKS:
                datagrams = hook == calls.UDP6_SENDMSG
                going = hook in (calls.INET6_CONNECT, calls.UDP6_SENDMSG)
                program = loopback.forth(ways, back, cookie(), datagrams) if going else loopback.answer(back)
                self._programs[hook] = calls.load(name, program, hook)
        except BaseException:
            self.close()
            raise
        finally:
            os.close(back)

    def _attach(self, group: int) -> None:
        """The new ones come before the old ones go: there is no moment without."""
        old = {hook: [p.id for p in calls.attached(group, hook) if p.name == self._name] for hook in HOOKS}
        try:
            for hook, program in self._programs.items():
                calls.attach(group, program, hook)
        except KernelError:
            _detach(group, self._name)
            self.close()
            raise
        for hook, numbers in old.items():
            for number in numbers:
                _take_off(group, number, hook)


def trial() -> str:
    """Load the programs and let them go at once; return why that fails, "" if it does not. Needs root."""
    root = cgroups.mounted().unified
    if not root:
        return "no cgroup2 tree is mounted"
    programs = LoopbackPrograms(root)
    try:
        programs.load("boxshiptrial")
    except (KernelError, Unsupported) as e:
        return str(e)
    finally:
        programs.close()
    return ""


def entries(ways: Iterable[Way]) -> dict[bytes, bytes]:
    """Return what the map holds for these ways."""
    return {
        key: loopback.way(way.address, way.port - way.host_port)
        for way in ways
        for key in loopback.keys(way.protocol, way.host_port, way.size)
    }


def cookie() -> int:
    """Return what the kernel knows our network namespace by. Raises Unsupported before Linux 5.14."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            told = asking.getsockopt(socket.SOL_SOCKET, SO_NETNS_COOKIE, 8)
        except OSError as e:
            raise Unsupported(f"the kernel tells no cookies of network namespaces (Linux 5.14): {e.strerror}") from e
    return int(struct.unpack("=Q", told)[0])


def program_name(daemon: str) -> str:
    """Return what the programs of a daemon are called, as `bpftool cgroup show` tells."""
    return f"boxship{hashlib.sha256(f'{daemon} {cookie()}'.encode()).hexdigest()[:8]}"


def _detach(group: int, name: str) -> None:
    for hook in HOOKS:
        for program in calls.attached(group, hook):
            if program.name == name:
                _take_off(group, program.id, hook)


def _take_off(group: int, number: int, hook: int) -> None:
    program = calls.by_id(number)
    try:
        calls.detach(group, program, hook)
    finally:
        os.close(program)
