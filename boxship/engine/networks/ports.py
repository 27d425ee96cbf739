"""Published ports: which are asked for, which host ports they get. No I/O: whether a port is free, an argument says."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import NamedTuple

from boxship.base.errors import Invalid, PlatformError
from boxship.engine.networks.attached import Ports
from boxship.model.container import PortBinding

Occupied = Callable[[str, str, int, int], int | None]  # protocol, host address, first, last -> the first one held
EPHEMERAL = (32768, 60999)
PROTOCOLS = ("tcp", "udp", "sctp")
ANY4, ANY6 = "0.0.0.0", "::"


class PortTaken(PlatformError):
    """dockerd answers 500 for it, and tools look for the text."""


class Wanted(NamedTuple):
    """One port of a container to publish. address "": wherever the daemon publishes.
    low, high: host ports of which one will do; 0, 0 for any free one.
    size: of a run of ports, one after the other, that go to as many host ports from `low` on."""

    protocol: str
    port: int
    address: str
    low: int
    high: int
    size: int = 1


class Published(NamedTuple):
    """One port of a container as published, or a run of `size` ports."""

    protocol: str
    port: int
    address: str
    host_port: int
    size: int = 1

    def each(self) -> Iterator["Published"]:
        """The ports of a run one by one."""
        yield from (Published(self.protocol, self.port + n, self.address, self.host_port + n) for n in range(self.size))


def parse(key: str) -> tuple[int, int, str]:
    """Return (low, high, protocol) of "80/tcp", "80" or "8000-8010/udp". Raises Invalid with dockerd's text."""
    numbers, _, protocol = key.partition("/")
    protocol = (protocol or "tcp").lower()
    if protocol not in PROTOCOLS:
        raise Invalid(f"invalid port specification: {key}: unknown protocol {protocol}")
    low, high = parse_range(numbers, key)
    return low, high, protocol


def parse_range(text: str, whole: str = "") -> tuple[int, int]:
    """Return the ends of "80" or "80-90". Raises Invalid for what is no port."""
    first, dash, last = text.partition("-")
    if not first.isdecimal() or (dash and not last.isdecimal()):
        raise Invalid(f"invalid port specification: {whole or text}")
    low, high = int(first), int(last) if dash else int(first)
    if not low <= high <= 65535:
        raise Invalid(f"invalid port range: {whole or text}")
    return low, high


def wanted(
    bindings: Mapping[str, Sequence[PortBinding] | None] | None, exposed: Iterable[str] = (), publish_all: bool = False
) -> tuple[Wanted, ...]:
    """Return what to publish, in order of container port. Raises Invalid for impossible ports and addresses."""
    asked: list[Wanted] = []
    for key, entries in (bindings or {}).items():
        low, high, protocol = parse(key)
        for entry in entries or ():
            asked += _wanted(low, high, protocol, entry)
    if publish_all:
        served = {(w.protocol, w.port + n) for w in asked for n in range(w.size)}
        for low, high, protocol in map(parse, exposed):
            missing = (p for p in range(low, high + 1) if (protocol, p) not in served)
            asked += (Wanted(protocol, port, "", 0, 0) for port in missing)
    return tuple(sorted(asked, key=lambda w: (w.port, w.protocol)))


def _wanted(low: int, high: int, protocol: str, entry: PortBinding) -> list[Wanted]:
    if entry.host_ip:
        _check_address(entry.host_ip)
    if entry.host_port in ("", "0"):
        return [Wanted(protocol, port, entry.host_ip, 0, 0) for port in range(low, high + 1)]
    first, last = parse_range(entry.host_port, f"{entry.host_port}:{low}")
    if high == low:
        return [Wanted(protocol, low, entry.host_ip, first, last)]
    if last - first != high - low:
        raise Invalid(f"invalid ranges specified for container and host Ports: {low}-{high} and {first}-{last}")
    return [Wanted(protocol, low, entry.host_ip, first, first, high - low + 1)]


def _check_address(text: str) -> None:
    try:
        ip_address(text)
    except ValueError:
        raise Invalid(f"invalid IP address: {text}") from None


@dataclass(slots=True)
class Holder:
    """Who has a port at one address: one container, or `count` of a `group` that shares it."""

    group: str
    count: int = 0


