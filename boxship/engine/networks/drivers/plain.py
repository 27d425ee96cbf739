"""The two networks that need nothing: the host's own, and none at all."""

from boxship.base.errors import Forbidden
from boxship.engine.networks.drivers import Place
from boxship.engine.networks.rules import Walls
from boxship.host.api.network import BridgeLink, Plug
from boxship.model.network import Network, NetworkSpec


class PlainDriver:
    """`host` or `null`. There is one network of each, and containers in it get nothing from it."""

    addressed = False

    def __init__(self, name: str) -> None:
        self.name = name

    def check(self, spec: NetworkSpec) -> None:
        raise Forbidden(f'only one instance of "{self.name}" network is allowed')

    def link(self, network_id: str, spec: NetworkSpec) -> str:
        return ""

    def bridge(self, network: Network) -> BridgeLink | None:
        return None

    async def make(self, network: Network) -> None:
        return None

    async def drop(self, network: Network) -> None:
        return None

    def plug(self, network: Network, place: Place) -> Plug | None:
        return None

    def walls(self, network: Network) -> Walls | None:
        return None
