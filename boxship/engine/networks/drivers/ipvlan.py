"""Networks whose containers sit on a link of the host directly, under its one hardware address."""

from boxship.base.errors import Invalid, Unsupported
from boxship.engine.networks.drivers import Place
from boxship.engine.networks.options import endpoint_sysctls, mtu
from boxship.engine.networks.rules import Walls
from boxship.host.api.network import BridgeLink, Links, Plug
from boxship.model.network import Network, NetworkSpec

MODES = ("l2", "l3", "l3s")
FLAGS = ("bridge", "private", "vepa")
KNOWN = ("parent", "ipvlan_mode", "ipvlan_flag", "com.docker.network.driver.mtu")
NO_NEIGHBOUR = ("0.0.0.0", "::")  # in layer 3 everything is reached by the interface, through no router


class IpvlanDriver:
    """The parent link must be there; host and containers do not reach each other over it, as the kernel has it."""

    name = "ipvlan"
    addressed = True

    def __init__(self, links: Links) -> None:
        self._links = links

    def check(self, spec: NetworkSpec) -> None:
        unknown = [key for key in spec.options if key not in KNOWN]
        if unknown:
            raise Invalid(f"unsupported network option {unknown[0]}")
        if not spec.options.get("parent"):
            raise Invalid("ipvlan network needs the option parent, the link of the host to sit on")
        _choice(spec, "ipvlan_mode", MODES)
        _choice(spec, "ipvlan_flag", FLAGS)
        mtu(spec.options)

    def link(self, network_id: str, spec: NetworkSpec) -> str:
        return spec.options.get("parent", "")

    def bridge(self, network: Network) -> BridgeLink | None:
        return None

    async def make(self, network: Network) -> None:
        """Raises Unsupported where the kernel has no such links."""
        if not await self._links.supports("ipvlan"):
            raise Unsupported("this kernel has no ipvlan links: it was built without CONFIG_IPVLAN, or its module")
        if network.link not in await self._links.seen():
            raise Invalid(f"ipvlan parent interface {network.link} was not found on the host")

    async def drop(self, network: Network) -> None:
        return None

    def plug(self, network: Network, place: Place) -> Plug:
        status, mode = place.status, _choice(network.spec, "ipvlan_mode", MODES)
        found = [(status.ipv4_address, status.ipv4_prefix), (status.ipv6_address, status.ipv6_prefix)]
        gateways = place.gateways
        if mode != "l2":
            gateways = tuple(NO_NEIGHBOUR[":" in gateway] for gateway in gateways)
        return Plug(
            kind="ipvlan",
            mode=f"{mode} {_choice(network.spec, 'ipvlan_flag', FLAGS)}",
            interface=status.interface,
            link=network.link,
            addresses=tuple(f"{address}/{prefix}" for address, prefix in found if address),
            gateways=gateways,
            mtu=mtu(network.spec.options),
            sysctls=endpoint_sysctls(place.spec.driver_opts or {}, status.interface),
        )

    def walls(self, network: Network) -> Walls | None:
        return None


def _choice(spec: NetworkSpec, key: str, known: tuple[str, ...]) -> str:
    """Return the value of an option, the first one known by default. Raises Invalid."""
    value = spec.options.get(key, "") or known[0]
    if value not in known:
        raise Invalid(f"requested {key.replace('_', ' ')} '{value}' is not valid (want {', '.join(known)})")
    return value
