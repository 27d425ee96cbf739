"""`--publish` and `--expose`: text to the API's port maps. Pure. Source: Docker CLI reference, "run"."""

from collections.abc import Iterable

from boxship.base.errors import Invalid

Bindings = dict[str, list[dict[str, str]]]
_PROTOCOLS = ("tcp", "udp", "sctp")


def publish(specs: Iterable[str]) -> Bindings:
    """Return container port -> host bindings for `[ADDRESS:][HOST]:CONTAINER[/PROTOCOL]` and the long form."""
    found: Bindings = {}
    for spec in specs:
        for port, binding in _long(spec) if "=" in spec else _short(spec):
            found.setdefault(port, []).append(binding)
    return found


def expose(specs: Iterable[str]) -> dict[str, dict[str, str]]:
    ports: dict[str, dict[str, str]] = {}
    for spec in specs:
        numbers, protocol = _protocol(spec)
        first, last = _range(numbers, spec)
        ports.update({f"{port}/{protocol}": {} for port in range(first, last + 1)})
    return ports


def edited(specs: Iterable[str]) -> list[dict[str, str]]:
    """Return ports to add as /boxship/containers/{id}/ports wants them."""
    return [{"ContainerPort": port, **binding} for port, bindings in publish(specs).items() for binding in bindings]


def removed(specs: Iterable[str]) -> list[dict[str, str]]:
    """The same for ports to take away: without a host port, a container port stands for all it is published at."""
    return [{"ContainerPort": port, **binding} for spec in specs for port, binding in _short(spec)]


def _long(spec: str) -> list[tuple[str, dict[str, str]]]:
    fields = dict(part.partition("=")[::2] for part in spec.replace(" ", "").split(","))
    unknown = fields.keys() - {"target", "published", "protocol", "mode"}
    if unknown or not fields.get("target"):
        raise Invalid(f"invalid publish option {spec!r}: want published=8080,target=80,protocol=tcp")
    pair = f"{fields.get('published', '')}:{fields['target']}/{fields.get('protocol', 'tcp')}"
    return _short(pair.removeprefix(":"))


def _short(spec: str) -> list[tuple[str, dict[str, str]]]:
    rest, protocol = _protocol(spec)
    address, host, container = _split(rest)
    first, last = _range(container, spec)
    if not host:
        return [(f"{port}/{protocol}", {"HostIp": address, "HostPort": ""}) for port in range(first, last + 1)]
    low, high = _range(host, spec)
    if first == last and low != high:  # one port of the container, the first free one of a range of the host
        return [(f"{first}/{protocol}", {"HostIp": address, "HostPort": f"{low}-{high}"})]
    if last - first != high - low:
        raise Invalid(f"invalid ranges specified for container and host Ports: {container} and {host}")
    pairs = zip(range(first, last + 1), range(low, high + 1), strict=True)
    return [(f"{port}/{protocol}", {"HostIp": address, "HostPort": str(mine)}) for port, mine in pairs]


def _split(rest: str) -> tuple[str, str, str]:
    """Return address, host ports and container ports; the address may be IPv6 in brackets."""
    if rest.startswith("["):
        address, _, ports = rest[1:].partition("]:")
        host, _, container = ports.rpartition(":")
        return address, host, container
    parts = rest.split(":")
    if len(parts) > 3:
        return ":".join(parts[:-2]), parts[-2], parts[-1]
    address, host, container = ["", "", *parts][-3:]
    return address, host, container


def _protocol(spec: str) -> tuple[str, str]:
    numbers, slash, protocol = spec.partition("/")
    protocol = protocol.lower() if slash else "tcp"
    if protocol not in _PROTOCOLS:
        raise Invalid(f"invalid proto: {protocol} in {spec!r}: want tcp, udp or sctp")
    return numbers, protocol


def _range(text: str, spec: str) -> tuple[int, int]:
    low, dash, high = text.partition("-")
    if not low:
        raise Invalid(f"no port specified: {spec}<empty>")
    if not low.isdecimal() or (dash and not high.isdecimal()):
        raise Invalid(f"invalid containerPort: {text} in {spec!r}")
    first, last = int(low), int(high) if dash else int(low)
    if not 0 < first <= last <= 65535:
        raise Invalid(f"invalid port range {text} in {spec!r}: ports go from 1 to 65535")
    return first, last