class PortTable:
    """The published ports of this daemon. Containers of the same group, unless it is "", may have the same ones."""

    def __init__(self, publish_address: str = ANY4, ephemeral: tuple[int, int] = EPHEMERAL) -> None:
        self._default = publish_address
        self._ephemeral = ephemeral
        self._cursor = ephemeral[0]
        self._taken: dict[tuple[str, int], dict[str, Holder]] = {}  # (protocol, port) -> address -> holder
        self._runs: set[Published] = set()  # are never shared

    def publish(
        self,
        asked: Sequence[Wanted],
        families: Sequence[int],
        occupied: Occupied,
        binding: str = "",
        group: str = "",
    ) -> tuple[Published, ...]:
        """Give host ports to all of `asked`, or to none. families: 4, 6 or both, as the container has addresses.
        binding: IPv4 address of the host for ports that name none, instead of the daemon's.

        Raises PortTaken with dockerd's texts."""
        given: list[Published] = []
        places = {asked_at: self.addresses(asked_at, families, binding) for asked_at in {w.address for w in asked}}
        try:
            for want in asked:
                addresses = places[want.address]
                given += self._publish(want, addresses, occupied, group) if addresses else ()
        except PlatformError:
            self.release(given)
            raise
        return tuple(given)

    def addresses(self, asked: str, families: Sequence[int], binding: str = "") -> tuple[str, ...]:
        """Return the host addresses a port is published at. Unless said otherwise: every one of each family."""
        asked = asked or binding or ("" if self._default == ANY4 else self._default)
        if asked == "":
            return tuple(a for family, a in ((4, ANY4), (6, ANY6)) if family in families)
        address = ip_address(asked)
        here = address.version == 6 and address.is_loopback  # leads to containers without IPv6, too
        return (str(address),) if here or address.version in families else ()

    def claim(self, ports: Iterable[Published], group: str = "") -> None:
        """Note ports that are in force already, without asking."""
        for p in ports:
            if p.size > 1:
                self._runs.add(p)
                continue
            holders = self._taken.setdefault((p.protocol, p.host_port), {})
            holders.setdefault(p.address, Holder(group)).count += 1

    def free(self, p: Published, group: str = "") -> bool:
        """Whether the port may be claimed."""
        if p.size > 1:
            return self._clash_of_run(p.protocol, p.address, p.host_port, p.size) is None
        return not self._clashes(p.protocol, p.address, p.host_port, group)

    def release(self, ports: Iterable[Published]) -> None:
        for p in ports:
            if p.size > 1:
                self._runs.discard(p)
                continue
            holders = self._taken.get((p.protocol, p.host_port), {})
            holder = holders.get(p.address)
            if holder is not None:
                holder.count -= 1
                if not holder.count:
                    del holders[p.address]
                if not holders:
                    del self._taken[p.protocol, p.host_port]

    def _publish(self, want: Wanted, addresses: Sequence[str], occupied: Occupied, group: str) -> list[Published]:
        if want.size > 1:
            self._require_free_run(want, addresses, occupied)
            port = want.low
        else:
            port = self._choose(want, addresses, occupied, group)
        given = [Published(want.protocol, want.port, address, port, want.size) for address in addresses]
        self.claim(given, group)
        return given

    def _choose(self, want: Wanted, addresses: Sequence[str], occupied: Occupied, group: str) -> int:
        if want.low and want.low == want.high:
            for address in addresses:
                self._refuse_if_taken(want.protocol, address, want.low, occupied, group)
            return want.low
        for port in range(want.low, want.high + 1) if want.low else self._free_ones():
            if not any(
                self._clashes(want.protocol, a, port) or occupied(want.protocol, a, port, port) is not None
                for a in addresses
            ):
                self._cursor = self._cursor if want.low else port + 1
                return port
        raise PortTaken(f"Bind for {addresses[0]}:{want.low}-{want.high} failed: all ports are allocated")

    def _require_free_run(self, want: Wanted, addresses: Sequence[str], occupied: Occupied) -> None:
        for address in addresses:
            taken = self._clash_of_run(want.protocol, address, want.low, want.size)
            if taken is not None:
                raise PortTaken(f"Bind for {_shown(address)}:{taken} failed: port is already allocated")
            held = occupied(want.protocol, address, want.low, want.low + want.size - 1)
            if held is not None:
                where = f"{_shown(address)}:{held}/{want.protocol}"
                raise PortTaken(f"failed to bind host port {where}: address already in use")

    def _free_ones(self) -> Iterable[int]:
        low, high = self._ephemeral
        start = self._cursor if low <= self._cursor <= high else low
        yield from range(start, high + 1)
        yield from range(low, start)

    def _refuse_if_taken(self, protocol: str, address: str, port: int, occupied: Occupied, group: str) -> None:
        shown = _shown(address)
        if self._clashes(protocol, address, port, group):
            raise PortTaken(f"Bind for {shown}:{port} failed: port is already allocated")
        if occupied(protocol, address, port, port) is not None:
            raise PortTaken(f"failed to bind host port {shown}:{port}/{protocol}: address already in use")

    def _clashes(self, protocol: str, address: str, port: int, group: str = "") -> bool:
        if any(_overlap(run, protocol, address, port, 1) for run in self._runs):
            return True
        holders = self._taken.get((protocol, port), {})
        others = (held for held, holder in holders.items() if held != address or not group or holder.group != group)
        return any(_meet(held, address) for held in others)

    def _clash_of_run(self, protocol: str, address: str, low: int, size: int) -> int | None:
        """Return the first port of the run that somebody has."""
        clashes = [max(low, run.host_port) for run in self._runs if _overlap(run, protocol, address, low, size)]
        for (name, port), holders in self._taken.items():
            if name == protocol and low <= port < low + size and any(_meet(held, address) for held in holders):
                clashes.append(port)
        return min(clashes, default=None)


def _overlap(run: Published, protocol: str, address: str, low: int, size: int) -> bool:
    apart = run.host_port >= low + size or low >= run.host_port + run.size
    return run.protocol == protocol and not apart and _meet(run.address, address)


def _meet(one: str, other: str) -> bool:
    """Whether two addresses of the host are the same, or one stands for all of its family."""
    if (":" in one) != (":" in other):
        return False
    return one == other or one in (ANY4, ANY6) or other in (ANY4, ANY6)


def _shown(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def report(ports: Iterable[Published]) -> Ports:
    """Return the ports as ContainerStatus keeps them, runs under a key as "8000-8999/udp"."""
    found: dict[str, list[tuple[str, int]]] = {}
    for p in ports:
        span = f"{p.port}-{p.port + p.size - 1}" if p.size > 1 else str(p.port)
        found.setdefault(f"{span}/{p.protocol}", []).append((p.address, p.host_port))
    return {key: tuple(values) for key, values in found.items()}


def recall(ports: Ports) -> tuple[Published, ...]:
    """The reverse of `report`."""
    found = []
    for key, values in ports.items():
        low, high, protocol = parse(key)
        found += [Published(protocol, low, address, host_port, high - low + 1) for address, host_port in values]
    return tuple(found)
