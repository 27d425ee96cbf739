"""Network namespaces of groups, made ahead of need.

A kept member of the pool is a namespace with loopback up and one veth pair, held by nothing but a descriptor, so that
a killed daemon leaves none behind. Use pins it by a bind mount, which outlives the daemon. All kernel work runs in two
threads, one that serves, one that refills: taking the kernel's link lock may wait for a namespace that is being torn
down, and the event loop must not.
"""

import asyncio
import logging
import os
import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

from boxship.base.errors import NotFound
from boxship.base.facts import IdMap
from boxship.host import mounts, syscalls, userspaces
from boxship.host.api.network import InterfaceSeen, Opened, Plug
from boxship.host.netlink import route
from boxship.host.netlink.channel import Channel, LinkFailed
from boxship.host.netlink.graves import Graves
from boxship.host.partings import Partings

T = TypeVar("T")
log = logging.getLogger(__name__)
FIRST = "eth0"
UPON = {"macvlan": route.new_macvlan, "ipvlan": route.new_ipvlan}  # kinds that sit on another link
ENOUGH = 2.0  # seconds that one sweep of links may hold up other work
BURST = 4  # the pool grows to this many times its size while demand outruns it


class Owners(NamedTuple):
    """Which user namespaces spaces belong to, so that who is root there rules the network as well.

    users: group -> None for our own, "" for a new one with these maps of ids, or the path of a namespace that belongs
    to the one wanted.  A pool of spaces made ahead is of the kind that groups usually want."""

    users: Callable[[str], str | None]
    uid_map: tuple[IdMap, ...] = ()
    gid_map: tuple[IdMap, ...] = ()

    @property
    def usual(self) -> str | None:
        return "" if self.uid_map else None


OURS = Owners(lambda group: None)


class Member(NamedTuple):
    """One namespace not yet given away. host_link "" means that it has no interface but loopback."""

    space: int
    channel: Channel
    host_link: str = ""
    host_index: int = 0
    inner_index: int = 0

    def close(self) -> None:
        self.channel.close()
        os.close(self.space)


class Home:
    """The namespace the daemon lives in. Threads that wander come back, or they would keep a dead space alive."""

    def __init__(self) -> None:
        self._space = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        enter(self._space)

    def close(self) -> None:
        os.close(self._space)


def enter(space: int) -> None:
    """Move the calling thread into a network namespace."""
    syscalls.setns(space, syscalls.CLONE_NEWNET)


class Makers:
    """Makes members. Its calls belong to one thread, which is left in the namespace it made."""

    def __init__(self, prefix: str, owners: Owners) -> None:
        self._host = Channel()
        self._prefix = prefix
        self._owners = owners

    def bare(self, users: str | None) -> Member:
        """A namespace with loopback only. users: as of Owners."""
        space = self._space(users)
        channel = Channel()
        channel.call([route.set_link(1, "bring loopback up", up=True)])
        return Member(space, channel)

    def _space(self, users: str | None) -> int:
        if users is None:
            syscalls.unshare(syscalls.CLONE_NEWNET)
            return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        if users:
            space = userspaces.network_space_beside(users)
        else:
            space = userspaces.network_space(self._owners.uid_map, self._owners.gid_map)
        enter(space)
        return space

    def wired(self, users: str | None) -> Member:
        """A namespace with one veth pair, both ends down. IPv6 is off in it until an IPv6 address is given."""
        bare = self.bare(users)
        name = self._prefix + secrets.token_hex(4)
        try:
            self._host.call([route.new_veth(name, FIRST, bare.space)])
            write_sysctl(f"ipv6.conf.{FIRST}.disable_ipv6", "1")
            return bare._replace(
                host_link=name, host_index=self._host.index(name), inner_index=bare.channel.index(FIRST)
            )
        except BaseException:
            bare.close()
            raise

    def close(self) -> None:
        self._host.close()


