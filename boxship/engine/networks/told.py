"""What containers are told about networks: their three files, with old-style links in them."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from boxship.base.errors import Conflict, NotFound
from boxship.base.ids import short
from boxship.engine.networks import endpoints, files, links
from boxship.engine.networks.attached import Members, NetworkFiles
from boxship.engine.networks.held import Held
from boxship.engine.networks.links import Link
from boxship.engine.networks.naming import Naming
from boxship.engine.networks.places import Places
from boxship.model.network import EndpointStatus
from boxship.model.status import Container, State

HOSTS = "/etc/hosts"
LIVE = (State.RUNNING, State.PAUSED, State.RESTARTING)


class Told:
    def __init__(self, places: Places, members: Members, naming: Naming) -> None:
        self._places = places
        self._members = members
        self._naming = naming

    def files(self, container: Container, gateways: tuple[str, ...]) -> NetworkFiles:
        """Return the files of an attached container; those of its lender if it joined one. gateways: what
        `host-gateway` stands for. Raises Conflict when it is not attached."""
        owner = self._members.find(container.group) if container.group != container.id else container
        held = self._places.held(owner.id)
        if held is None:
            raise Conflict(f"container {owner.id} is not attached to its networks")
        host = endpoints.mode_of(owner.spec) == endpoints.HOST
        extra = files.extra_hosts(owner.spec.host.extra_hosts or (), gateways)
        return NetworkFiles(
            hostname=f"{_hostname(owner)}\n",
            hosts=_with_host_names(extra) if host else files.hosts(_own(held), extra, self._link_hosts(owner)),
            resolv_conf=self._naming.host_resolv_conf(held) if host else self._naming.resolv_conf(held),
        )

    def linked(self, container: Container) -> Iterator[tuple[Link, Container]]:
        """The containers that an old-style link leads to; a link to one that is removed since is forgotten."""
        if endpoints.mode_of(container.spec) == endpoints.DEFAULT:
            for link in map(links.parse_link, container.spec.host.links or ()):
                with suppress(NotFound):
                    yield link, self._members.find(link.target)

    def require_links(self, container: Container) -> None:
        """Raise Conflict, with dockerd's text, when a container that is linked to does not run."""
        for link, other in self.linked(container):
            if other.status.state not in LIVE:
                raise Conflict(
                    f"Cannot link to a non running container: /{other.name} AS /{container.name}/{link.alias}"
                )

    def linking_to(self, container: Container) -> list[str]:
        """Ids of the attached containers that have an old-style link to this one."""
        ids = []
        for held in self._places.all():
            targets = {link.target for link in map(links.parse_link, held.container.spec.host.links or ())}
            if targets & {container.name, container.id, short(container.id)}:
                ids.append(held.container.id)
        return ids

    def _link_hosts(self, container: Container) -> list[tuple[str, str]]:
        return [
            (_address_of(other), links.host_names(link, _hostname(other), other.name))
            for link, other in self.linked(container)
            if _address_of(other)
        ]


def _hostname(container: Container) -> str:
    return container.spec.hostname or short(container.id)


def _own(held: Held) -> list[tuple[str, str]]:
    spec = held.container.spec
    names = files.own_names(_hostname(held.container), spec.domainname)
    return [(address, names) for seat in held.seats.values() for address in _addresses(seat.status)]


def _addresses(status: EndpointStatus) -> tuple[str, ...]:
    return tuple(filter(None, (status.ipv4_address, status.ipv6_address)))


def _address_of(container: Container) -> str:
    status = container.status.networks.get(endpoints.DEFAULT)
    return status.ipv4_address if status else ""


def _with_host_names(extra: tuple[tuple[str, str], ...]) -> str:
    try:
        text = Path(HOSTS).read_text()
    except OSError:
        text = files.hosts(())
    return text + "".join(f"{address}\t{names}\n" for address, names in extra)
