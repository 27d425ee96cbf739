"""Ports of containers: host ports given and taken back, and the firewall told of it."""

from collections.abc import Callable, Sequence

from boxship.base.errors import PlatformError
from boxship.engine.networks import held as holding
from boxship.engine.networks import ports
from boxship.engine.networks.held import Held, Seat
from boxship.engine.networks.options import BridgeOptions, bridge_options
from boxship.engine.networks.ports import ANY4, ANY6, PortTable, PortTaken, Published, Wanted
from boxship.engine.networks.rules import Target
from boxship.engine.networks.wall import Wall
from boxship.host.api.network import PortProbe
from boxship.model.status import Container

MANY = 64  # from so many ports on, the kernel's table is read once instead of trying each


class Publishing:
    def __init__(self, publish_address: str, probe: PortProbe, wall: Wall) -> None:
        self._table = PortTable(publish_address)
        self._probe = probe
        self._wall = wall

    def take(self, held: Held) -> None:
        """Give the container host ports for all that it publishes. Raises PortTaken, and has then given nothing."""
        asked = wanted(held.container)
        options = self._options(held)
        translated = [f for f in (4, 6) if f in options and not _routed(options[f], f)]
        binding = options[4].host_binding if 4 in options else ""
        try:
            held.ports = self._table.publish(asked, translated, self._occupied(asked), binding) if translated else ()
        except PortTaken as e:
            raise PortTaken(_failure(held, e)) from e
        held.opened = self._opened(held)

    def adopt(self, held: Held) -> None:
        """Take up the ports on record, and tell the firewall later."""
        held.ports = ports.recall(held.container.status.ports)
        held.opened = self._opened(held)
        self._table.claim(held.ports)
        self._wall.note(held.container.id, holding.elements(held, self._target(held)))

    async def open(self, held: Held) -> None:
        """Bring the firewall to what the container publishes, at the address it has now."""
        await self._wall.put(held.container.id, holding.elements(held, self._target(held)))
        udp = {p.host_port for p in held.ports if p.protocol == "udp"}
        if udp:
            await self._wall.forget_udp(udp)

    async def close(self, container_id: str, held: Held | None) -> None:
        """Publish nothing more of the container; safe to repeat."""
        await self._wall.drop(container_id)
        self.release(held)

    def release(self, held: Held | None) -> None:
        if held is not None:
            self._table.release(held.ports)
            held.ports = held.opened = ()

    def _opened(self, held: Held) -> tuple[Published, ...]:
        """The ports that are reachable as they are, in networks without translation."""
        options = self._options(held)
        routed = [ANY4 if f == 4 else ANY6 for f in options if _routed(options[f], f)]
        asked = wanted(held.container) if routed else ()
        return tuple(Published(w.protocol, w.port, address, w.port) for address in routed for w in asked)

    def _target(self, held: Held) -> Target:
        options = self._options(held)
        seats = {family: holding.publisher(held, family) for family in (4, 6)}
        four, six = seats[4], seats[6]
        return Target(
            ipv4=four.status.ipv4_address if four else "",
            ipv6=six.status.ipv6_address if six else "",
            routed4=4 in options and _routed(options[4], 4),
            routed6=6 in options and _routed(options[6], 6),
        )

    def _options(self, held: Held) -> dict[int, BridgeOptions]:
        """Family -> options of the network that publishes it."""
        seats: list[tuple[int, Seat | None]] = [(family, holding.publisher(held, family)) for family in (4, 6)]
        return {family: bridge_options(seat.network.spec.options) for family, seat in seats if seat is not None}

    def _occupied(self, asked: Sequence[Wanted]) -> Callable[[str, str, int], bool]:
        if len(asked) < MANY:
            return self._probe.occupied
        low = min(w.low for w in asked if w.low) if any(w.low for w in asked) else 1
        high = max((w.high for w in asked), default=65535) or 65535
        looked: dict[tuple[str, str], frozenset[int]] = {}

        def occupied(protocol: str, address: str, port: int) -> bool:
            if not low <= port <= high:
                return self._probe.occupied(protocol, address, port)
            key = (protocol, address)
            if key not in looked:
                looked[key] = self._probe.occupied_in(protocol, address, low, high)
            return port in looked[key]

        return occupied


def wanted(container: Container) -> tuple[Wanted, ...]:
    host = container.spec.host
    return ports.wanted(host.port_bindings, container.spec.exposed_ports, host.publish_all_ports)


def _routed(options: BridgeOptions, family: int) -> bool:
    return (options.mode4 if family == 4 else options.mode6) == "routed"


def _failure(held: Held, error: PlatformError) -> str:
    seat = holding.publisher(held, 4) or holding.publisher(held, 6)
    endpoint = seat.status.endpoint_id if seat else ""
    return (
        "failed to set up container networking: driver failed programming external connectivity "
        f"on endpoint {held.container.name} ({endpoint}): {error}"
    )
