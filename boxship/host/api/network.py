"""What the engine may ask of the host about links, network namespaces, packet filter and sockets.

Addresses are text; with a prefix length ("172.17.0.2/16") where the prefix matters. Links are named as `ip link`
shows them. A *space* is the network namespace of one group of containers.
"""

import socket
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Protocol

import msgspec


class BridgeLink(msgspec.Struct, frozen=True, kw_only=True):
    """A bridge as it should be. mtu 0 leaves the kernel's. addresses: the host's own in it, with prefix.
    filtered: frames between its ports pass the packet filter, whatever the host's setting (needs br_netfilter)."""

    name: str
    addresses: tuple[str, ...] = ()
    mtu: int = 0
    mac: str = ""
    filtered: bool = False


class Plug(msgspec.Struct, frozen=True, kw_only=True):
    """One interface of a space and where it leads.

    interface: name inside.  link: bridge its other end is put into, or parent link of a macvlan.
    host_link: name of the other end on the host; "" lets the host choose.
    addresses: with prefix.  gateways: of default routes, one per family at most.
    isolated: no traffic to other isolated ports of the bridge.  hairpin: frames may return through the port.
    kind: veth; macvlan with its `mode` (bridge, private, vepa, passthru); or ipvlan with mode and flag ("l2 bridge").
    sysctls: under net/, `ipv4.conf.eth0.forwarding`, written before the interface comes up.
    """

    interface: str
    link: str = ""
    host_link: str = ""
    mac: str = ""
    addresses: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    mtu: int = 0
    isolated: bool = False
    hairpin: bool = False
    kind: str = "veth"
    mode: str = "bridge"
    sysctls: dict[str, str] = {}


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A space ready for its group. path: of the namespace's pin. host_links: other ends, in the order of the plugs."""

    path: str
    host_links: tuple[str, ...] = ()


class LinkSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A link. kind: bridge, veth, … ("" for hardware). master: index of the bridge it is in, or 0.
    peer: index of the other end of a veth pair, in whichever namespace that is.  space: the host's number for that
    namespace, -1 for its own."""

    name: str
    index: int
    kind: str = ""
    master: int = 0
    up: bool = False
    mtu: int = 0
    mac: str = ""
    peer: int = 0
    space: int = -1


class InterfaceSeen(msgspec.Struct, frozen=True, kw_only=True):
    """An interface of a space. addresses: with prefix, without link-local ones. peer: index of its other end on
    the host, 0 for none.  gateways: of the default routes through it."""

    addresses: tuple[str, ...] = ()
    mac: str = ""
    peer: int = 0
    up: bool = True
    gateways: tuple[str, ...] = ()


class RouteSeen(msgspec.Struct, frozen=True, kw_only=True):
    """to: destination with prefix, "0.0.0.0/0" and "::/0" for default routes.  link: index, 0 for none."""

    to: str
    link: int = 0
    gateway: str = ""


class NeighbourSeen(msgspec.Struct, frozen=True, kw_only=True):
    """An entry that never expires: link has `address` at `mac`; address "" means that `mac` is behind the link, a
    port of a bridge."""

    link: int
    address: str
    mac: str


class HostSeen(msgspec.Struct, frozen=True, kw_only=True):
    """What there is on the host at one moment. addresses: (link index, address with prefix).  forwards: whether
    IPv4 packets are routed between links."""

    links: dict[str, LinkSeen] = {}
    addresses: tuple[tuple[int, str], ...] = ()
    routes: tuple[RouteSeen, ...] = ()
    neighbours: tuple[NeighbourSeen, ...] = ()
    forwards: bool = True


class Stir(msgspec.Struct, frozen=True, kw_only=True):
    """Something was changed. space: the host's number for the namespace it was changed in, -1 for its own.
    link: name or index of the link it is about, "" and 0 for none or any.  kind: link, address, route, neighbour,
    rules, settings, mounts."""

    kind: str
    space: int = -1
    name: str = ""
    link: int = 0


class ElementChange(msgspec.Struct, frozen=True, kw_only=True):
    """Elements of one set or map to add or delete. declared: the set's type as nft declares it.
    elements: as nft writes them, "tcp . 80 : 10.0.0.2 . 80"."""

    set: str
    declared: str
    elements: tuple[str, ...]
    delete: bool = False


class Links(Protocol):
    """Links and routes of the host itself."""

    async def ensure_bridge(self, link: BridgeLink) -> None:
        """Make the bridge or correct the one there is: up, with exactly these addresses. Raises KernelError."""
        ...

    def bridged_filter(self) -> bool | None:
        """Whether frames between the ports of bridges pass the packet filter; None where they cannot (br_netfilter)."""
        ...

    def forward(self, ipv6: bool) -> bool:
        """Let the host route between its links; return whether that had to be changed."""
        ...

    async def supports(self, kind: str) -> bool:
        """Whether the kernel has links of a kind that need a parent, such as ipvlan."""
        ...

    async def remove(self, name: str) -> None:
        """Delete a link; it is no error when it is gone."""
        ...

    async def clear(self) -> None:
        """Finish deletions that a daemon was killed in."""
        ...

    async def seen(self) -> dict[str, LinkSeen]:
        """All links of the host by name."""
        ...

    async def addresses(self) -> tuple[tuple[int, str], ...]:
        """(link index, address with prefix) of the host's own addresses, both families."""
        ...

    async def routes(self) -> tuple[str, ...]:
        """Destinations of the host's main routing table, both families, without default routes."""
        ...

    async def look(self) -> HostSeen:
        """Everything of the host at once."""
        ...

    async def route(self, link: str, subnet: str, source: str) -> None:
        """Let `subnet` be reached by the link, as the kernel does when the link gets the address `source`."""
        ...

    async def forget(self, entry: NeighbourSeen) -> None:
        """Delete an entry; safe to repeat."""
        ...

    async def aclose(self) -> None: ...


