"""The networks that are always there: bridge, host, none."""

from ipaddress import ip_interface

import msgspec

from boxship.base.clock import Clock
from boxship.base.ids import new_id
from boxship.engine.networks import ipam
from boxship.engine.networks.catalogue import Catalogue
from boxship.engine.networks.endpoints import ROUTER
from boxship.engine.networks.options import BRIDGE, MTU
from boxship.engine.networks.settings import NetworkSettings
from boxship.host.api.network import Links
from boxship.model.network import IpamPool, Network, NetworkSpec

PLAIN = (("host", "host"), ("none", "null"))
DISABLED = "none"  # as value of the setting `bridge`
USUAL_MTU = 1500


async def ensure(catalogue: Catalogue, settings: NetworkSettings, links: Links, clock: Clock) -> None:
    """Enter what is missing, and bring the bridge network to the settings. Networks keep their ids."""
    for name, driver in PLAIN:
        if catalogue.named(name) is None:
            spec = NetworkSpec(name=name, driver=driver)
            await catalogue.save(Network(id=new_id(), created=clock.now(), spec=spec, builtin=True))
    present = catalogue.named("bridge")
    if settings.bridge == DISABLED:
        if present is not None:
            await catalogue.drop(present)
        return
    wanted = await _bridge(present, catalogue, settings, links, clock)
    if wanted != present:
        await catalogue.save(wanted)


async def _bridge(
    present: Network | None, catalogue: Catalogue, settings: NetworkSettings, links: Links, clock: Clock
) -> Network:
    spec = NetworkSpec(name="bridge", enable_ipv6=settings.ipv6, options=bridge_options(settings))
    taken = catalogue.subnets(but=present.id if present else "")
    pools = [await _pool4(present, settings, taken, links)]
    if settings.ipv6:
        pools.append(await _pool6(present, settings, taken, links))
    spec = msgspec.structs.replace(spec, ipam=tuple(pools))
    if present is None:
        return Network(
            id=new_id(), created=clock.now(), spec=spec, pools=tuple(pools), link=settings.bridge, builtin=True
        )
    return msgspec.structs.replace(present, spec=spec, pools=tuple(pools), link=settings.bridge)


async def _pool4(present: Network | None, settings: NetworkSettings, taken: list[str], links: Links) -> IpamPool:
    """The block that was asked for, else that of an existing bridge, else the one it had, else a free one."""
    own = settings.bip or await _existing(settings.bridge, links)
    if own:
        subnet, gateway = str(ip_interface(own).network), str(ip_interface(own).ip)
    elif kept := _kept(present, 4):
        subnet, gateway = kept, ""
    else:
        subnet = ipam.choose_block(settings.pools, [*taken, *await links.routes()])
        gateway = ""
    router = {ROUTER: settings.default_gateway} if settings.default_gateway else {}
    pool = IpamPool(subnet=subnet, gateway=gateway, ip_range=settings.fixed_cidr, auxiliary_addresses=router)
    return ipam.settle(pool, taken)


async def _pool6(present: Network | None, settings: NetworkSettings, taken: list[str], links: Links) -> IpamPool:
    router = {ROUTER: settings.default_gateway_v6} if settings.default_gateway_v6 else {}
    if settings.bip6 or settings.fixed_cidr_v6:
        own = ip_interface(settings.bip6 or settings.fixed_cidr_v6)
        gateway = str(own.ip) if settings.bip6 else ""
        within = settings.fixed_cidr_v6 if settings.bip6 else ""
        pool = IpamPool(subnet=str(own.network), gateway=gateway, ip_range=within, auxiliary_addresses=router)
        return ipam.settle(pool, taken)
    subnet = _kept(present, 6) or ipam.choose_block(settings.all_pools, [*taken, *await links.routes()], 6)
    return ipam.settle(IpamPool(subnet=subnet, auxiliary_addresses=router), taken)


def _kept(present: Network | None, version: int) -> str:
    pools = present.pools if present else ()
    return next((p.subnet for p in pools if ipam.block(p.subnet).version == version), "")


async def _existing(bridge: str, links: Links) -> str:
    """Return the IPv4 address with prefix that a link of this name has already, "" for none."""
    link = (await links.seen()).get(bridge)
    addresses = await links.addresses() if link else ()
    return next((a for index, a in addresses if link and index == link.index and ":" not in a), "")


def bridge_options(settings: NetworkSettings) -> dict[str, str]:
    return {
        BRIDGE + "default_bridge": "true",
        BRIDGE + "enable_icc": str(settings.icc).lower(),
        BRIDGE + "enable_ip_masquerade": str(settings.ip_masq).lower(),
        BRIDGE + "host_binding_ipv4": settings.publish_address,
        BRIDGE + "name": settings.bridge,
        MTU: str(settings.mtu or USUAL_MTU),
    }
