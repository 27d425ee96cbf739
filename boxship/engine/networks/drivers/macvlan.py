"""Networks whose containers sit on a link of the host directly, each with an address of its own there."""

from boxship.base.errors import Invalid
from boxship.engine.networks.drivers import Place
from boxship.engine.networks.options import endpoint_sysctls, mtu
from boxship.engine.networks.rules import Walls
from boxship.host.api.network import BridgeLink, Links, Plug
from boxship.model.network import Network, NetworkSpec

MODES = ("bridge", "private", "vepa", "passthru")
KNOWN = ("parent", "macvlan_mode", "com.docker.network.driver.mtu")


class MacvlanDriver:
    """The parent link must be there; host and containers do not reach each other over it, as the kernel has it."""

    name = "macvlan"
    addressed = True

    def __init__(self, links: Links) -> None:
        self._links = links

    def check(self, spec: NetworkSpec) -> None:
        unknown = [key for key in spec.options if key not in KNOWN]
        if unknown:
            raise Invalid(f"unsupported network option {unknown[0]}")
        if not spec.options.get("parent"):
            raise Invalid("macvlan network needs the option parent, the link of the host to sit on")
        self._mode(spec)
        mtu(spec.options)

    def link(self, network_id: str, spec: NetworkSpec) -> str:
        return spec.options.get("parent", "")

    def bridge(self, network: Network) -> BridgeLink | None:
        return None

    async def make(self, network: Network) -> None:
        if network.link not in await self._links.seen():
            raise Invalid(f"macvlan parent interface {network.link} was not found on the host")

    async def drop(self, network: Network) -> None:
        return None

    def plug(self, network: Network, place: Place) -> Plug:
        status = place.status
        found = [(status.ipv4_address, status.ipv4_prefix), (status.ipv6_address, status.ipv6_prefix)]
        return Plug(
            kind="macvlan",
            mode=self._mode(network.spec),
            interface=status.interface,
            link=network.link,
            mac=status.mac_address,
            addresses=tuple(f"{address}/{prefix}" for address, prefix in found if address),
            gateways=place.gateways,
            mtu=mtu(network.spec.options),
            sysctls=endpoint_sysctls(place.spec.driver_opts or {}, status.interface),
        )

    def walls(self, network: Network) -> Walls | None:
        return None

    def _mode(self, spec: NetworkSpec) -> str:
        mode = spec.options.get("macvlan_mode", "") or "bridge"
        if mode not in MODES:
            raise Invalid(f"requested macvlan mode '{mode}' is not valid (want {', '.join(MODES)})")
        return mode
