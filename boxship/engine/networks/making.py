"""Making networks and taking them away: the wish checked, its blocks settled, link, rules and record made."""

import asyncio
from collections.abc import Mapping

import msgspec

from boxship.base.clock import Clock
from boxship.base.errors import Conflict, Forbidden, NotFound, Unavailable
from boxship.base.ids import new_id
from boxship.engine.networks import rules
from boxship.engine.networks.catalogue import Catalogue, settle_pools
from boxship.engine.networks.drivers import Driver
from boxship.engine.networks.settings import NetworkSettings
from boxship.engine.networks.wall import Wall
from boxship.host.api.network import Links
from boxship.model.network import IpamPool, Network, NetworkSpec

NO_SWARM = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm '
    "and try again."
)
TEMPLATE = "null"  # driver of networks that only hold settings for others, as dockerd shows it
FROM_TEMPLATE = ("ipam", "options", "labels", "internal", "enable_ipv4", "enable_ipv6")


class Makers:
    """One making or unmaking at a time; `Networks` sees to it."""

    def __init__(
        self,
        settings: NetworkSettings,
        links: Links,
        catalogue: Catalogue,
        drivers: Mapping[str, Driver],
        wall: Wall,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._links = links
        self._catalogue = catalogue
        self._drivers = drivers
        self._wall = wall
        self._clock = clock

    async def make(self, asked: NetworkSpec, unique: bool = True) -> Network:
        """Return the network, made and stored. unique: whether no other may have its name. Raises with dockerd's
        texts for what cannot be."""
        spec = self._configured(asked)
        self._catalogue.require_new(spec.name, unique)
        if spec.config_only:
            template = self._network(msgspec.structs.replace(spec, driver=TEMPLATE))
            await self._catalogue.save(template)
            return template
        driver = self._driver(spec)
        driver.check(spec)
        taken, routes = self._catalogue.subnets(), await self._links.routes()
        network = self._network(spec, settle_pools(spec, self._settings.all_pools, taken, routes))
        network = msgspec.structs.replace(network, link=driver.link(network.id, spec))
        await self._require_free_link(network)
        await self._build(driver, network)
        return network

    async def unmake(self, network: Network) -> None:
        driver = self._drivers[network.spec.driver]
        await self._catalogue.drop(network)
        await self._wall.drop(network.id)
        await driver.drop(network)

    def _network(self, spec: NetworkSpec, pools: tuple[IpamPool, ...] = ()) -> Network:
        return Network(id=new_id(), created=self._clock.now(), spec=spec, pools=pools)

    def _configured(self, spec: NetworkSpec) -> NetworkSpec:
        """Return the wish with what another network, made for that only, says for it. Raises Forbidden."""
        if not spec.config_from:
            return spec
        base = self._catalogue.find(spec.config_from).spec
        if not base.config_only:
            raise Forbidden(f'configuration network "{spec.config_from}" is not a configuration-only network')
        if spec.ipam or spec.options or spec.internal or spec.enable_ipv6:
            raise Forbidden(
                "user specified configurations are not supported if the network depends on a configuration network"
            )
        return msgspec.structs.replace(spec, **{name: getattr(base, name) for name in FROM_TEMPLATE})

    def _driver(self, spec: NetworkSpec) -> Driver:
        if spec.ipam_driver != "default":
            raise NotFound(f"could not find ipam plugin {spec.ipam_driver}: plugin not found")
        if spec.driver == "overlay" or spec.ingress:
            raise Unavailable(NO_SWARM)
        driver = self._drivers.get(spec.driver)
        if driver is None:
            raise NotFound(f"could not find plugin {spec.driver} in v1 plugin registry: plugin not found")
        return driver

    async def _require_free_link(self, network: Network) -> None:
        """Raise for a link name that another network has, or the host for something else."""
        if network.spec.driver != "bridge":
            return
        holder = next((n for n in self._catalogue.all() if n.link == network.link), None)
        if holder is not None:
            raise Forbidden(
                f"cannot create network {network.id} ({network.link}): conflicts with network {holder.id} "
                f"({holder.link}): networks have same bridge name"
            )
        seen = (await self._links.seen()).get(network.link)
        if seen is not None and seen.kind != "bridge":
            raise Conflict(f"link {network.link} exists on the host and is not a bridge")

    async def _build(self, driver: Driver, network: Network) -> None:
        self._catalogue.keep(network)
        try:
            await asyncio.gather(driver.make(network), self._wall.put(network.id, walls_of(driver, network)))
            await self._catalogue.save(network)
        except BaseException:
            self._catalogue.forget(network)
            await self._wall.drop(network.id)
            await driver.drop(network)
            raise


def walls_of(driver: Driver, network: Network) -> rules.Elements:
    """Return what the firewall has to know of a network."""
    walls = driver.walls(network)
    return rules.of_network(walls) if walls is not None else {}
