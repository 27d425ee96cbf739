"""Networks of this node, and the places of containers in them."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec

from boxship.base.bus import Bus
from boxship.base.clock import Clock
from boxship.base.errors import Conflict, Forbidden, Invalid, NotFound, PlatformError
from boxship.base.tasks import Tasks
from boxship.engine.events import Events
from boxship.engine.networks import defaults, endpoints, ipam
from boxship.engine.networks.attached import Attached, Members, NetworkFiles, Ports
from boxship.engine.networks.catalogue import Catalogue
from boxship.engine.networks.drivers import Driver
from boxship.engine.networks.drivers.bridge import BridgeDriver
from boxship.engine.networks.drivers.ipvlan import IpvlanDriver
from boxship.engine.networks.drivers.macvlan import MacvlanDriver
from boxship.engine.networks.drivers.plain import PlainDriver
from boxship.engine.networks.edits import PortEdit
from boxship.engine.networks.files import Names
from boxship.engine.networks.held import Held
from boxship.engine.networks.keeper import Ground, Keeper
from boxship.engine.networks.making import Makers, walls_of
from boxship.engine.networks.names import NameServer
from boxship.engine.networks.naming import Naming
from boxship.engine.networks.places import Places
from boxship.engine.networks.porting import Porting
from boxship.engine.networks.publishing import Publishing
from boxship.engine.networks.settings import NetworkSettings
from boxship.engine.networks.sharing import Fit, fit
from boxship.engine.networks.told import Told
from boxship.engine.networks.upstream import Upstream
from boxship.engine.networks.wall import Wall
from boxship.host.api.network import HostNet, LinkSeen
from boxship.model.container import ContainerSpec
from boxship.model.network import EndpointSpec, EndpointStatus, Network, NetworkSpec
from boxship.model.status import Container
from boxship.store.api import Store

log = logging.getLogger(__name__)
# What a container goes through that may change whether it should get connections of ports it shares.
TURNS = ("start", "die", "kill", "pause", "unpause", "health_status")


class Networks:
    """`ref` is a network's id, its name, or the unique beginning of an id.

    on_files: called with a container's id when its hosts or resolv.conf should be written anew."""

    def __init__(
        self, settings: NetworkSettings, host: HostNet, store: Store, members: Members, bus: Bus, clock: Clock
    ) -> None:
        self._settings = settings
        self._host = host
        self._members = members
        self._clock = clock
        self._events = Events(bus, clock)
        self._catalogue = Catalogue(store)
        self._wall = Wall(settings.table, host.firewall)
        self._drivers = _drivers(settings, host)
        daemon = Names(settings.dns, settings.dns_search, settings.dns_options)
        naming = self._naming = Naming(NameServer(host.sockets, Upstream(host.sockets)), daemon)
        publishing = self._publishing = Publishing(settings.publish_address, host, self._wall, self._fit)
        self._places = Places(self._catalogue, self._drivers, host.spaces, publishing, naming, self._pid)
        self._porting = Porting(self._places, publishing, members)
        self._told = Told(self._places, members, naming)
        self._makers = Makers(settings, host.links, self._catalogue, self._drivers, self._wall, clock)
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._wall.on_repair = lambda fault, done: self._mended(None, "", fault, done)
        self._making = asyncio.Lock()
        self._keeper = self._make_keeper()
        self._bus = bus
        self._tasks = Tasks()
        self.on_files: Callable[[str], None] = lambda container_id: None

    # the life of the daemon

    async def open(self) -> None:
        """Read the networks, make the default ones and all their links; once, before anything else. The firewall
        stays as it is until `adopt` knows what belongs into it."""
        await self._catalogue.load()
        await self._host.links.clear()
        if self._settings.ip_forward:
            self._wall.closed = _forward_for_us(self._settings, self._host)
        await defaults.ensure(self._catalogue, self._settings, self._host.links, self._clock)
        for network in self._catalogue.all():
            try:
                await self._drivers[network.spec.driver].make(network)
            except PlatformError as e:  # one network that cannot be must not keep the others from working
                log.error("network %s: %s", network.spec.name, e)
            self._wall.note(network.id, walls_of(self._drivers[network.spec.driver], network))
        self._tasks.spawn(self._follow(), "follow what containers go through")
        self._host.spaces.fill()

    async def adopt(self, containers: Iterable[Container]) -> None:
        """Take over what runs: rebuild allocations, ports, names; repair links and rules. Once, after `open`, also
        when nothing runs."""
        running = [c for c in containers if c.group == c.id]
        for container in sorted(running, key=lambda c: -c.created):  # the youngest keeps a port two have on record
            self._places.remember(container)
        self._wall.opened = self._settings.open_published
        await self._wall.open()
        self._publishing.begin(self._settings.table)
        seen = await self._host.links.seen()
        await self._each_held(lambda held: self._rediscover(held, seen))
        for group in self._host.spaces.pinned() - {c.group for c in running}:
            await self._host.spaces.close(group)
        for _ in range(2):  # a bridge that was missing shows the links that are not in it
            await self._keeper.mend(await self._keeper.faults())
        await self._each_held(self._naming.enter)
        self._keeper.start()

    async def aclose(self) -> None:
        """Stop answering names and watching. Networks and containers' places stay as they are."""
        await self._tasks.aclose()
        await self._keeper.aclose()
        await self._wall.aclose()
        await self._naming.aclose()
        await self._host.spaces.aclose()
        await self._host.sockets.aclose()
        await self._host.links.aclose()
        await self._host.firewall.aclose()
        self._host.loopback.close()

    async def open_published(self, on: bool) -> None:
        """Let published ports pass the host's firewall whatever it says, or no longer."""
        await self._wall.open_for_published(on)

    async def dismantle(self) -> None:
        """Take the firewall table and the links of all networks away; containers must be gone. The store stays."""
        await self._wall.remove()
        self._host.loopback.remove(self._settings.table)
        for network in self._catalogue.all():
            await self._drivers[network.spec.driver].drop(network)

    # networks

    async def create(self, spec: NetworkSpec, unique: bool = True) -> tuple[Network, str]:
        """Return the new network and a warning, "" for none. unique: whether no other may have its name.
        Raises with dockerd's texts for what cannot be."""
        async with self._making:
            routes = await self._host.links.routes() if spec.ipam and spec.driver == "bridge" else ()
            network = await self._makers.make(spec, unique)
        self._publish("create", network)
        hidden = list(filter(None, (ipam.overlap(pool.subnet, routes) for pool in network.pools)))
        warning = f"network {spec.name} hides what the host has a route to: {', '.join(hidden)}" if hidden else ""
        if warning:
            log.warning("%s", warning)
        return network, warning

    def get(self, ref: str) -> Network:
        return self._catalogue.find(ref)

    def all(self) -> list[Network]:
        """Every network, oldest first."""
        return self._catalogue.all()

    def members(self, network: Network) -> dict[str, EndpointStatus]:
        """Container id -> its place, for the containers that are in the network and run."""
        return self._places.within(network)

    def in_use(self) -> frozenset[str]:
        """Ids of the networks that some container is in now."""
        return frozenset(seat.network.id for held in self._places.all() for seat in held.seats.values())

    async def remove(self, ref: str) -> None:
        """Raises Forbidden for a default network and for one in use."""
        async with self._making:
            network = self._catalogue.find(ref)
            if network.builtin:
                raise Forbidden(f"{network.spec.name} is a pre-defined network and cannot be removed")
            users = self._places.within(network)
            if users:
                names = ", ".join(f'name:"{self._members.find(i).name}" id:"{i[:12]}"' for i in users)
                raise Forbidden(
                    f"error while removing network: network {network.spec.name} has active endpoints ({names})"
                )
            await self._makers.unmake(network)
            self._naming.forget(network)
        self._publish("destroy", network)

    async def prune(self, chosen: Callable[[Network], bool]) -> list[str]:
        """Remove the networks that no container has, running or not, and that are `chosen`; return their names."""
        wanted = {n.id for c in self._members.all() for n in self._wished(c)}
        gone = []
        for network in self.all():
            if not network.builtin and network.id not in wanted and chosen(network):
                await self.remove(network.id)
                gone.append(network.spec.name)
        return gone

    # containers

    async def attach(self, container: Container) -> Attached:
        """Give a container that starts its namespace, places, ports and names; what it has already is returned."""
        async with self._locks[container.id]:
            held = self._places.held(container.id)
            if held is None:
                self._told.require_links(container)
                attached = await self._places.take(container)
                for status in attached.networks.values():
                    self._publish("connect", self._catalogue.find(status.network_id), container.id)
                for container_id in self._told.linking_to(container):
                    self.on_files(container_id)
                return attached
            return held.attached()

    async def detach(self, container: Container) -> None:
        """Take all that back; safe to repeat."""
        async with self._locks[container.id]:
            held = self._places.held(container.id)
            await self._places.give_back(container)
            for seat in held.seats.values() if held else ():
                self._publish("disconnect", seat.network, container.id)
        self._locks.pop(container.id, None)

    def join(self, container: Container, other: Container) -> Attached:
        """Return what a container sees that enters the namespace of `other`. Raises Conflict unless that has one."""
        held = self._places.held(other.group)
        if held is None:
            raise Conflict(f"cannot join network of a non running container: {other.id}")
        return Attached(netns_path=held.path)

    async def connect(self, ref: str, container_ref: str, endpoint: EndpointSpec) -> None:
        """Put a container into one more network, at once if it runs. Raises Forbidden if it is there already."""
        network, container = self._catalogue.find(ref), self._members.find(container_ref)
        async with self._locks[container.id]:
            container = self._members.find(container.id)
            _require_own_networks(container, network)
            endpoints.require_fitting(network, endpoint)
            if network.spec.name in self._seats_of(container):
                raise Forbidden(f"endpoint with name {container.name} already exists in network {network.spec.name}")
            held = self._places.held(container.id)
            if held is not None:
                await self._places.join(held, network, endpoint)
            await self._save(container.id, held, add={network.spec.name: endpoint})
        self._publish("connect", network, container.id)
        self.on_files(container.id)

    async def disconnect(self, ref: str, container_ref: str, force: bool = False) -> None:
        """Take a container out of a network. `force` changes nothing: no place outlives its container here."""
        network, container = self._catalogue.find(ref), self._members.find(container_ref)
        async with self._locks[container.id]:
            container = self._members.find(container.id)
            _require_own_networks(container, network)
            if network.spec.name not in self._seats_of(container):
                raise Forbidden(f"container {container.id} is not connected to network {network.spec.name}")
            held = self._places.held(container.id)
            if held is not None:
                await self._places.leave(held, network.spec.name)
            await self._save(container.id, held, drop=network)
        self._publish("disconnect", network, container.id)
        self.on_files(container.id)

    async def edit_ports(self, ref: str, edit: PortEdit) -> Ports:
        """Change what a container publishes, at once if it runs; return what is in force. See `Porting.edit`."""
        ids = {self._members.find(each).id for each in filter(None, (ref, edit.source))}
        async with AsyncExitStack() as locked:
            for container_id in sorted(ids):  # in one order everywhere, or two edits could wait for each other
                await locked.enter_async_context(self._locks[container_id])
            changed = await self._porting.edit(self._members.find(ref), edit)
        self._events.container(changed, "update")
        return changed.status.ports

    async def renamed(self, container: Container) -> None:
        """Let the container answer to its new name in its networks."""
        async with self._locks[container.id]:
            held = self._places.held(container.id)
            if held is not None:
                held.container = container
                for seat in held.named():
                    names = endpoints.dns_names(container, seat.asked)
                    seat.status = msgspec.structs.replace(seat.status, dns_names=names)
                await self._naming.enter(held)
                await self._save(container.id, held)

    # what containers are told

    def files(self, container: Container) -> NetworkFiles:
        """Return hostname, hosts and resolv.conf of an attached container; of its lender if it joined one."""
        return self._told.files(container, self.host_gateways())

    @property
    def naming(self) -> Naming:
        """What answers names."""
        return self._naming

    async def faults(self, repair: bool = False) -> list[str]:
        """Compare the kernel with what containers hold; return a sentence for each difference, repaired on request."""
        found = await self._keeper.faults()
        if repair and found:
            await self._keeper.mend(found)
            await self._keeper.mend(await self._keeper.faults())  # what came to light
            await self._wall.repair()
        return sorted(fault.text for fault in found)

    # inside

    def _make_keeper(self) -> Keeper:
        return Keeper(
            Ground(
                catalogue=self._catalogue,
                drivers=self._drivers,
                places=self._places,
                naming=self._naming,
                host=self._host,
                prefix=self._settings.link_prefix,
                daemon=self._settings.table,
                forwards=lambda: self._settings.ip_forward,
                locks=self._locks,
                making=self._making,
                tell=self._mended,
            )
        )

    def _mended(self, network: Network | None, container_id: str, fault: str, done: str) -> None:
        """Tell the world of a repair."""
        log.warning("%s; %s", fault, done)
        attributes = {"name": network.spec.name, "type": network.spec.driver} if network else {}
        attributes |= {"container": container_id} if container_id else {}
        self._events.publish(
            "network", "repair", network.id if network else "", {**attributes, "fault": fault, "repair": done}
        )

    async def _each_held(self, work: Callable[[Held], Awaitable[None]]) -> None:
        """Take over one container after the other; one that cannot be does not keep the others from it."""
        for held in list(self._places.all()):
            try:
                await work(held)
            except PlatformError as e:
                log.error("container %s: its networks could not be taken over: %s", held.container.name, e)

    async def _rediscover(self, held: Held, seen: Mapping[str, LinkSeen]) -> None:
        if await self._places.rediscover(held, seen):
            await self._save(held.container.id, held)

    async def _follow(self) -> None:
        async for event in self._bus.follow():
            if event.kind != "container":
                continue
            held = self._places.held(event.id)
            try:
                if event.action == "rename":
                    await self.renamed(self._members.find(event.id))
                elif held is not None and event.action.startswith(TURNS):
                    await self._publishing.judge(held)
            except PlatformError as e:
                log.error("container %s after its %s: %s", event.id, event.action, e)

    def _fit(self, container_id: str) -> Fit:
        try:
            return fit(self._members.find(container_id))
        except NotFound:
            return Fit.NOT

    def _pid(self, container: Container) -> int:
        return self._members.find(container.id).status.pid

    def _wished(self, container: Container) -> list[Network]:
        try:
            return [network for network, _ in endpoints.wishes(container.spec, self._catalogue.find).values()]
        except (NotFound, Invalid):
            return []

    def _seats_of(self, container: Container) -> set[str]:
        """Names of the networks a container is in, or will be in when it runs."""
        held = self._places.held(container.id)
        return set(held.seats) if held is not None else {n.spec.name for n in self._wished(container)}

    async def _save(
        self,
        container_id: str,
        held: Held | None,
        add: Mapping[str, EndpointSpec] | None = None,
        drop: Network | None = None,
    ) -> None:
        """Write a change of networks into the container's record, and what it holds since."""
        container = self._members.find(container_id)
        spec = endpoints.rewired(container.spec, add or {}, drop)
        status = container.status
        if held is not None:
            attached = held.attached()
            status = msgspec.structs.replace(status, networks=attached.networks, ports=attached.ports)
        else:
            bare = {n.spec.name: EndpointStatus(network_id=n.id, network=n.spec.name) for n in self._wished_by(spec)}
            status = msgspec.structs.replace(status, networks=bare)
        changed = msgspec.structs.replace(container, spec=spec, status=status)
        if held is not None:
            held.container = changed
        await self._members.save(changed)

    def _wished_by(self, spec: ContainerSpec) -> list[Network]:
        return [network for network, _ in endpoints.wishes(spec, self._catalogue.find).values()]

    def host_gateways(self) -> tuple[str, ...]:
        if self._settings.host_gateway:
            return tuple(filter(None, self._settings.host_gateway.split(",")))
        bridge = self._catalogue.named(endpoints.DEFAULT)
        return tuple(pool.gateway for pool in bridge.pools) if bridge else ()

    def _publish(self, action: str, network: Network, container_id: str = "") -> None:
        attributes = {"name": network.spec.name, "type": network.spec.driver}
        if container_id:
            attributes["container"] = container_id
        self._events.publish("network", action, network.id, attributes)


