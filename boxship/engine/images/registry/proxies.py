"""Which proxy leads to a registry, by the variables that all HTTP clients know. Pure.

The rules are those of Go's clients, which dockerd follows: this machine itself is never behind a proxy, and no_proxy
holds host names (those below them are meant too), addresses and address ranges, each with a port or without.
"""

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

PORTS = {"http": 80, "https": 443}


def proxy_for(url: str, environ: Mapping[str, str]) -> str | None:
    """Return the address of the proxy for `url`, None to go there straight."""
    parts = urlsplit(url)
    host, port = (parts.hostname or "").lower(), parts.port or PORTS.get(parts.scheme, 0)
    name = f"{parts.scheme}_proxy"
    proxy = environ.get(name) or environ.get(name.upper()) or ""
    if not proxy or _is_here(host):
        return None
    entries = (environ.get("no_proxy") or environ.get("NO_PROXY") or "").replace(",", " ").split()
    if any(_covers(entry.lower(), host, port) for entry in entries):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _is_here(host: str) -> bool:
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _covers(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    address = _address(host)
    if address is not None and "/" in entry:
        return _in_range(address, entry)
    name, wanted = _split(entry)
    if wanted and wanted != port:
        return False
    if address is not None:
        return _address(name) == address
    name = name.removeprefix("*")
    return host.endswith(name) if name.startswith(".") else host == name or host.endswith(f".{name}")


def _split(entry: str) -> tuple[str, int]:
    """Return host and port, 0 for any."""
    if _address(entry) is not None:  # which has colons of its own
        return entry, 0
    name, colon, port = entry.rpartition(":")
    if colon and port.isdecimal():
        return name.strip("[]"), int(port)
    return entry.strip("[]"), 0


def _in_range(address: ipaddress.IPv4Address | ipaddress.IPv6Address, text: str) -> bool:
    try:
        return address in ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
