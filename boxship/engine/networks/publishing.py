"""Ports of containers: host ports given and taken back, and the firewall told of it."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence

from boxship.base.errors import Invalid, KernelError, PlatformError
from boxship.engine.networks import held as holding
from boxship.engine.networks import loopback, ports, sharing
from boxship.engine.networks.held import Held, Seat
from boxship.engine.networks.options import BridgeOptions, bridge_options
from boxship.engine.networks.ports import ANY4, ANY6, Occupied, PortTable, PortTaken, Published, Wanted
from boxship.engine.networks.rules import Elements, Target
from boxship.engine.networks.sharing import Backend, Fit, Spot, group_of
from boxship.engine.networks.wall import Wall
from boxship.host.api.network import HostNet, Way
from boxship.model.ports import gathered, spread
from boxship.model.status import Container

log = logging.getLogger(__name__)
MANY = 64  # from so many ports on, the kernel's table is read once instead of trying each


class Publishing:
    """fit: how good a container, by its id, is for connections of ports that it shares with others."""

    def __init__(self, publish_address: str, host: HostNet, wall: Wall, fit: Callable[[str], Fit]) -> None:
        self._table = PortTable(publish_address)
        self._probe = host.ports
        self._loopback = host.loopback
        self._unled = ""  # why nothing is led from [::1]
        self._wall = wall
        self._fit = fit
        self._sharers: dict[Spot, dict[str, Held]] = {}

    def begin(self, daemon: str) -> None:
        """Let ports be reached at [::1] of the host, if the kernel can; once what is published already is known."""
        try:
            self._loopback.open(daemon)
        except PlatformError as e:
            self._unled = str(e)
            log.warning("published ports are not reached at [::1], only at 127.0.0.1: %s", e)

    def take(self, held: Held) -> None:
        """Give the container host ports for all that it publishes. Raises PortTaken, and has then given nothing."""
        held.ports = self.reserve(held, wanted(held.container))
        held.opened = self._opened(held)
        self._join(held)

    def reserve(self, held: Held, asked: Sequence[Wanted]) -> tuple[Published, ...]:
        """Return host ports that nobody else gets from now on. Raises PortTaken."""
        options = self._options(held)
        translated = [f for f in (4, 6) if f in options and not _routed(options[f], f)]
        binding = options[4].host_binding if 4 in options else ""
        if not translated:
            return ()
        if self._unled and any(w.address == loopback.HERE6 for w in asked):
            raise Invalid(f"cannot publish a port at [::1]: {self._unled}")
        try:
            return self._table.publish(asked, translated, self._occupied(asked), binding, group_of(held.container))
        except (PortTaken, KernelError) as e:
            raise PortTaken(_failure(held, e)) from e

    def part(self, held: Held) -> None:
        """Note the container's runs of ports one by one, so that one of them can go."""
        if any(p.size > 1 for p in held.ports):
            self._table.release(held.ports)
            held.ports = tuple(one for p in held.ports for one in p.each())
            self._table.claim(held.ports, group_of(held.container))

    def forgo(self, ports: Sequence[Published]) -> None:
        """Give reserved ports back."""
        self._table.release(ports)

    def reclaim(self, held: Held, ports: Sequence[Published]) -> None:
        """Take ports that were given back a moment ago."""
        self._table.claim(ports, group_of(held.container))

    def adopt(self, held: Held) -> None:
        """Take up the ports on record, and tell the firewall later. A port that another container has taken up
        already was being moved there when a daemon ended; it is not this one's any more."""
        group = group_of(held.container)
        held.ports = tuple(p for p in ports.recall(held.container.status.ports) if self._table.free(p, group))
        held.opened = self._opened(held)
        self._table.claim(held.ports, group)
        self._join(held)
        for owner, elements in self._owned([held]).items():
            self._wall.note(owner, elements)
        self._lead([held])

    async def open(self, held: Held) -> None:
        """Bring the firewall to what the container publishes, at the address it has now."""
        await self._tell([held])
        self._wall.forget_udp_soon(_udp(held.ports))

    async def close(self, container_id: str, held: Held | None) -> None:
        """Publish nothing more of the container; safe to repeat."""
        if held is None:
            await self._wall.drop(container_id)
            return
        spots = self._leave(held)
        self._table.release(held.ports)
        held.ports = held.opened = ()
        self._lead([held])
        await self._wall.put_all({container_id: {}, **self._shared(spots)})

    async def judge(self, held: Held) -> None:
        """Look anew whether the container is fit for connections of ports that it shares."""
        await self._wall.put_all(self._shared(self._spots(held)))

    async def change(self, held: Held, kept: tuple[Published, ...], container: Container) -> None:
        """Let the container, with this new record, have the ports `kept` instead of those it had; reserved already."""
        await self._replace({id(held): (held, kept, container)})

    async def move(
        self, source: tuple[Held, Container], target: tuple[Held, Container], kept: tuple[Published, ...]
    ) -> None:
        """Let `target` have the ports `kept`, among them all those of `source`, which has none then: at once."""
        changes = {id(held): (held, ports, record) for (held, record), ports in ((source, ()), (target, kept))}
        await self._replace(changes)

    async def _replace(self, changes: Mapping[int, tuple[Held, tuple[Published, ...], Container]]) -> None:
        touched: set[Spot] = set()
        moved: set[Published] = set()
        for held, kept, record in changes.values():
            touched.update(self._leave(held))
            moved |= set(held.ports) ^ set(kept)
            held.container, held.ports = record, kept
            held.opened = self._opened(held)
            self._join(held)
        await self._tell([held for held, _, _ in changes.values()], touched)
        await self._wall.forget_udp(_udp(moved))

    def transferable(self, held: Held, offered: Sequence[Published]) -> tuple[Published, ...]:
        """Return those of another container's ports that this one can have, as it has addresses."""
        target = self._target(held)
        return tuple(p for p in offered if (target.ipv6 if ":" in p.address else target.ipv4))

    def transfer(self, source: Held, target: Held, taken: Sequence[Published]) -> None:
        """Note that these ports of one container are the other's."""
        self._table.release(taken)
        self._table.claim(taken, group_of(target.container))

    async def _tell(self, changed: Sequence[Held], spots: Iterable[Spot] = ()) -> None:
        await self._wall.put_all({**self._shared(spots), **self._owned(changed)})
        self._lead(changed)

    def _lead(self, changed: Sequence[Held]) -> None:
        self._loopback.put({held.container.id: self._ways(held) for held in changed})

    def _ways(self, held: Held) -> tuple[Way, ...]:
        shared = bool(group_of(held.container))
        asked = wanted(held.container) if held.ports else ()
        return loopback.ways(held.ports, asked, self._target(held), shared, self._free_at_loopback)

    def _free_at_loopback(self, protocol: str, low: int, high: int) -> bool:
        """Whether no program of the host listens there: it keeps its port."""
        try:
            if high - low >= MANY:
                return not self._probe.occupied_in(protocol, loopback.HERE6, low, high)
            return self._first_held(protocol, loopback.HERE6, low, high) is None
        except KernelError:  # the host has no IPv6
            return False

    def _owned(self, changed: Sequence[Held]) -> dict[str, Elements]:
        """Return what the firewall holds for these containers, and for the ports that they share."""
        found: dict[str, Elements] = {}
        for held in changed:
            alone = () if group_of(held.container) else held.ports
            found[held.container.id] = holding.elements(held, alone, self._target(held))
            found.update(self._shared(self._spots(held)))
        return found

    def _shared(self, spots: Iterable[Spot]) -> dict[str, Elements]:
        return {spot.owner: sharing.elements(spot, self._backends(spot)) for spot in spots}

    def _backends(self, spot: Spot) -> list[Backend]:
        sharers = sorted(self._sharers.get(spot, {}).values(), key=lambda held: held.container.created)
        return [
            Backend(target.ipv6 if ":" in spot.address else target.ipv4, p.port, self._fit(held.container.id))
            for held, target in ((held, self._target(held)) for held in sharers)
            for p in held.ports
            if _spot(p) == spot
        ]

    def _spots(self, held: Held) -> list[Spot]:
        return [_spot(p) for p in held.ports] if group_of(held.container) else []

    def _join(self, held: Held) -> None:
        for spot in self._spots(held):
            self._sharers.setdefault(spot, {})[held.container.id] = held

    def _leave(self, held: Held) -> list[Spot]:
        spots = self._spots(held)
        for spot in spots:
            sharers = self._sharers.get(spot, {})
            sharers.pop(held.container.id, None)
            if not sharers:
                self._sharers.pop(spot, None)
        return spots

    def _opened(self, held: Held) -> tuple[Published, ...]:
        """The ports that are reachable as they are, in networks without translation."""
        options = self._options(held)
        routed = [ANY4 if f == 4 else ANY6 for f in options if _routed(options[f], f)]
        asked = wanted(held.container) if routed else ()
        return tuple(Published(w.protocol, w.port, address, w.port, w.size) for address in routed for w in asked)

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

    def _occupied(self, asked: Sequence[Wanted]) -> Occupied:
        """What tells the first of some ports that a program of the host holds. For many, the kernel's table is read
        once for each address."""
        if sum(w.size for w in asked) < MANY:
            return self._first_held
        low = min(w.low for w in asked if w.low) if any(w.low for w in asked) else 1
        high = max((w.high + w.size - 1 for w in asked), default=65535) or 65535
        looked: dict[tuple[str, str], frozenset[int]] = {}

        def occupied(protocol: str, address: str, first: int, last: int) -> int | None:
            if not low <= first <= last <= high:
                return self._first_held(protocol, address, first, last)
            key = (protocol, address)
            if key not in looked:
                looked[key] = self._probe.occupied_in(protocol, address, low, high)
            return min((port for port in looked[key] if first <= port <= last), default=None)

        return occupied

    def _first_held(self, protocol: str, address: str, first: int, last: int) -> int | None:
        return next((p for p in range(first, last + 1) if self._probe.occupied(protocol, address, p)), None)


def wanted(container: Container) -> tuple[Wanted, ...]:
    host = container.spec.host
    bindings = host.port_bindings or {}
    bindings = spread(bindings) if group_of(container) else gathered(bindings)  # what is shared is shared one by one
    return ports.wanted(bindings, container.spec.exposed_ports, host.publish_all_ports)


def _udp(ports: Iterable[Published]) -> dict[int, set[int]]:
    """IP version -> host ports that datagrams are sent to."""
    found: dict[int, set[int]] = {}
    for p in ports:
        if p.protocol == "udp":
            found.setdefault(6 if ":" in p.address else 4, set()).update(range(p.host_port, p.host_port + p.size))
    return found


def _spot(p: Published) -> Spot:
    return Spot(p.protocol, p.address, p.host_port)


def _routed(options: BridgeOptions, family: int) -> bool:
    return (options.mode4 if family == 4 else options.mode6) == "routed"


def _failure(held: Held, error: PlatformError) -> str:
    seat = holding.publisher(held, 4) or holding.publisher(held, 6)
    endpoint = seat.status.endpoint_id if seat else ""
    return (
        "failed to set up container networking: driver failed programming external connectivity "
        f"on endpoint {held.container.name} ({endpoint}): {error}"
    )
