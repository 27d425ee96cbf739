"""A netlink socket. It belongs to the network namespace it was opened in, whichever thread uses it later."""

import errno
import os
import socket
import struct
from collections.abc import Sequence
from ipaddress import ip_address

from boxship.base.errors import KernelError
from boxship.host.api.network import LinkSeen, NeighbourSeen, RouteSeen
from boxship.host.netlink import route, wire

ROUTE = 0  # NETLINK_ROUTE
SO_SNDBUFFORCE = 32
ROOM = 4 << 20  # bytes that one send may have; it is a limit, not a cost


class LinkFailed(KernelError):
    """A request was refused. `number` is the errno, for callers that know what to do about it."""

    def __init__(self, request: wire.Request, number: int) -> None:
        super().__init__(f"{request.about}: {os.strerror(number)}")
        self.number = number


class Channel:
    """One at a time: a channel must not be used by two threads at once."""

    def __init__(self, protocol: int = ROUTE) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, ROOM)
        self._socket.bind((0, 0))
        self._sequence = 0

    @property
    def port(self) -> int:
        """The number by which the kernel knows the socket."""
        return int(self._socket.getsockname()[0])

    def close(self) -> None:
        self._socket.close()

    def call(self, requests: Sequence[wire.Request]) -> None:
        """Send all in one go; the kernel does them in order. Raises LinkFailed for the first one refused;
        those behind it have been tried as well."""
        if not requests:
            return
        first = self._sequence + 1
        self._sequence += len(requests)
        self._socket.send(b"".join(r.packed(first + n) for n, r in enumerate(requests)))
        failed: LinkFailed | None = None
        waiting = sum(bool(r.flags & wire.ACK) for r in requests)
        while waiting:
            for message in wire.messages(self._socket.recv(65536)):
                number = first_int(message.body)
                request = requests[message.sequence - first]
                waiting = waiting - 1 if request.flags & wire.ACK else 0  # without its frame a batch is not looked at
                if number and -number not in request.tolerate and failed is None:
                    failed = LinkFailed(request, -number)
        if failed is not None:
            raise failed

    def ask(self, request: wire.Request) -> list[wire.Message]:
        """Return the answers to one request that does not ask for an acknowledgement, a dump or a look-up."""
        self._sequence += 1
        self._socket.send(request.packed(self._sequence))
        answers: list[wire.Message] = []
        while True:
            for message in wire.messages(self._socket.recv(1 << 18)):
                if message.kind == wire.DONE:
                    return answers
                if message.kind == wire.ERROR:
                    raise LinkFailed(request, -first_int(message.body))
                answers.append(message)
            if not request.flags & wire.DUMP:
                return answers

    def index(self, name: str) -> int:
        """Return the index of a link. Raises LinkFailed (ENODEV) when there is none."""
        return link_seen(self.ask(route.find_link(name))[0]).index

    def links(self) -> dict[str, LinkSeen]:
        return {link.name: link for link in map(link_seen, self.ask(route.all_links()))}

    def has(self, name: str) -> bool:
        try:
            self.index(name)
        except LinkFailed as e:
            if e.number == errno.ENODEV:
                return False
            raise
        return True

    def addresses(self) -> list[tuple[int, str]]:
        """(link index, address with prefix), without IPv6's link-local ones."""
        found = []
        for message in self.ask(route.all_addresses()):
            family, prefix, _, _, index = struct.unpack_from("=BBBBI", message.body)
            values = wire.attributes(message.body[8:])
            packed = values.get(route.IFA_LOCAL, values.get(route.IFA_ADDRESS, b""))
            if family in (route.AF_INET, route.AF_INET6) and not ip_address(packed).is_link_local:
                found.append((index, f"{ip_address(packed)}/{prefix}"))
        return found

    def routes(self) -> list[RouteSeen]:
        """The main table, without IPv6's link-local and multicast routes."""
        found = []
        for message in self.ask(route.all_routes()):
            family, prefix, _, _, table = struct.unpack_from("=BBBBB", message.body)
            values = wire.attributes(message.body[12:])
            if table != route.TABLE_MAIN or family not in (route.AF_INET, route.AF_INET6):
                continue
            anywhere = bytes(4 if family == route.AF_INET else 16)
            address = ip_address(values.get(route.RTA_DST, anywhere))
            if not (address.is_link_local or address.is_multicast):
                via = values.get(route.RTA_GATEWAY)
                link = wire.integer(values.get(route.RTA_OIF, b""))
                gateway = str(ip_address(via)) if via else ""
                found.append(RouteSeen(to=f"{address}/{prefix}", link=link, gateway=gateway))
        return found

    def neighbours(self) -> list[NeighbourSeen]:
        """What is known for good of other hosts' hardware addresses, and behind which ports of bridges they are.
        What was learned and may be forgotten again is left out."""
        found = []
        for family in (0, route.AF_BRIDGE):
            for message in self.ask(route.all_neighbours(family)):
                told, index, state, _, _ = struct.unpack_from("=BxxxiHBB", message.body)
                values = wire.attributes(message.body[12:])
                if not state & (route.NUD_PERMANENT | route.NUD_NOARP):
                    continue
                packed = values.get(route.NDA_DST, b"")
                if told == route.AF_BRIDGE or packed:
                    address = "" if told == route.AF_BRIDGE else str(ip_address(packed))
                    mac = values.get(route.NDA_LLADDR, b"").hex(":")
                    found.append(NeighbourSeen(link=index, address=address, mac=mac))
        return found


def first_int(body: bytes) -> int:
    (number,) = struct.unpack_from("=i", body)
    return int(number)


def link_seen(message: wire.Message) -> LinkSeen:
    _, _, index, flags, _ = struct.unpack_from("=BxHiII", message.body)
    values = wire.attributes(message.body[16:])
    info = wire.attributes(values.get(route.IFLA_LINKINFO, b""))
    return LinkSeen(
        name=wire.string(values[route.IFLA_IFNAME]),
        index=index,
        kind=wire.string(info.get(route.INFO_KIND, b"")),
        master=wire.integer(values.get(route.IFLA_MASTER, b"")),
        up=bool(flags & route.IFF_UP),
        mtu=wire.integer(values.get(route.IFLA_MTU, b"")),
        mac=values.get(route.IFLA_ADDRESS, b"").hex(":"),
        peer=wire.integer(values.get(route.IFLA_LINK, b"")),
        space=wire.signed(values.get(route.IFLA_LINK_NETNSID)),
    )
