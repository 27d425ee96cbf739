"""Bridges, links, addresses and routes of the host itself. The Protocol `Links` of host/api/network.py."""

import asyncio
import errno
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from boxship.host.api.network import BridgeLink, HostSeen, LinkSeen, NeighbourSeen
from boxship.host.netlink import route
from boxship.host.netlink.channel import Channel, LinkFailed
from boxship.host.netlink.graves import Graves, condemned
from boxship.host.netns import enable_ipv6, write_sysctl

T = TypeVar("T")
FORWARD4, FORWARD6 = "/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv6/conf/all/forwarding"


class HostLinks:
    """One thread and one channel: the kernel's link lock admits one change at a time anyway."""

    def __init__(self) -> None:
        self._channel = Channel()
        self._graves = Graves()
        self._thread = ThreadPoolExecutor(1, "links")

    async def ensure_bridge(self, link: BridgeLink) -> None:
        await self._run(lambda: self._ensure(link))

    def bridged_filter(self) -> bool | None:
        try:
            with open("/proc/sys/net/bridge/bridge-nf-call-iptables") as file:
                return file.read().strip() == "1"
        except OSError:
            return None

    def forward(self, ipv6: bool) -> bool:
        changed = False
        for path in (FORWARD4, FORWARD6) if ipv6 else (FORWARD4,):
            with suppress(FileNotFoundError), open(path, "r+") as file:
                if file.read().strip() == "0":
                    file.seek(0)
                    file.write("1")
                    changed = True
        return changed

    async def supports(self, kind: str) -> bool:
        try:
            await self._run(lambda: self._channel.call([route.nothing_of_kind(kind)]))
        except LinkFailed as e:
            return e.number != errno.EOPNOTSUPP
        return True

    async def remove(self, name: str) -> None:
        await self._run(lambda: self._graves.rename_and_bury(self._channel, name))

    async def clear(self) -> None:
        """Finish deletions that a daemon was killed in."""
        await self._run(self._clear)

    def _clear(self) -> None:
        for name in condemned(self._channel.links()):
            self._graves.rename_and_bury(self._channel, name)

    async def seen(self) -> dict[str, LinkSeen]:
        return await self._run(self._channel.links)

    async def addresses(self) -> tuple[tuple[int, str], ...]:
        return tuple(await self._run(self._channel.addresses))

    async def routes(self) -> tuple[str, ...]:
        return tuple(r.to for r in await self._run(self._channel.routes) if not r.to.endswith("/0"))

    async def look(self) -> HostSeen:
        return await self._run(self._look)

    def _look(self) -> HostSeen:
        with open(FORWARD4) as file:
            forwards = file.read().strip() == "1"
        return HostSeen(
            links=self._channel.links(),
            addresses=tuple(self._channel.addresses()),
            routes=tuple(self._channel.routes()),
            neighbours=tuple(self._channel.neighbours()),
            forwards=forwards,
        )

    async def route(self, link: str, subnet: str, source: str) -> None:
        await self._run(lambda: self._channel.call([route.subnet_route(self._channel.index(link), subnet, source)]))

    async def forget(self, entry: NeighbourSeen) -> None:
        gone = (
            route.delete_neighbour(entry.link, entry.address)
            if entry.address
            else route.delete_forwarding(entry.link, entry.mac)
        )
        await self._run(lambda: self._channel.call([gone]))

    async def aclose(self) -> None:
        await self._run(self._channel.close)
        self._graves.close()
        self._thread.shutdown()

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _ensure(self, link: BridgeLink) -> None:
        self._channel.call([route.new_bridge(link.name)])
        index = self._channel.index(link.name)
        if link.filtered:
            self._channel.call([route.filter_bridge(index, f"filter bridge {link.name}")])
        wanted = set(link.addresses)
        present = {address for owner, address in self._channel.addresses() if owner == index}
        if any(":" in address for address in wanted):
            enable_ipv6(link.name)
        about = f"bring bridge {link.name} up"
        self._channel.call(
            [
                *(route.delete_address(index, address) for address in sorted(present - wanted)),
                *(route.add_address(index, address) for address in sorted(wanted - present)),
                route.set_link(index, about, up=True, mac=link.mac, mtu=link.mtu),
            ]
        )
        # Published ports answer at 127.0.0.1 as well: replies come back over the bridge to a loopback address.
        # Packets that came in with such an address are dropped by the firewall table.
        write_sysctl(f"ipv4.conf.{link.name.replace('.', '/')}.route_localnet", "1")
