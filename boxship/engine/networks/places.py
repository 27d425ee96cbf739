"""Containers' places in networks while they run: taken at start, changed while running, given back at the end."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TypeVar

import msgspec

from boxship.base.errors import Invalid, KernelError, NotFound, PlatformError
from boxship.base.ids import new_id
from boxship.engine.networks import endpoints
from boxship.engine.networks.attached import Attached
from boxship.engine.networks.audit import PinFault, PlugFault, Tenant, inside
from boxship.engine.networks.catalogue import Catalogue
from boxship.engine.networks.drivers import Driver
from boxship.engine.networks.held import Held, Seat
from boxship.engine.networks.naming import Naming
from boxship.engine.networks.publishing import Publishing
from boxship.host.api.network import InterfaceSeen, LinkSeen, Spaces
from boxship.model.container import ContainerSpec, HostSpec
from boxship.model.network import EndpointSpec, EndpointStatus, Network
from boxship.model.status import Container

A = TypeVar("A")
B = TypeVar("B")
log = logging.getLogger(__name__)


class Places:
    """Changes of one container's places must come one at a time; `Networks` sees to it."""

    def __init__(
        self,
        catalogue: Catalogue,
        drivers: Mapping[str, Driver],
        spaces: Spaces,
        publishing: Publishing,
        naming: Naming,
        pid: Callable[[Container], int] = lambda container: container.status.pid,
    ) -> None:
        self._catalogue = catalogue
        self._drivers = drivers
        self._spaces = spaces
        self._publishing = publishing
        self._naming = naming
        self._pid = pid
        self._held: dict[str, Held] = {}

    def held(self, container_id: str) -> Held | None:
        return self._held.get(container_id)

    def all(self) -> Iterable[Held]:
        return self._held.values()

    def within(self, network: Network) -> dict[str, EndpointStatus]:
        """Container id -> its place, for all that are in the network now."""
        found = {}
        for held in self._held.values():
            seat = held.seats.get(network.spec.name)
            if seat is not None and seat.network.id == network.id:
                found[held.container.id] = seat.status
        return found

    async def take(self, container: Container) -> Attached:
        """Give the container a namespace and its places, its ports and names. On failure nothing is left."""
        held = Held(container, "")
        if endpoints.mode_of(container.spec) == endpoints.HOST:
            held.seats = {"host": self._plain_seat("host")}
            self._held[container.id] = held
            return held.attached()
        try:
            self._sit(held)
            self._publishing.take(held)
            await self._wire(held)
            await self._naming.enter(held)
        except BaseException:
            await self._undo(held)
            raise
        self._held[container.id] = held
        return held.attached()

    async def give_back(self, container: Container) -> None:
        """Safe to repeat; works from the record alone when the daemon never saw the container run."""
        held = self._held.pop(container.id, None)
        if endpoints.mode_of(container.spec) == endpoints.HOST or container.group != container.id:
            return
        links = held.host_links() if held else _recorded_links(container)
        self._naming.leave(container.id)
        await asyncio.gather(self._publishing.close(container.id, held), self._spaces.close(container.group, links))
        for seat in held.seats.values() if held else ():
            endpoints.give_back(self._catalogue.leases(seat.network), seat.status)

    async def join(self, held: Held, network: Network, asked: EndpointSpec) -> None:
        """Put a running container into one more network. On failure it is as before."""
        used = [seat.status.interface for seat in held.seats.values()]
        before = held.gateways()
        held.seats.pop(endpoints.NONE, None)
        held.seats[network.spec.name] = self._seat(held.container, network, asked, used)
        try:
            await self._plug(held, network.spec.name)
            await self._rethink(held, before)
            await self._naming.enter(held)
        except BaseException:
            await self.leave(held, network.spec.name)
            raise

    async def leave(self, held: Held, network: str) -> None:
        """Take a running container out of a network; safe to repeat."""
        seat = held.seats.get(network)
        if seat is None:
            return
        before = held.gateways()
        plug = self._drivers[seat.network.spec.driver].plug(seat.network, held.place(network))
        del held.seats[network]
        if plug is not None:
            await self._spaces.unplug(held.container.group, plug)
        await self._rethink(held, before)
        await self._naming.enter(held, left=seat.network)
        endpoints.give_back(self._catalogue.leases(seat.network), seat.status)

    async def adjust(self, held: Held) -> None:
        """Let the container's ports of bridges treat frames as its published ports need it."""
        for name, seat in held.seats.items():
            plug = self._drivers[seat.network.spec.driver].plug(seat.network, held.place(name))
            if plug is not None and plug.host_link:
                await self._spaces.adjust(plug)

    def remember(self, container: Container) -> Held:
        """Take over a container that runs, from its record: addresses, ports and names are its own already."""
        held = Held(container, "")
        if endpoints.mode_of(container.spec) != endpoints.HOST:
            held.path = self._spaces.path(container.group)
        asked = _asked(container.spec, self._catalogue)
        for name, status in container.status.networks.items():
            network = self._catalogue.known(status.network_id)
            if not status.endpoint_id:
                continue  # a network it is to be in; `rediscover` looks whether it is
            if network is None:
                log.warning("container %s is in network %s, which is gone", container.name, name)
                continue
            endpoints.recall(self._catalogue.leases(network), status)
            held.seats[name] = Seat(network, asked.get(name, EndpointSpec()), status)
        self._publishing.adopt(held)
        self._held[container.id] = held
        return held

    async def rediscover(self, held: Held, seen: Mapping[str, LinkSeen]) -> bool:
        """Find the places that the record does not tell: a daemon that is killed while it starts a container leaves
        them to the kernel alone. Return whether there were any. seen: links of the host."""
        wished = endpoints.wishes(held.container.spec, self._catalogue.find)
        missing = [name for name in wished if name not in held.seats]
        if not missing:
            return False
        inside = await self._spaces.interfaces(held.container.group) if held.path else {}
        for name in missing:
            network, asked = wished[name]
            if self._addressed(network):
                held.seats[name] = self._recognised(held, network, asked, inside, seen)
            else:
                held.seats[name] = self._plain_seat(name)
        if not held.ports:
            self._publishing.take(held)
        await self._publishing.open(held)
        return True

    def _recognised(
        self,
        held: Held,
        network: Network,
        asked: EndpointSpec,
        inside: Mapping[str, InterfaceSeen],
        seen: Mapping[str, LinkSeen],
    ) -> Seat:
        """Return the seat that an interface of the container shows, else a new one, which `mend` will wire."""
        ends = {link.index: name for name, link in seen.items()}
        names = endpoints.dns_names(held.container, asked) if endpoints.is_named(network) else ()
        leases = self._catalogue.leases(network)
        for interface, shown in inside.items():
            status = endpoints.recognise(network, leases, shown.addresses, new_id())
            if status is not None:
                endpoints.recall(leases, status)
                link = ends.get(shown.peer, "")
                found = _with(status, interface=interface, mac_address=shown.mac, host_link=link, dns_names=names)
                return Seat(network, asked, found)
        return self._seat(held.container, network, asked, inside)

    def tenant(self, held: Held) -> Tenant:
        """What the auditor expects of a container that has a namespace."""
        plugs = {}
        for name, seat in held.seats.items():
            plug = self._drivers[seat.network.spec.driver].plug(seat.network, held.place(name))
            if plug is not None:
                plugs[name] = plug
        return Tenant(held.container.id, held.container.name, plugs, _may_change(held.container.spec.host))

    async def look_inside(self, held: Held) -> list[PinFault] | list[PlugFault]:
        """Return what differs in the container's namespace."""
        try:
            seen = await self._spaces.interfaces(held.container.group)
        except (NotFound, KernelError) as e:
            text = f"the namespace of container {held.container.name} cannot be entered by its pin: {e}"
            return [PinFault(held.container.id, text)]
        return inside(self.tenant(held), seen)

    async def mend(self, held: Held, fault: PinFault | PlugFault) -> str:
        """Repair one fault; return what was done."""
        if isinstance(fault, PinFault):
            await self._spaces.repin(held.container.group, self._pid(held.container))
            return "the namespace of its process was pinned again"
        plug = self.tenant(held).plugs[fault.network]
        if fault.gone:
            await self._spaces.unplug(held.container.group, plug)
            await self._plug(held, fault.network)
            return f"interface {plug.interface} was made again"
        if plug.host_link:
            await self._spaces.adjust(plug)
        await self._spaces.settle(held.container.group, plug)
        return f"interface {plug.interface} was brought back to its record"

    # taking places

    def _sit(self, held: Held) -> None:
        """Find the networks and addresses. On failure some may be taken; `_undo` gives them back."""
        wished = endpoints.wishes(held.container.spec, self._catalogue.find)
        names = endpoints.interface_names(
            {name: asked for name, (network, asked) in wished.items() if self._addressed(network)}, {}
        )
        for name, (network, asked) in wished.items():
            endpoints.require_fitting(network, asked)
            if self._addressed(network):
                held.seats[name] = self._seat(held.container, network, asked, interface=names[name])
            else:
                held.seats[name] = self._plain_seat(name)

    def _addressed(self, network: Network) -> bool:
        return self._drivers[network.spec.driver].addressed

    def _plain_seat(self, name: str) -> Seat:
        network = self._catalogue.find(name)
        status = EndpointStatus(network_id=network.id, network=name, endpoint_id=new_id())
        return Seat(network, EndpointSpec(), status)

    def _seat(
        self,
        container: Container,
        network: Network,
        asked: EndpointSpec,
        used: Iterable[str] = (),
        interface: str = "",
    ) -> Seat:
        interface = interface or endpoints.interface_names({"": asked}, {}, used)[""]
        status = endpoints.take(network, self._catalogue.leases(network), asked, new_id())
        names = endpoints.dns_names(container, asked) if endpoints.is_named(network) else ()
        return Seat(network, asked, _with(status, interface=interface, dns_names=names))

    async def _wire(self, held: Held) -> None:
        plugs = {}
        for name, seat in held.seats.items():
            plug = self._drivers[seat.network.spec.driver].plug(seat.network, held.place(name))
            if plug is not None:
                plugs[name] = plug
        opened, _ = await _both(
            self._spaces.open(held.container.group, list(plugs.values())), self._publishing.open(held)
        )
        held.path = opened.path
        for name, link in zip(plugs, opened.host_links, strict=True):
            held.seats[name].status = _with(held.seats[name].status, host_link=link)

    async def _plug(self, held: Held, name: str) -> None:
        seat = held.seats[name]
        plug = self._drivers[seat.network.spec.driver].plug(seat.network, held.place(name))
        if plug is not None:
            link = await self._spaces.plug(held.container.group, plug)
            seat.status = _with(seat.status, host_link=link)

    async def _rethink(self, held: Held, before: Mapping[str, tuple[str, ...]]) -> None:
        """After a change of networks: where the default routes lead, and the published ports with them."""
        after = held.gateways()
        if after == before:
            return
        for name, gateways in after.items():
            await self._spaces.route(held.container.group, held.seats[name].status.interface, gateways)
        await self._publishing.open(held)

    async def _undo(self, held: Held) -> None:
        self._naming.leave(held.container.id)
        results = await asyncio.gather(
            self._publishing.close(held.container.id, held),
            self._spaces.close(held.container.group, held.host_links()),
            return_exceptions=True,
        )
        for failure in results:
            if isinstance(failure, PlatformError):
                log.warning("cleaning up after container %s: %s", held.container.name, failure)
        for seat in held.seats.values():
            endpoints.give_back(self._catalogue.leases(seat.network), seat.status)


def _may_change(host: HostSpec) -> bool:
    """Whether the container may change the network in its namespace."""
    capabilities = {c.upper().removeprefix("CAP_") for c in host.cap_add or ()}
    return host.privileged or bool(capabilities & {"ALL", "NET_ADMIN"})


def _recorded_links(container: Container) -> list[str]:
    return [e.host_link for e in container.status.networks.values() if e.host_link]


def _asked(spec: ContainerSpec, catalogue: Catalogue) -> dict[str, EndpointSpec]:
    """What the user asked for, by network name; networks that are gone are left out."""
    try:
        return {name: asked for name, (_, asked) in endpoints.wishes(spec, catalogue.find).items()}
    except (NotFound, Invalid):
        return {}


def _with(status: EndpointStatus, **changes: object) -> EndpointStatus:
    return msgspec.structs.replace(status, **changes)


async def _both(first: Awaitable[A], second: Awaitable[B]) -> tuple[A, B]:
    """Await two things at once; both have ended when one's failure is raised."""
    one, two = await asyncio.gather(first, second, return_exceptions=True)
    for result in (one, two):
        if isinstance(result, BaseException):
            raise result
    return one, two  # type: ignore[return-value]