def _drivers(settings: NetworkSettings, host: HostNet) -> dict[str, Driver]:
    drivers: tuple[Driver, ...] = (
        BridgeDriver(settings, host.links, host.links.bridged_filter()),
        MacvlanDriver(host.links),
        IpvlanDriver(host.links),
        PlainDriver("host"),
        PlainDriver("null"),
    )
    return {driver.name: driver for driver in drivers}


def _forward_for_us(settings: NetworkSettings, host: HostNet) -> bool:
    """Let the host forward; return whether it does so because of us, now or before this daemon's predecessor ended."""
    mark = Path(settings.exec_root, "forwards-for-us")
    if host.links.forward(settings.ipv6):
        mark.touch()
    return mark.exists()


def _require_own_networks(container: Container, network: Network) -> None:
    """Raise for a container that has no networks of its own to change, and for networks that nobody joins later."""
    mode = endpoints.mode_of(container.spec)
    if endpoints.HOST in (mode, network.spec.name):
        raise Invalid("container cannot be disconnected from host network or connected to host network")
    if network.spec.name == endpoints.NONE:
        raise Invalid(
            "container cannot be connected to multiple networks with one of the networks in private (none) mode"
        )
    if mode.startswith(endpoints.JOIN):
        raise Invalid(
            "container sharing network namespace with another container or host "
            "cannot be connected to any other network"
        )