class NetworkSpaces:
    """The Protocol `Spaces`. `directory` is where spaces are pinned, `prefix` begins the names of host ends
    and must be this daemon's alone."""

    def __init__(self, directory: Path, prefix: str, size: int, owners: Owners = OURS) -> None:
        self._directory = directory
        self._owners = owners
        self._prefix = prefix
        self._size = size
        self._ready: list[Member] = []
        self._serving = ThreadPoolExecutor(1, "netns")
        self._refilling = ThreadPoolExecutor(1, "netns-refill")
        self._home = Home()
        self._wires = Wires(prefix, owners)
        self._partings = Partings(self._end)
        self._makers = Makers(prefix, owners)
        self._refill: asyncio.Future[None] | None = None
        self._missed = 0
        directory.mkdir(parents=True, exist_ok=True)

    # what the engine asks

    async def open(self, group: str, plugs: Sequence[Plug]) -> Opened:
        users = self._owners.users(group)
        usual = users == self._owners.usual and any(p.kind == "veth" for p in plugs)
        member = self._take() if usual else None
        opened = await self._serve(lambda: self._open(group, plugs, member, users))
        self._top_up()
        return opened

    async def close(self, group: str, host_links: Sequence[str] = ()) -> None:
        await self._serve(lambda: self._close(group, host_links))
        self._partings.expect(host_links)

    async def repin(self, group: str, pid: int) -> None:
        await self._serve(lambda: self._repin(group, pid))

    async def plug(self, group: str, plug: Plug) -> str:
        return await self._serve(lambda: self._wires.add(self._pin(group), plug))

    async def unplug(self, group: str, plug: Plug) -> None:
        await self._serve(lambda: self._wires.remove(self._pin(group), plug))

    async def adjust(self, plug: Plug) -> None:
        await self._serve(lambda: self._wires.adjust(plug))

    async def settle(self, group: str, plug: Plug) -> None:
        await self._serve(lambda: self._wires.settle(self._pin(group), plug))

    async def interfaces(self, group: str) -> dict[str, InterfaceSeen]:
        return await self._serve(lambda: self._wires.interfaces(self._pin(group)))

    async def route(self, group: str, interface: str, gateways: Sequence[str]) -> None:
        await self._serve(lambda: self._wires.route(self._pin(group), interface, gateways))

    def path(self, group: str) -> str:
        return str(self._pin(group))

    def pinned(self) -> frozenset[str]:
        return frozenset(os.path.basename(path) for path in mounts.mounted_under(str(self._directory)))

    def fill(self) -> None:
        """Begin to fill the pool; later refills follow by themselves."""
        self._top_up()

    async def aclose(self) -> None:
        if self._refill is not None:
            self._size = 0
            with suppress(asyncio.CancelledError):
                await asyncio.shield(self._refill)
        await self._partings.aclose()
        await self._serve(self._forget)
        self._serving.shutdown()
        self._refilling.shutdown()
        self._home.close()

    # the pool

    def _take(self) -> Member | None:
        if not self._ready:
            self._missed += 1
            return None
        return self._ready.pop()

    def _top_up(self) -> None:
        if self._size and self._refill is None and len(self._ready) < self._target():
            loop = asyncio.get_running_loop()
            self._refill = loop.run_in_executor(self._refilling, self._make_one)
            self._refill.add_done_callback(self._topped_up)

    def _target(self) -> int:
        return min(self._size + self._missed, self._size * BURST)

    def _make_one(self) -> None:
        with self._home:
            self._ready.append(self._makers.wired(self._owners.usual))

    def _topped_up(self, done: "asyncio.Future[None]") -> None:
        self._refill = None
        if done.cancelled():
            return
        if (error := done.exception()) is not None:
            log.warning("no network namespace could be made ahead: %s", error)
        else:
            if len(self._ready) >= self._target():
                self._missed = 0
            self._top_up()

    # what the serving thread does

    async def _serve(self, work: Callable[[], T]) -> T:
        def at_home() -> T:
            with self._home:
                return work()

        return await asyncio.get_running_loop().run_in_executor(self._serving, at_home)

    def _pin(self, group: str) -> Path:
        return self._directory / group

    def _open(self, group: str, plugs: Sequence[Plug], member: Member | None, users: str | None) -> Opened:
        pin = self._pin(group)
        self._unpin(pin)
        if member is None:
            make = self._wires.makers.wired if any(p.kind == "veth" for p in plugs) else self._wires.makers.bare
            member = make(users)
        try:
            links = self._wires.connect(member, plugs)
            pin.touch()
            mounts.bind(f"/proc/self/fd/{member.space}", str(pin))
            return Opened(path=str(pin), host_links=links)
        except BaseException:
            self._unpin(pin)
            raise
        finally:
            member.close()

    def _close(self, group: str, host_links: Sequence[str]) -> None:
        self._wires.cut(host_links)
        self._unpin(self._pin(group))

    async def _end(self, host_links: Sequence[str]) -> None:
        await self._serve(lambda: self._wires.delete(host_links))

    def _repin(self, group: str, pid: int) -> None:
        pin, source = self._pin(group), Path(f"/proc/{pid}/ns/net")
        if not source.exists():
            raise NotFound(f"process {pid} has ended")
        self._unpin(pin)
        pin.touch()
        mounts.bind(str(source), str(pin))

    def _unpin(self, pin: Path) -> None:
        if pin.exists():
            mounts.unmount(str(pin))
            pin.unlink()

    def _forget(self) -> None:
        while self._ready:
            self._ready.pop().close()
        self._wires.close()
        self._makers.close()


