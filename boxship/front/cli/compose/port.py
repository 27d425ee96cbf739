"""`port`."""

from boxship.base.errors import Invalid, NotFound
from boxship.front.cli.command import Command, Session
from boxship.front.cli.compose import scope
from boxship.front.cli.flags import Parsed, number, text
from boxship.front.client.api import segment


def port(session: Session, parsed: Parsed) -> None:
    """Print `0.0.0.0:8080`."""
    service, private = parsed.args
    if not private.isdecimal():
        raise Invalid(f"{private} is no port")
    c = scope.one(session, service, parsed.number("index"))
    ports = session.client.get(f"/containers/{segment(c.id)}/json")["NetworkSettings"]["Ports"] or {}
    key = f"{private}/{parsed.text('protocol')}"
    if not ports.get(key):
        raise NotFound(f"no port {key} for container {c.name}: {', '.join(sorted(ports)) or 'it publishes none'}")
    entry = ports[key][0]
    host = entry["HostIp"] or "0.0.0.0"
    session.say(f"[{host}]:{entry['HostPort']}" if ":" in host else f"{host}:{entry['HostPort']}")


COMMANDS = {
    "port": Command(
        "[OPTIONS] SERVICE PRIVATE_PORT",
        port,
        (
            number("index", "", "Number of the container, if the service has several", "0"),
            text("protocol", "", "tcp or udp", default="tcp"),
        ),
        2,
        2,
    )
}
