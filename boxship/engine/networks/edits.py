"""Changing what a container publishes while it runs: the wish with ports added and taken away. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address

import msgspec

from boxship.base.errors import Conflict
from boxship.engine.networks import ports
from boxship.engine.networks.ports import ANY4, ANY6, Published
from boxship.model.container import HostSpec, PortBinding

Bindings = dict[str, tuple[PortBinding, ...]]


class PortEdit(msgspec.Struct, frozen=True, kw_only=True):
    """remove, add: container port ("80/tcp", "8000-8010/udp") -> bindings; removals come first.
    A removed binding without host port or address stands for every one of that container port.
    source: a running container whose published ports are all taken over, "" for none."""

    add: Bindings = {}
    remove: Bindings = {}
    source: str = ""


def named(host: HostSpec, exposed: Iterable[str]) -> HostSpec:
    """Return the wish with `--publish-all` written out, so that one of its ports can be taken away."""
    if not host.publish_all_ports:
        return host
    written = {**{port: (PortBinding(),) for port in exposed}, **(host.port_bindings or {})}
    return msgspec.structs.replace(host, publish_all_ports=False, port_bindings=written)


def without(
    bindings: Mapping[str, Sequence[PortBinding] | None] | None, remove: Bindings, gone: Sequence[Published] = ()
) -> Bindings:
    """Return the bindings that stay. gone: the ports in force that go, which tell what wishes for any port became."""
    kept: Bindings = {}
    for key, entries in (bindings or {}).items():
        left = tuple(e for e in entries or () if not (_binding_matches(key, e, remove) or _became(key, e, gone)))
        if left:
            kept[key] = left
    return kept


def joined(first: Bindings, second: Mapping[str, Sequence[PortBinding] | None] | None) -> Bindings:
    found = dict(first)
    for key, entries in (second or {}).items():
        found[key] = tuple(dict.fromkeys((*found.get(key, ()), *(entries or ()))))
    return found


def chosen(published: Iterable[Published], remove: Bindings) -> tuple[Published, ...]:
    """Return the ports in force that `remove` names."""
    return tuple(p for p in published if any(_matches(p, key, entry) for key, entry in _each(remove)))


def require_present(
    remove: Bindings, bindings: Mapping[str, Sequence[PortBinding] | None] | None, published: Sequence[Published]
) -> None:
    """Raise Conflict for what is to be removed and is neither wished nor in force."""
    for key, entry in _each(remove):
        wished = any(
            _binding_matches(own, b, {key: (entry,)}) for own, bs in (bindings or {}).items() for b in bs or ()
        )
        if not wished and not any(_matches(p, key, entry) for p in published):
            shown = ":".join(filter(None, (entry.host_ip, entry.host_port, key)))
            raise Conflict(f"port {shown} is not published")


def _each(bindings: Bindings) -> Iterable[tuple[str, PortBinding]]:
    return ((key, entry) for key, entries in bindings.items() for entry in entries or (PortBinding(),))


def _binding_matches(key: str, entry: PortBinding, remove: Bindings) -> bool:
    for other, gone in _each(remove):
        low, high, protocol = ports.parse(other)
        mine = ports.parse(key)
        if mine[2] != protocol or not low <= mine[0] <= mine[1] <= high:
            continue
        if gone.host_ip and _address(gone.host_ip) != _address(entry.host_ip):
            continue
        if gone.host_port in ("", "0") or _within(entry.host_port, gone.host_port):
            return True
    return False


def _became(key: str, entry: PortBinding, gone: Sequence[Published]) -> bool:
    """Whether one of the ports that go was given for this wish for any port, or for one of a range."""
    low, high, protocol = ports.parse(key)
    if entry.host_port.isdecimal() and entry.host_port != "0":
        return False
    return any(
        p.protocol == protocol and low <= p.port <= high and (not entry.host_ip or _address(entry.host_ip) == p.address)
        for p in gone
    )


def _within(mine: str, asked: str) -> bool:
    """Whether a wish for the host port `mine` is told by `asked`; a wish for a free port is not."""
    if mine in ("", "0"):
        return False
    low, high = ports.parse_range(asked)
    first, last = ports.parse_range(mine)
    return low <= first <= last <= high


def _matches(p: Published, key: str, entry: PortBinding) -> bool:
    low, high, protocol = ports.parse(key)
    if p.protocol != protocol or not low <= p.port <= high:
        return False
    if entry.host_ip and _address(entry.host_ip) != p.address:
        return False
    if entry.host_port in ("", "0"):
        return True
    first, last = ports.parse_range(entry.host_port)
    return first <= p.host_port <= last


def _address(text: str) -> str:
    return str(ip_address(text)) if text else ANY4


def moved(published: Iterable[Published]) -> Bindings:
    """Return the wish of a container that takes these ports over: free ones become the ports they got."""
    found: Bindings = {}
    for p in published:
        if p.address == ANY6 and _has(found, p):
            continue  # both families came of one wish
        address = "" if p.address in (ANY4, ANY6) else p.address
        key = f"{p.port}/{p.protocol}"
        found[key] = (*found.get(key, ()), PortBinding(host_ip=address, host_port=str(p.host_port)))
    return found


def _has(found: Bindings, p: Published) -> bool:
    wish = PortBinding(host_port=str(p.host_port))
    return wish in found.get(f"{p.port}/{p.protocol}", ())
