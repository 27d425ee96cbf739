"""What a running container holds of networks, kept in memory and rebuilt from its record after a restart."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from boxship.engine.networks import endpoints, rules
from boxship.engine.networks.attached import Attached
from boxship.engine.networks.dns import Record
from boxship.engine.networks.drivers import Place
from boxship.engine.networks.ports import Published, report
from boxship.model.network import EndpointSpec, EndpointStatus, Network
from boxship.model.status import Container


@dataclass(slots=True)
class Seat:
    """One network of a container."""

    network: Network
    asked: EndpointSpec
    status: EndpointStatus


@dataclass(slots=True)
class Held:
    """path: of the pinned namespace, "" for the host's. opened: ports that are reachable untranslated."""

    container: Container
    path: str
    seats: dict[str, Seat] = field(default_factory=dict)
    ports: tuple[Published, ...] = ()
    opened: tuple[Published, ...] = ()

    def attached(self) -> Attached:
        statuses = {name: seat.status for name, seat in self.seats.items()}
        return Attached(netns_path=self.path, networks=statuses, ports=report(self.ports))

    def gateways(self) -> dict[str, tuple[str, ...]]:
        """Network -> gateways of the default routes through it."""
        return endpoints.gateway_networks(
            {name: seat.status for name, seat in self.seats.items()},
            {name: seat.asked for name, seat in self.seats.items()},
        )

    def place(self, name: str) -> Place:
        seat = self.seats[name]
        return Place(seat.asked, seat.status, self.gateways().get(name, ()), bool(self.ports))

    def host_links(self) -> list[str]:
        return [seat.status.host_link for seat in self.seats.values() if seat.status.host_link]

    def named(self) -> list[Seat]:
        """The networks in which names are answered."""
        return [seat for seat in self.seats.values() if endpoints.is_named(seat.network)]

    def outside(self) -> bool:
        """Whether some network leads out of this host."""
        return any(not seat.network.spec.internal for seat in self.seats.values())


def record_of(seat: Seat) -> Record:
    """What the name server knows of a container in one network. Its full id is too long for a name."""
    return Record(seat.status.dns_names, seat.status.ipv4_address, seat.status.ipv6_address)


def publisher(held: Held, family: int) -> Seat | None:
    """Return the network whose address published ports of a family lead to: the one the default route goes through."""
    attribute = "gateway" if family == 4 else "ipv6_gateway"
    for name, gateways in held.gateways().items():
        seat = held.seats[name]
        if getattr(seat.status, attribute) in gateways and seat.network.spec.driver == "bridge":
            return seat
    return None


def elements(held: Held, translated: Iterable[Published], target: rules.Target) -> rules.Elements:
    """Return what the firewall needs for ports of a container, those without translation among them."""
    inside = rules.of_ports(translated, target._replace(routed4=False, routed6=False))
    direct = target._replace(ipv4=target.ipv4 if target.routed4 else "", ipv6=target.ipv6 if target.routed6 else "")
    return rules.merge([inside, rules.of_ports(held.opened, direct)])
