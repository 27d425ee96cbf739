"""The files of a container that tell its network place: hosts, resolv.conf. Text in, text out."""

from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from typing import NamedTuple

from boxship.base.errors import Invalid

LOCALHOST = (
    ("127.0.0.1", "localhost"),
    ("::1", "localhost ip6-localhost ip6-loopback"),
    ("fe00::", "ip6-localnet"),
    ("ff00::", "ip6-mcastprefix"),
    ("ff02::1", "ip6-allnodes"),
    ("ff02::2", "ip6-allrouters"),
)
HOST_GATEWAY = "host-gateway"
EMBEDDED = "127.0.0.11"
FALLBACK = ("8.8.8.8", "8.8.4.4")  # where the host names no server that a container could reach, as dockerd


class Names(NamedTuple):
    """resolv.conf: servers, search domains, options; () where nothing is said."""

    servers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


def hosts(
    own: Iterable[tuple[str, str]], extra: Iterable[tuple[str, str]] = (), links: Iterable[tuple[str, str]] = ()
) -> str:
    """Return /etc/hosts. All entries are (address, names); `own` come last, as a container's addresses do in Docker."""
    return "".join(f"{address}\t{names}\n" for address, names in (*LOCALHOST, *extra, *links, *own))


def own_names(hostname: str, domain: str) -> str:
    """Return the full name and the short one, also where the host name itself is a full one."""
    full = f"{hostname}.{domain}" if domain else hostname
    short = hostname if domain else hostname.partition(".")[0]
    return full if short == full else f"{full} {short}"


def extra_hosts(entries: Sequence[str], gateways: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return (address, name) of "name:address" or "name=address" entries; `host-gateway` stands for `gateways`.

    Raises Invalid with dockerd's texts."""
    found: list[tuple[str, str]] = []
    for entry in entries:
        name, _, target = entry.replace("=", ":", 1).partition(":") if "=" in entry else entry.partition(":")
        if not target or not name:
            raise Invalid(f'bad format for add-host: "{entry}"')
        if target == HOST_GATEWAY:
            if not gateways:
                raise Invalid("unable to derive the IP value for host-gateway")
            found += ((gateway, name) for gateway in gateways)
        else:
            found.append((_address(target, entry), name))
    return tuple(found)


def _address(text: str, entry: str) -> str:
    bare = text.removeprefix("[").removesuffix("]")
    try:
        ip_address(bare)
    except ValueError:
        raise Invalid(f'invalid IP address in add-host: "{text}"') from None
    return bare


def parse_resolv_conf(text: str) -> Names:
    """Read a resolv.conf; of several `search` lines the last counts, as in resolv.conf(5)."""
    servers: list[str] = []
    options: list[str] = []
    search: tuple[str, ...] = ()
    for line in text.splitlines():
        words = line.split()
        if not words or words[0][0] in "#;":
            continue
        if words[0] == "nameserver" and len(words) > 1:
            servers.append(words[1])
        elif words[0] in ("search", "domain"):
            search = tuple(words[1:])
        elif words[0] == "options":
            options += words[1:]
    return Names(tuple(servers), search, tuple(options))


def reachable(servers: Iterable[str], ipv6: bool) -> tuple[str, ...]:
    """Return the servers a container can ask: none on loopback, none on IPv6 without IPv6."""
    found = []
    for server in servers:
        address = ip_address(server.partition("%")[0])
        if not address.is_loopback and (address.version == 4 or ipv6):
            found.append(server)
    return tuple(found)


def choose(asked: Names, daemon: Names, host: Names) -> Names:
    """Return what counts for each of the three: the container's own, else the daemon's, else the host's.
    A single "." as search domain means none."""
    search = asked.search or daemon.search or host.search
    return Names(
        asked.servers or daemon.servers or host.servers,
        () if search == (".",) else search,
        asked.options or daemon.options or host.options,
    )


def resolv_conf(names: Names) -> str:
    lines = [f"nameserver {server}" for server in names.servers]
    lines += [f"search {' '.join(names.search)}"] if names.search else []
    lines += [f"options {' '.join(names.options)}"] if names.options else []
    return "".join(f"{line}\n" for line in lines)


def plain(asked: Names, daemon: Names, host: Names, ipv6: bool) -> str:
    """resolv.conf on the default bridge: real servers, as there is no name server of ours."""
    chosen = choose(asked, daemon, host)
    if not (asked.servers or daemon.servers):
        chosen = chosen._replace(servers=reachable(host.servers, ipv6) or FALLBACK)
    return resolv_conf(chosen)


def embedded(asked: Names, daemon: Names, host: Names) -> str:
    """resolv.conf on a user's network: ours alone; a name without dots is looked up as it is first."""
    chosen = choose(asked, daemon, host)
    options = chosen.options
    if not any(option.startswith("ndots:") for option in options):
        options = (*options, "ndots:0")
    return resolv_conf(Names((EMBEDDED,), chosen.search, options))