class Spaces(Protocol):
    """Network namespaces of groups: taken from a pool, pinned under the exec root while in use."""

    async def open(self, group: str, plugs: Sequence[Plug]) -> Opened:
        """Give the group a space with these interfaces, loopback up. Raises KernelError and leaves nothing then."""
        ...

    async def close(self, group: str, host_links: Sequence[str] = ()) -> None:
        """Take `host_links` off their bridges and unpin the space; safe to repeat. The kernel frees the rest."""
        ...

    async def repin(self, group: str, pid: int) -> None:
        """Pin the network namespace of a running process as the group's. Raises NotFound when it has ended."""
        ...

    async def plug(self, group: str, plug: Plug) -> str:
        """Add an interface to an open space; return the name of its other end."""
        ...

    async def unplug(self, group: str, plug: Plug) -> None:
        """Take an interface away; safe to repeat."""
        ...

    async def adjust(self, plug: Plug) -> None:
        """Bring the host's end of a plug, `host_link`, to what the plug says: up, in its bridge, hairpin, isolation."""
        ...

    async def settle(self, group: str, plug: Plug) -> None:
        """Bring an interface that is there to what the plug says: up, hardware address, exactly these addresses,
        default routes."""
        ...

    async def interfaces(self, group: str) -> dict[str, InterfaceSeen]:
        """The interfaces of the space by name. Raises NotFound without space."""
        ...

    async def route(self, group: str, interface: str, gateways: Sequence[str]) -> None:
        """Let the default routes lead through `gateways` by `interface`, in place of those there are."""
        ...

    def path(self, group: str) -> str:
        """Where the space of the group is pinned, whether or not it is."""
        ...

    def fill(self) -> None:
        """Begin to fill the pool; refills follow by themselves."""
        ...

    def pinned(self) -> frozenset[str]:
        """The groups that have a pinned space now."""
        ...

    async def aclose(self) -> None:
        """Give up the pool. Pinned spaces stay."""
        ...


class Firewall(Protocol):
    """One nftables table of ours; nobody else's table is ever touched."""

    async def run(self, script: str) -> str:
        """Carry out nft commands as one transaction, all or nothing; return the output. Raises KernelError."""
        ...

    async def change(self, table: str, changes: Sequence[ElementChange]) -> None:
        """Add and delete elements as one transaction, all or nothing. Raises KernelError, also for deleting what is
        not there."""
        ...

    async def forget_udp(self, ports: Mapping[int, Collection[int]]) -> None:
        """Let the next packet to these UDP ports of the host, by IP version, find its way anew."""
        ...

    def disturbed(self, table: str) -> AsyncIterator[None]:
        """Yield after each change of `table`, or of any if "", that somebody else made."""
        ...

    async def aclose(self) -> None: ...


class ResolverSockets(Protocol):
    """Sockets of the name server in the spaces of containers."""

    async def open(self, path: str) -> tuple[socket.socket, socket.socket]:
        """Return a datagram and a listening socket that answer at 127.0.0.11:53 of the space pinned at `path`.

        Nothing is bound to port 53 there, a container's own name server may be. Both do not block."""
        ...

    async def outgoing(self, path: str, server: str, kind: int) -> socket.socket:
        """Return a socket of `kind` inside the space ("" is the host's) for asking `server`; not connected."""
        ...

    async def aclose(self) -> None: ...


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """A run of `size` ports of [::1], from `host_port` on, and where they lead: as many from `port` on at `address`,
    of either family."""

    protocol: str
    host_port: int
    address: str
    port: int
    size: int = 1


class Loopback(Protocol):
    """Ports of [::1] that programs of the host reach. `daemon` tells daemons apart that share a host."""

    def open(self, daemon: str) -> None:
        """Lead what was `put` from now on, instead of what an earlier daemon led; safe to repeat. Raises Unsupported
        or KernelError where the kernel cannot, and then leads nothing."""
        ...

    def put(self, held: Mapping[str, Sequence[Way]]) -> None:
        """Lead these ways for each holder, and none it had before; only noted until `open`."""
        ...

    def missing(self) -> bool:
        """Whether it is open and somebody took it away."""
        ...

    def close(self) -> None:
        """Let go of it; what is led stays so."""
        ...

    def remove(self, daemon: str) -> None:
        """Lead nothing any more, whoever began it."""
        ...


class PortProbe(Protocol):
    def occupied(self, protocol: str, address: str, port: int) -> bool:
        """Whether some socket of the host holds the port. `address` is IPv4 or IPv6, possibly the wildcard.
        Raises KernelError for an address that the host does not have."""
        ...

    def occupied_in(self, protocol: str, address: str, low: int, high: int) -> frozenset[int]:
        """The held ports of low … high; one look for all of them."""
        ...


class Stirs(Protocol):
    """What somebody, ourselves included, changes on the host and in the spaces that its links lead to."""

    def heard(self) -> AsyncIterator[Stir]:
        """Yield changes from now on. A Stir of kind "lost" says that some were missed."""
        ...


class HostNet(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of the above, as wired."""

    links: Links
    spaces: Spaces
    firewall: Firewall
    sockets: ResolverSockets
    ports: PortProbe
    stirs: Stirs
    loopback: Loopback
