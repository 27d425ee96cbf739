"""Who is called what: enters running containers into the zones of their networks, and serves them their view."""

from collections.abc import Callable, Sequence
from pathlib import Path

from boxship.engine.networks import files
from boxship.engine.networks.dns import View, Zone
from boxship.engine.networks.files import Names
from boxship.engine.networks.held import Held, record_of
from boxship.engine.networks.links import parse_link
from boxship.engine.networks.meter import Meter
from boxship.engine.networks.names import NameServer
from boxship.engine.networks.upstream import Servers
from boxship.model.network import Network

RESOLV_CONF = "/etc/resolv.conf"
# systemd-resolved's stub listens on the host's loopback only; the servers behind it are written here.
STUB, BEHIND_STUB = "127.0.0.53", "/run/systemd/resolve/resolv.conf"


def host_names() -> Names:
    """Read the host's resolv.conf as it is now."""
    names = _read(RESOLV_CONF)
    if names.servers == (STUB,):
        behind = _read(BEHIND_STUB)
        names = behind if behind.servers else names
    return names


def _read(path: str) -> Names:
    try:
        return files.parse_resolv_conf(Path(path).read_text())
    except OSError:
        return Names()


class Naming:
    """daemon: what the operator set for containers that ask for nothing."""

    def __init__(self, server: NameServer, daemon: Names, host: Callable[[], Names] = host_names) -> None:
        self._server = server
        self._daemon = daemon
        self._host = host
        self._zones: dict[str, Zone] = {}
        self._inside: dict[str, set[str]] = {}  # container id -> networks it is entered in

    @property
    def meter(self) -> Meter:
        return self._server.meter

    def served(self) -> int:
        """How many containers have a name server."""
        return len(self._server.serving())

    @property
    def on_broken(self) -> Callable[[str], None]:
        """Hears of a container whose name server's socket failed."""
        return self._server.on_broken

    @on_broken.setter
    def on_broken(self, hear: Callable[[str], None]) -> None:
        self._server.on_broken = hear

    async def enter(self, held: Held, left: Network | None = None) -> None:
        """Bring zones and view to the container's networks as they are; begin or cease to answer it."""
        container_id = held.container.id
        seats = held.named()
        for seat in seats:
            zone = self._zones.setdefault(seat.network.id, Zone(seat.network.spec.name))
            zone.add(container_id, record_of(seat))
        if left is not None and left.id in self._zones:
            self._zones[left.id].drop(container_id)
        self._inside[container_id] = {seat.network.id for seat in seats}
        self._server.renew()
        if not seats:
            self._server.stop(container_id)
        elif container_id in self._server.serving():
            self._server.see(container_id, self._view(held), self._servers(held))
        else:
            await self._server.serve(container_id, held.path, self._view(held), self._servers(held))

    async def answers(self, held: Held) -> bool:
        """Whether the container's name server can be asked, the whole way; True where there is none to ask."""
        if held.container.id not in self._server.serving():
            return True
        return await self._server.try_out(held.path)

    async def revive(self, held: Held) -> None:
        """Begin anew to answer the container."""
        await self._server.serve(held.container.id, held.path, self._view(held), self._servers(held))

    def leave(self, container_id: str) -> None:
        """Answer nothing more for the container, and to it; safe to repeat."""
        self._server.stop(container_id)
        for network_id in self._inside.pop(container_id, ()):
            self._zones[network_id].drop(container_id)
        self._server.renew()

    def forget(self, network: Network) -> None:
        self._zones.pop(network.id, None)

    def resolv_conf(self, held: Held) -> str:
        if held.named():
            return files.embedded(self._asked(held), self._daemon, self._host())
        ipv6 = any(seat.status.ipv6_address for seat in held.seats.values())
        return files.plain(self._asked(held), self._daemon, self._host(), ipv6)

    def host_resolv_conf(self, held: Held) -> str:
        """resolv.conf in the host's own namespace, where the servers on its loopback can be asked."""
        return files.resolv_conf(files.choose(self._asked(held), self._daemon, _read(RESOLV_CONF)))

    async def aclose(self) -> None:
        await self._server.aclose()

    def _view(self, held: Held) -> View:
        return View(tuple(self._zones[seat.network.id] for seat in held.named()), _aliases(held))

    def _servers(self, held: Held) -> Servers:
        """Servers that the container named are asked from where it is; it must not reach more than it could itself."""
        asked = self._asked(held).servers
        if asked:
            return Servers(asked, held.path)
        if not held.outside():
            return Servers()
        return Servers(_each_once(self._daemon.servers or self._host().servers))

    def _asked(self, held: Held) -> Names:
        host = held.container.spec.host
        return Names(host.dns or (), host.dns_search or (), host.dns_options or ())


def _aliases(held: Held) -> dict[str, str]:
    links = [link for seat in held.named() for link in seat.asked.links or ()]
    links += held.container.spec.host.links or ()
    return {link.alias.lower(): link.target.lower() for link in map(parse_link, links)}


def _each_once(servers: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(servers))
