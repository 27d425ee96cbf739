"""Networks behind a bridge of the host."""

from ipaddress import ip_interface, ip_network

from boxship.base.errors import Invalid
from boxship.engine.networks.drivers import Place
from boxship.engine.networks.ipam import mac_for
from boxship.engine.networks.options import NAME_MAX, BridgeOptions, bridge_options, endpoint_sysctls
from boxship.engine.networks.rules import Walls
from boxship.engine.networks.settings import NetworkSettings
from boxship.host.api.network import BridgeLink, Links, Plug
from boxship.model.network import IpamPool, Network, NetworkSpec


class BridgeDriver:
    """bridged_filter: whether frames between ports of a bridge pass the packet filter, None where they cannot.

    Where they do, a container only reaches its own published port if its port of the bridge lets frames return.
    Containers are kept from each other (no icc) by the filter, which lets published ports through, or where frames
    cannot be filtered by isolating the bridge's ports, which does not."""

    name = "bridge"
    addressed = True

    def __init__(self, settings: NetworkSettings, links: Links, bridged_filter: bool | None) -> None:
        self._settings = settings
        self._links = links
        self._bridged_filter = bridged_filter

    def check(self, spec: NetworkSpec) -> None:
        options = self.options(spec)
        if "isolated" in (options.mode4, options.mode6) and not spec.internal:
            raise Invalid("gateway mode 'isolated' can only be used for an internal network")
        if not (spec.enable_ipv4 or spec.enable_ipv6):
            raise Invalid("IPv4 or IPv6 must be enabled")

    def link(self, network_id: str, spec: NetworkSpec) -> str:
        return self.options(spec).name or (self._settings.network_prefix + network_id[:12])[:NAME_MAX]

    def bridge(self, network: Network) -> BridgeLink:
        options = self.options(network.spec)
        return BridgeLink(
            name=network.link,
            addresses=tuple(_own(p) for p in network.pools if self._has_address(p, options)),
            mtu=options.mtu,
            filtered=self._apart_by_filter(options),
            mac=mac_for(_first_ipv4(network), bytes.fromhex(network.id[:8])),
        )

    async def make(self, network: Network) -> None:
        await self._links.ensure_bridge(self.bridge(network))

    async def drop(self, network: Network) -> None:
        await self._links.remove(network.link)

    def plug(self, network: Network, place: Place) -> Plug:
        options, status = self.options(network.spec), place.status
        asked = place.spec.driver_opts or {}
        found = [(status.ipv4_address, status.ipv4_prefix), (status.ipv6_address, status.ipv6_prefix)]
        addresses = [f"{address}/{prefix}" for address, prefix in found if address]
        return Plug(
            interface=status.interface,
            link=network.link,
            host_link=status.host_link,
            mac=status.mac_address,
            addresses=(*addresses, *map(_link_local, place.spec.link_local_ips)),
            gateways=place.gateways,
            mtu=options.mtu,
            isolated=not options.icc and self._bridged_filter is None,
            hairpin=place.published and (self._bridged_filter or self._apart_by_filter(options)),
            sysctls=endpoint_sysctls(asked, status.interface),
        )

    def walls(self, network: Network) -> Walls:
        options = self.options(network.spec)
        return Walls(
            bridge=network.link,
            subnets=tuple(p.subnet for p in network.pools),
            masquerade4=options.masquerade4,
            masquerade6=options.masquerade6,
            internal=network.spec.internal,
            apart=self._apart_by_filter(options),
            unprotected4=options.mode4 == "nat-unprotected",
            unprotected6=options.mode6 == "nat-unprotected",
        )

    def options(self, spec: NetworkSpec) -> BridgeOptions:
        return bridge_options(spec.options, self._settings.mtu)

    def _apart_by_filter(self, options: BridgeOptions) -> bool:
        return not options.icc and self._bridged_filter is not None

    def _has_address(self, pool: IpamPool, options: BridgeOptions) -> bool:
        mode = options.mode6 if ":" in pool.subnet else options.mode4
        return mode != "isolated" and not (options.inhibit4 and ":" not in pool.subnet)


def _own(pool: IpamPool) -> str:
    return f"{pool.gateway}/{ip_network(pool.subnet).prefixlen}"


def _first_ipv4(network: Network) -> str:
    return next((p.gateway for p in network.pools if ":" not in p.gateway), "")


def _link_local(address: str) -> str:
    return str(ip_interface(address if "/" in address else f"{address}/{64 if ':' in address else 16}"))