class Wires:
    """Interfaces of spaces. Its calls belong to one thread."""

    def __init__(self, prefix: str, owners: Owners) -> None:
        self.makers = Makers(prefix, owners)
        self._host = Channel()
        self._prefix = prefix
        self._graves = Graves()

    def close(self) -> None:
        self.makers.close()
        self._graves.close()
        self._host.close()

    def connect(self, member: Member, plugs: Sequence[Plug]) -> tuple[str, ...]:
        """Wire a new space; the member's own pair serves the first veth among the plugs."""
        links = []
        pair: Member | None = member if member.host_link else None
        for plug in plugs:
            if plug.kind == "veth" and pair is not None:
                if plug.interface != FIRST:
                    about = f"rename {FIRST} to {plug.interface}"
                    pair.channel.call([route.set_link(pair.inner_index, about, name=plug.interface)])
                self._wire(pair, plug)
                links.append(pair.host_link)
                pair = None
            else:
                links.append(self._make(member.space, member.channel, plug))
        return tuple(links)

    def add(self, pin: Path, plug: Plug) -> str:
        space, channel = self._enter(pin)
        try:
            return self._make(space, channel, plug)
        finally:
            channel.close()
            os.close(space)

    def remove(self, pin: Path, plug: Plug) -> None:
        """Deleting either end of a pair deletes both."""
        self.cut([plug.host_link] if plug.host_link else [])
        with suppress(NotFound):
            space, channel = self._enter(pin)
            try:
                self._graves.bury(Channel(), channel, plug.interface)
            finally:
                channel.close()
                os.close(space)

    def adjust(self, plug: Plug) -> None:
        self._bridge(self._host.index(plug.host_link), plug)

    def settle(self, pin: Path, plug: Plug) -> None:
        space, channel = self._enter(pin)
        try:
            index = channel.index(plug.interface)
            present = {address for owner, address in channel.addresses() if owner == index}
            about = f"take addresses off {plug.interface}"
            channel.call([route.set_link(each, about, up=True) for each in (1, index)])  # 1 is loopback
            extra = sorted(present - set(plug.addresses))
            channel.call([route.delete_address(index, address) for address in extra])
            self._settle_inside(Member(space, channel, "", 0, index), plug)
        finally:
            channel.close()
            os.close(space)

    def cut(self, host_links: Sequence[str]) -> None:
        """Take links out of their bridges, which forgets their addresses at once; tearing them down may take longer."""
        for name in host_links:
            with suppress(LinkFailed):
                self._host.call([route.set_link(self._host.index(name), f"take {name} off its bridge", master=0)])

    def delete(self, host_links: Sequence[str]) -> None:
        """Delete those that still exist. When that takes too long, as for hundreds, the kernel has the rest."""
        end = time.monotonic() + ENOUGH
        for name in host_links:
            if time.monotonic() < end:
                self._graves.bury(Channel(), self._host, name)

    def route(self, pin: Path, interface: str, gateways: Sequence[str]) -> None:
        space, channel = self._enter(pin)
        try:
            index = channel.index(interface)
            channel.call([route.default_route(index, gateway) for gateway in gateways])
        finally:
            channel.close()
            os.close(space)

    def interfaces(self, pin: Path) -> dict[str, InterfaceSeen]:
        space, channel = self._enter(pin)
        try:
            addresses = channel.addresses()
            defaults = [r for r in channel.routes() if r.to.endswith("/0") and r.gateway]
            return {
                name: InterfaceSeen(
                    addresses=tuple(a for index, a in addresses if index == link.index),
                    mac=link.mac,
                    peer=link.peer if link.kind == "veth" else 0,
                    up=link.up,
                    gateways=tuple(r.gateway for r in defaults if r.link == link.index),
                )
                for name, link in channel.links().items()
            }
        finally:
            channel.close()
            os.close(space)

    def _enter(self, pin: Path) -> tuple[int, Channel]:
        try:
            space = os.open(pin, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise NotFound(f"no network namespace is pinned at {pin}") from None
        try:
            enter(space)
            return space, Channel()
        except BaseException:
            os.close(space)
            raise

    def _make(self, space: int, channel: Channel, plug: Plug) -> str:
        if plug.kind in UPON:
            return self._make_upon(space, channel, plug)
        name = plug.host_link or self._prefix + secrets.token_hex(4)
        self._host.call([route.new_veth(name, plug.interface, space)])
        enter(space)
        write_sysctl(f"ipv6.conf.{plug.interface}.disable_ipv6", "1")
        index = channel.index(plug.interface)
        self._wire(Member(space, channel, name, self._host.index(name), index), plug)
        return name

    def _make_upon(self, space: int, channel: Channel, plug: Plug) -> str:
        parent = self._host.index(plug.link)
        self._host.call([UPON[plug.kind](plug.interface, parent, plug.mode, space)])
        self._settle_inside(Member(space, channel, "", 0, channel.index(plug.interface)), plug)
        return ""

    def _wire(self, pair: Member, plug: Plug) -> None:
        self._settle_inside(pair, plug)
        self._bridge(pair.host_index, plug)

    def _bridge(self, index: int, plug: Plug) -> None:
        about = f"put the other end of {plug.interface} into {plug.link}"
        bridge = self._host.index(plug.link)
        self._host.call(
            [
                route.set_link(index, about, up=True, master=bridge, mtu=plug.mtu),
                route.set_port(index, about, isolated=plug.isolated, hairpin=plug.hairpin),
            ]
        )

    def _settle_inside(self, pair: Member, plug: Plug) -> None:
        if any(":" in a for a in plug.addresses) or plug.sysctls:
            enter(pair.space)
            self._write_sysctls(plug)
        about = f"set up {plug.interface}"
        requests = [route.set_link(pair.inner_index, about, up=True, mac=plug.mac, mtu=plug.mtu)]
        requests += [route.add_address(pair.inner_index, address) for address in plug.addresses]
        requests += [route.default_route(pair.inner_index, gateway) for gateway in plug.gateways]
        pair.channel.call(requests)

    def _write_sysctls(self, plug: Plug) -> None:
        if any(":" in a for a in plug.addresses):
            enable_ipv6(plug.interface)
        for name, value in plug.sysctls.items():
            write_sysctl(name, value)


def enable_ipv6(link: str) -> None:
    """Let a link have IPv6 addresses, usable at once: we give the addresses, so nobody need be asked whether they
    are free, which takes a second; and routers have no say."""
    for name, value in (("accept_dad", "0"), ("accept_ra", "0"), ("disable_ipv6", "0")):
        write_sysctl(f"ipv6.conf.{link.replace('.', '/')}.{name}", value)


def write_sysctl(name: str, value: str) -> None:
    """Write net.`name` of the calling thread's network namespace. A slash in `name` stands for a dot of a link's name;
    what the kernel does not have (IPv6 switched off) is left."""
    path = "/proc/sys/net/" + "/".join(part.replace("/", ".") for part in name.split("."))
    with suppress(FileNotFoundError):
        with open(path, "w") as file:
            file.write(value)
