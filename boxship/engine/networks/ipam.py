"""Addresses: which block a network gets, which address an endpoint gets. State is an argument; no I/O."""

from collections.abc import Collection, Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from boxship.base.errors import Forbidden, Invalid
from boxship.model.network import IpamPool

Block = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address


def block(text: str) -> Block:
    """Return the block of a CIDR whose host bits may be set. Raises Invalid with dockerd's text."""
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise Invalid(f"invalid subnet {text}: invalid CIDR address: {text}") from None


def address(text: str, what: str = "address") -> Address:
    try:
        return ip_address(text)
    except ValueError:
        raise Invalid(f"invalid {what} {text}: not an IP address") from None


def choose_block(pools: Iterable[tuple[str, int]], taken: Collection[str], version: int = 4) -> str:
    """Return the first piece of `pools` that overlaps nothing in `taken`. Raises Forbidden when all are used up."""
    used = [b for b in map(block, taken) if b.version == version]
    for text, size in pools:
        pool = block(text)
        if pool.version == version:
            found = _free_piece(pool, size, used)
            if found is not None:
                return str(found)
    raise Forbidden("all predefined address pools have been fully subnetted")


def _free_piece(pool: Block, size: int, used: list[Block]) -> Block | None:
    """Walk the pieces of a pool, jumping over what is used; a /48 of /64 pieces is never listed."""
    step = 1 << (pool.max_prefixlen - max(size, pool.prefixlen))
    start, end = int(pool.network_address), int(pool.broadcast_address)
    while start + step - 1 <= end:
        clash = next(
            (u for u in used if int(u.network_address) < start + step and start <= int(u.broadcast_address)), None
        )
        if clash is None:
            return type(pool)((start, max(size, pool.prefixlen)))
        start += step * max(1, -(-(int(clash.broadcast_address) + 1 - start) // step))
    return None


def overlap(subnet: str, others: Iterable[str]) -> str | None:
    """Return the first of `others` that shares addresses with `subnet`."""
    mine = block(subnet)
    return next((o for o in others if (b := block(o)).version == mine.version and b.overlaps(mine)), None)


def settle(pool: IpamPool, taken: Collection[str]) -> IpamPool:
    """Return `pool` checked and with its gateway filled in: the first free address of the block.

    Raises Invalid for what cannot be, Forbidden for a block in use, with dockerd's texts."""
    subnet = block(pool.subnet)
    if overlap(str(subnet), taken) is not None:
        raise Forbidden("invalid pool request: Pool overlaps with other one on this address space")
    span = block(pool.ip_range) if pool.ip_range else subnet
    if not _inside(span, subnet):
        raise Invalid(f"invalid ip-range {pool.ip_range}: it is not inside subnet {subnet}")
    reserved = {"gateway": pool.gateway, **pool.auxiliary_addresses}
    for name, text in reserved.items():
        if text and address(text, name) not in subnet:
            raise Invalid(f"no matching subnet for {_called(name)} {text}")
    gateway = pool.gateway or str(_first_gateway(subnet, set(pool.auxiliary_addresses.values())))
    return IpamPool(
        subnet=str(subnet),
        ip_range=str(span) if pool.ip_range else "",
        gateway=gateway,
        auxiliary_addresses=pool.auxiliary_addresses,
    )


def _called(name: str) -> str:
    return "gateway" if name == "gateway" else "aux-address"


def _inside(inner: Block, outer: Block) -> bool:
    return inner.version == outer.version and inner.network_address in outer and inner.broadcast_address in outer


def _first_gateway(subnet: Block, auxiliary: Collection[str]) -> Address:
    first = next((a for a in _hosts(subnet) if str(a) not in auxiliary), None)
    if first is None:
        raise Invalid(f"subnet {subnet} has no room for a gateway")
    return first


def _hosts(subnet: Block) -> Iterator[Address]:
    """Addresses of endpoints, in order: without the block's first, and without IPv4's broadcast address."""
    first, last = int(subnet.network_address), int(subnet.broadcast_address)
    if subnet.num_addresses > 2:
        first, last = first + 1, last - (subnet.version == 4)
    make = IPv4Address if subnet.version == 4 else IPv6Address
    return (make(n) for n in range(first, last + 1))


class Lease:
    """The addresses of one settled block: reserved ones are never given. Lowest free first, as dockerd does,
    so that a container stopped and started alone finds its address again."""

    def __init__(self, pool: IpamPool) -> None:
        self.pool = pool
        self._subnet = block(pool.subnet)
        span = block(pool.ip_range) if pool.ip_range else self._subnet
        self._reserved = {a for a in (pool.gateway, *pool.auxiliary_addresses.values()) if a}
        self._given: set[int] = set()
        ends = (int(self._subnet.network_address), int(self._subnet.broadcast_address))
        self._low = max(int(span.network_address), ends[0] + (self._subnet.num_addresses > 2))
        self._high = min(int(span.broadcast_address), ends[1] - (span.version == 4 and self._subnet.num_addresses > 2))
        self._never = {int(address(a)) for a in self._reserved}
        self._hint = self._low

    @property
    def prefix(self) -> int:
        return self._subnet.prefixlen

    @property
    def version(self) -> int:
        return self._subnet.version

    @property
    def given(self) -> int:
        return len(self._given)

    def take(self) -> str:
        """Return the lowest free address. Raises Forbidden when there is none."""
        number = self._hint
        while number <= self._high and (number in self._given or number in self._never):
            number += 1
        if number > self._high:
            raise Forbidden(
                "no available IPv4 addresses on this network's address pools"
                if self.version == 4
                else "no available IPv6 addresses on this network's address pools"
            )
        self._given.add(number)
        self._hint = number + 1
        return str(self._make(number))

    def claim(self, text: str) -> str:
        """Give this very address. Raises Invalid outside the block, Forbidden when it is in use."""
        wanted = address(text)
        if wanted not in self._subnet:
            raise Invalid(f"no configured subnet or ip-range contain the IP address {text}")
        if int(wanted) in self._given or int(wanted) in self._never:
            raise Forbidden("Address already in use")
        self._given.add(int(wanted))
        return str(wanted)

    def hold(self, text: str) -> None:
        """Note an address as given, whatever it was before."""
        self._given.add(int(address(text)))

    def release(self, text: str) -> None:
        """Take an address back; nothing happens if it was not given."""
        number = int(address(text))
        if number in self._given:
            self._given.discard(number)
            self._hint = min(self._hint, max(number, self._low))

    def holds(self, text: str) -> bool:
        return int(address(text)) in self._given

    def contains(self, text: str) -> bool:
        return address(text) in self._subnet

    def _make(self, number: int) -> Address:
        return IPv4Address(number) if self.version == 4 else IPv6Address(number)


def mac_for(ipv4: str, seed: bytes = b"") -> str:
    """Return 02:42 and the four bytes of the address, as dockerd; without an address, from four bytes of `seed`."""
    tail = IPv4Address(ipv4).packed if ipv4 else (seed + b"\0\0\0\0")[:4]
    return ":".join(f"{b:02x}" for b in b"\x02\x42" + tail)
