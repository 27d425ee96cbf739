"""`ports` in their short form: `[address:][published:]target[/protocol]`, each of the ports maybe a range. Pure."""

from typing import Any

from boxship.front.compose.load.errors import Path, Wrong
from boxship.front.compose.words import text

_PROTOCOLS = ("tcp", "udp", "sctp")


def long_ports(value: Any, path: Path) -> Any:
    """Return the list with every short entry as mappings, one for each target port. Raises Wrong."""
    if not isinstance(value, list):
        return value
    ports: list[Any] = []
    for index, entry in enumerate(value):
        ports += [entry] if isinstance(entry, dict) else parse(text(entry), (*path, index))
    return ports


def parse(spec: str, path: Path = ()) -> list[dict[str, Any]]:
    """Return the long forms of one entry, in the order of the ports as text. Raises Wrong in docker's words."""
    *before, target = spec.split(":")
    published = before.pop() if before else ""
    target, _, protocol = target.partition("/")
    address = _address(":".join(before), path)
    if not target:
        raise Wrong(f"no port specified: {spec}<empty>", path)
    first, last = _range(target, "containerPort", path)
    host_first, host_last = _range(published, "hostPort", path) if published else (0, 0)
    if published and last - first != host_last - host_first and first != last:
        raise Wrong(f"invalid ranges specified for container and host Ports: {target} and {published}", path)
    protocol = protocol.lower() or "tcp"
    if protocol not in _PROTOCOLS:
        raise Wrong(f"invalid proto: {protocol} (want one of {', '.join(_PROTOCOLS)})", path)
    found = []
    for port in sorted(range(first, last + 1), key=str):
        host = str(host_first + port - first) if published else ""
        if published and first == last and host_first != host_last:
            host = f"{host_first}-{host_last}"
        shown = {"mode": "ingress", "host_ip": address, "target": port, "published": host, "protocol": protocol}
        found.append({key: value for key, value in shown.items() if value})
    return found


def _address(shown: str, path: Path) -> str:
    bare = shown[1:-1] if shown.startswith("[") and shown.endswith("]") else shown
    try:
        if bare:
            import ipaddress  # few name an address

            ipaddress.ip_address(bare)
    except ValueError:
        raise Wrong(f"invalid IP address: {shown}", path) from None
    return bare


def _range(shown: str, name: str, path: Path) -> tuple[int, int]:
    first, dash, last = shown.partition("-")
    try:
        low, high = int(first), int(last if dash else first)
    except ValueError:
        raise Wrong(f"invalid {name}: {shown}", path) from None
    if not 0 <= low <= high <= 65535:
        raise Wrong(f"invalid {name}: {shown}", path)
    return low, high
