"""Old-style links between containers: what `--link db:alias` asks, its hosts entries, its variables. No I/O."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from boxship.base.errors import Invalid
from boxship.engine.networks.ports import parse

LEFT_OUT = ("HOME", "PATH")


class Link(NamedTuple):
    """target: what the user called the other container.  alias: what it is to be called."""

    target: str
    alias: str


def parse_link(text: str) -> Link:
    """Return the link of "name:alias", "name" or "/name:/parent/alias". Raises Invalid with dockerd's text."""
    target, _, alias = text.partition(":")
    target, alias = target.removeprefix("/"), alias.rpartition("/")[2]
    if not target or ":" in alias:
        raise Invalid(f"bad format for links: {text}")
    return Link(target, alias or target)


def host_names(link: Link, hostname: str, name: str) -> str:
    """Return the names of a linked container in hosts: the alias, its own host name, its name; each once."""
    return " ".join(dict.fromkeys((link.alias, hostname, name)))


class Linked(NamedTuple):
    """What of the other container goes into variables. env: its environment.  exposed: "80/tcp"."""

    parent: str
    alias: str
    address: str
    exposed: Sequence[str]
    env: Sequence[str]


def variables(linked: Linked) -> tuple[str, ...]:
    """Return DB_NAME, DB_PORT, DB_PORT_5432_TCP, …_ADDR, …_PORT, …_PROTO and DB_ENV_X of a link called db."""
    prefix = linked.alias.upper().replace("-", "_")
    ports = sorted(_ports(linked.exposed), key=lambda p: (p[1] != "tcp", p[0]))
    found = [f"{prefix}_NAME=/{linked.parent}/{linked.alias}"]
    if ports:
        port, protocol = ports[0]
        found.append(f"{prefix}_PORT={protocol}://{linked.address}:{port}")
    for port, protocol in ports:
        head = f"{prefix}_PORT_{port}_{protocol.upper()}"
        found.append(f"{head}={protocol}://{linked.address}:{port}")
        found += [f"{head}_ADDR={linked.address}", f"{head}_PORT={port}", f"{head}_PROTO={protocol}"]
    for entry in linked.env:
        name, separator, value = entry.partition("=")
        if separator and name not in LEFT_OUT:
            found.append(f"{prefix}_ENV_{name}={value}")
    return tuple(found)


def _ports(exposed: Iterable[str]) -> set[tuple[int, str]]:
    return {(port, protocol) for low, high, protocol in map(parse, exposed) for port in range(low, high + 1)}
