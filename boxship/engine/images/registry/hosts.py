"""Where a registry answers: addresses for the domain of a name, mirrors first. Pure."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field

DOCKER_HUB = "docker.io"
HUB_HOST = "registry-1.docker.io"
HUB_ACCOUNT = "https://index.docker.io/v1/"  # under which clients keep what they know of Docker Hub


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryOptions:
    """mirrors:  base addresses asked before Docker Hub, or `domain=address` before any other registry.
    insecure: host names with or without port, and CIDR blocks, that may speak plain HTTP or have odd certificates.
    certificates: directories with one folder per host: `*.crt` authorities, `*.cert` and `*.key` of the client.
    downloads, uploads: layers at once in a pull and in a push.  attempts: for each layer of a pull.
    """

    mirrors: tuple[str, ...] = ()
    insecure: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ("/etc/docker/certs.d",)
    downloads: int = 3
    uploads: int = 5
    attempts: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One address to try. base: without a trailing slash.  host: for certificates and messages.
    verify: its certificate must be good."""

    base: str
    host: str
    verify: bool = True
    is_mirror: bool = field(default=False)


def endpoints(domain: str, options: RegistryOptions, *, mirrors: bool = True) -> tuple[Endpoint, ...]:
    """Return the addresses for a domain in the order in which to try them. Pushes go to no mirror."""
    found: list[Endpoint] = []
    for text in _mirrors_of(domain, options.mirrors) if mirrors else ():
        scheme, _, rest = text.rstrip("/").partition("://")
        host = rest.partition("/")[0]
        verify = scheme == "https" and not is_insecure(host, options.insecure)
        found.append(Endpoint(base=text.rstrip("/"), host=host, verify=verify, is_mirror=True))
    host = HUB_HOST if domain == DOCKER_HUB else domain
    insecure = is_insecure(domain, options.insecure)
    found.append(Endpoint(base=f"https://{host}", host=host, verify=not insecure))
    if insecure:
        found.append(Endpoint(base=f"http://{host}", host=host, verify=False))
    return tuple(found)


def _mirrors_of(domain: str, mirrors: Sequence[str]) -> list[str]:
    found = []
    for text in mirrors:
        named, equals, address = text.partition("=")
        if equals and "://" not in named:
            found += [address] if named == domain else []
        elif domain == DOCKER_HUB:
            found.append(text)
    return found


def is_insecure(domain: str, insecure: Sequence[str]) -> bool:
    """Tell whether a host may be spoken to without a good certificate. Loopback always may."""
    name = domain.partition(":")[0] if not domain.startswith("[") else domain[1:].partition("]")[0]
    if name == "localhost" or domain in insecure or name in insecure:
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or any(address in block for block in _blocks(insecure))


def _blocks(insecure: Sequence[str]) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    found = []
    for text in insecure:
        try:
            found.append(ipaddress.ip_network(text))
        except ValueError:
            continue  # a name
    return found
