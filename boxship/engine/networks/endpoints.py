"""Which networks a container is in, and what it gets in each. State is an argument; no I/O."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from boxship.base.errors import Forbidden, Invalid
from boxship.base.ids import short
from boxship.engine.networks.ipam import Lease, address, mac_for
from boxship.engine.networks.options import ENDPOINT_IFNAME, link_name
from boxship.model.container import ContainerSpec
from boxship.model.network import EndpointSpec, EndpointStatus, Network
from boxship.model.status import Container

DEFAULT = "bridge"
ROUTER = "DefaultGatewayIPv4"  # auxiliary address under which the operator's own gateway is kept, as dockerd does
HOST, NONE, JOIN = "host", "none", "container:"


def mode_of(spec: ContainerSpec) -> str:
    """Return the network mode with its default filled in."""
    if spec.network_disabled:
        return NONE
    mode = spec.host.network_mode
    return DEFAULT if mode in ("", "default") else mode


def wishes(spec: ContainerSpec, find: Callable[[str], Network]) -> dict[str, tuple[Network, EndpointSpec]]:
    """Return the networks of a container by name, the one of its network mode first.

    Raises NotFound for one that is not there."""
    mode = mode_of(spec)
    if mode == HOST or mode.startswith(JOIN):
        return {}
    primary = find(mode)
    asked = {find(DEFAULT if ref == "default" else ref).id: endpoint for ref, endpoint in spec.networks.items()}
    first = asked.pop(primary.id, EndpointSpec())
    if spec.mac_address and not first.mac_address:
        first = msgspec.structs.replace(first, mac_address=spec.mac_address)
    ordered = [(primary, first), *((find(network_id), endpoint) for network_id, endpoint in asked.items())]
    return {network.spec.name: (network, endpoint) for network, endpoint in ordered}


def rewired(spec: ContainerSpec, add: Mapping[str, EndpointSpec], drop: Network | None) -> ContainerSpec:
    """Return the wish with networks added, and one dropped. A container whose network mode is the dropped one is
    left with its other networks, the first of which becomes its mode, or with none; the first added ends none."""
    names = {drop.spec.name, drop.id} if drop is not None else set()
    networks = {name: asked for name, asked in spec.networks.items() if _plain(name) not in names} | dict(add)
    mode = mode_of(spec)
    if mode in names or (mode == NONE and add):
        host = msgspec.structs.replace(spec.host, network_mode=next(iter(networks), NONE))
        networks.pop(NONE, None)
        return msgspec.structs.replace(spec, networks=networks, host=host)
    return msgspec.structs.replace(spec, networks=networks)


def _plain(name: str) -> str:
    return DEFAULT if name == "default" else name


def require_fitting(network: Network, asked: EndpointSpec) -> None:
    """Raise, with dockerd's texts, for what only works in networks that users make, and some of these not."""
    if network.spec.config_only:
        raise Forbidden(f"network {network.spec.name} is a configuration-only network: no container can be in it")
    if network.spec.name in (HOST, NONE):
        return
    wants_address = asked.ipv4_address or asked.ipv6_address
    if wants_address and network.builtin:
        raise Invalid("user specified IP address is supported on user defined networks only")
    if wants_address and not any(p.subnet for p in network.spec.ipam):
        raise Invalid(
            "user specified IP address is supported only when connecting to networks with user configured subnets"
        )
    if asked.aliases and network.builtin:
        raise Invalid("network-scoped alias is supported only for containers in user defined networks")


def take(network: Network, leases: Sequence[Lease], asked: EndpointSpec, endpoint_id: str) -> EndpointStatus:
    """Give addresses of the network's blocks: those asked for, else the lowest free ones.

    Raises Invalid or Forbidden with dockerd's texts, and has then given nothing."""
    ipv4, lease4 = _take(leases, 4, asked.ipv4_address)
    try:
        ipv6, lease6 = _take(leases, 6, asked.ipv6_address)
    except Exception:
        if lease4 is not None:
            lease4.release(ipv4)
        raise
    status = _place(network, endpoint_id, (ipv4, lease4), (ipv6, lease6))
    return msgspec.structs.replace(status, mac_address=asked.mac_address) if asked.mac_address else status


def recognise(
    network: Network, leases: Sequence[Lease], addresses: Iterable[str], endpoint_id: str
) -> EndpointStatus | None:
    """Return the place that these addresses, with prefix, stand for; None when none is of the network's blocks."""
    found: dict[int, tuple[str, Lease]] = {}
    for text in addresses:
        bare = text.partition("/")[0]
        for lease in leases:
            if address(bare).version == lease.version and lease.contains(bare):
                found[lease.version] = (bare, lease)
    if not found:
        return None
    ipv4, lease4 = found.get(4, ("", None))
    ipv6, lease6 = found.get(6, ("", None))
    return _place(network, endpoint_id, (ipv4, lease4), (ipv6, lease6))


