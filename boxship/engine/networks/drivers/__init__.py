"""Network drivers: what differs between kinds of networks, behind one Protocol."""

from typing import NamedTuple, Protocol

from boxship.engine.networks.rules import Walls
from boxship.host.api.network import BridgeLink, Plug
from boxship.model.network import EndpointSpec, EndpointStatus, Network, NetworkSpec


class Place(NamedTuple):
    """One container's place in one network, ready to be made. gateways: of the default routes that lead through it.
    published: whether ports of the container are."""

    spec: EndpointSpec
    status: EndpointStatus
    gateways: tuple[str, ...] = ()
    published: bool = False


class Driver(Protocol):
    """addressed: whether its networks hand out addresses."""

    name: str
    addressed: bool

    def check(self, spec: NetworkSpec) -> None:
        """Raises Invalid or Unsupported for a wish that cannot be."""
        ...

    def link(self, network_id: str, spec: NetworkSpec) -> str:
        """Name of the network's link on the host, "" for none."""
        ...

    def bridge(self, network: Network) -> BridgeLink | None:
        """The network's bridge as it should be; None for networks without one."""
        ...

    async def make(self, network: Network) -> None:
        """Make or correct what the host has of the network; safe to repeat."""
        ...

    async def drop(self, network: Network) -> None:
        """Take it away; safe to repeat."""
        ...

    def plug(self, network: Network, place: Place) -> Plug | None:
        """What to put into the container's namespace; None for nothing."""
        ...

    def walls(self, network: Network) -> Walls | None:
        """What the firewall has to know; None for nothing."""
        ...