def _place(
    network: Network, endpoint_id: str, four: tuple[str, Lease | None], six: tuple[str, Lease | None]
) -> EndpointStatus:
    (ipv4, lease4), (ipv6, lease6) = four, six
    seed = hashlib.sha256(endpoint_id.encode()).digest()
    return EndpointStatus(
        network_id=network.id,
        network=network.spec.name,
        endpoint_id=endpoint_id,
        ipv4_address=ipv4,
        ipv4_prefix=lease4.prefix if lease4 else 0,
        gateway=_gateway(network, lease4),
        ipv6_address=ipv6,
        ipv6_prefix=lease6.prefix if lease6 else 0,
        ipv6_gateway=_gateway(network, lease6),
        mac_address=mac_for(ipv4, seed),
    )


def _gateway(network: Network, lease: Lease | None) -> str:
    if lease is None or network.spec.internal:
        return ""
    return lease.pool.auxiliary_addresses.get(ROUTER, lease.pool.gateway)


def _take(leases: Sequence[Lease], family: int, wanted: str) -> tuple[str, Lease | None]:
    fitting = [lease for lease in leases if lease.version == family]
    if wanted:
        if address(wanted).version != family:
            raise Invalid(f"invalid IPv{family} address: {wanted}")
        holder = next((lease for lease in fitting if lease.contains(wanted)), None)
        if holder is None:
            raise Invalid(f"no configured subnet or ip-range contain the IP address {wanted}")
        return holder.claim(wanted), holder
    error: Exception | None = None
    for lease in fitting:
        try:
            return lease.take(), lease
        except Exception as e:  # this block is full; the next may not be
            error = e
    if error is not None:
        raise error
    return "", None


def give_back(leases: Iterable[Lease], status: EndpointStatus) -> None:
    for lease in leases:
        for given in (status.ipv4_address, status.ipv6_address):
            if given and lease.contains(given):
                lease.release(given)


def recall(leases: Iterable[Lease], status: EndpointStatus) -> None:
    """Note addresses that are in use, without asking whether they may be."""
    for lease in leases:
        for given in (status.ipv4_address, status.ipv6_address):
            if given and lease.contains(given) and not lease.holds(given):
                lease.hold(given)


def interface_names(
    asked: Mapping[str, EndpointSpec], prefixes: Mapping[str, str], used: Iterable[str] = ()
) -> dict[str, str]:
    """Return the interface of each network: the name asked for, else the first free eth<n>.

    Raises Invalid for a name that is taken or impossible."""
    names: dict[str, str] = {}
    taken = set(used)
    for network, endpoint in asked.items():
        wish = (endpoint.driver_opts or {}).get(ENDPOINT_IFNAME, "")
        if wish:
            if wish in taken:
                raise Invalid(f'interface name "{wish}" is used twice')
            names[network] = link_name(wish)
            taken.add(wish)
    for network in asked:
        if network not in names:
            number = 0
            while (candidate := f"{prefixes.get(network, 'eth')}{number}") in taken:
                number += 1
            names[network] = candidate
            taken.add(candidate)
    return names


def gateway_networks(
    statuses: Mapping[str, EndpointStatus], asked: Mapping[str, EndpointSpec]
) -> dict[str, tuple[str, ...]]:
    """Return network -> gateways of the default routes that lead through it, for one network per family.

    The highest priority wins, then the first name, as dockerd has it."""
    order = sorted(statuses, key=lambda n: (-asked.get(n, EndpointSpec()).gw_priority, n))
    found: dict[str, tuple[str, ...]] = {}
    for pick in ("gateway", "ipv6_gateway"):
        network = next((n for n in order if getattr(statuses[n], pick)), None)
        if network is not None:
            found[network] = (*found.get(network, ()), getattr(statuses[network], pick))
    return found


def is_named(network: Network) -> bool:
    """Whether names are answered in the network: in every one that a user made."""
    return not network.builtin


def dns_names(container: Container, asked: EndpointSpec) -> tuple[str, ...]:
    """Return the names of a container in a user's network, as inspect shows them; the first for reverse questions."""
    hostname = container.spec.hostname or short(container.id)
    names = (container.name, *(asked.aliases or ()), short(container.id), hostname)
    return tuple(dict.fromkeys(filter(None, names)))
