"""Networks in Docker's JSON, and which of them a list or a prune means. Pure."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from boxship.base.errors import Invalid, NotFound
from boxship.base.units import rfc3339
from boxship.front.docker.wire import names
from boxship.front.docker.wire.endpoints import parse_endpoint
from boxship.front.docker.wire.select import until
from boxship.front.rest.filters import Filters, invalid_value
from boxship.front.rest.version import NEWEST, Version
from boxship.model.network import EndpointSpec, EndpointStatus, IpamPool, Network, NetworkSpec

LIST_KEYS = frozenset(("dangling", "driver", "id", "label", "name", "scope", "type"))
PRUNE_KEYS = frozenset(("label", "label!", "until"))
TYPES = ("builtin", "custom")
IPV6_SAID_SINCE = (1, 47)
UNIQUE_SINCE = (1, 44)
_TRUTHS = ("1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False", "")
_POOL = names.parser(IpamPool)
_SPEC = names.parser(NetworkSpec)
# Under other names or in another shape than in our spec.
_SPECIAL = ("ipam", "configfrom", "enableipv4", "enableipv6", "ipamdriver", "ipamoptions")


def parse(body: dict[str, Any], version: Version = NEWEST) -> NetworkSpec:
    """Return the network that a create request asks for. Raises Invalid."""
    rest = {key.lower(): value for key, value in body.items() if key.lower() in _SPECIAL}
    plain = {key: value for key, value in body.items() if key.lower() not in _SPECIAL}
    plain |= names.folded(body, "Driver", "Scope")
    ipam = names.folded(_object(rest.get("ipam"), "IPAM"), "Driver", "Options", "Config")
    config_from = names.folded(_object(rest.get("configfrom"), "ConfigFrom"), "Network")
    pools = [_pool(entry) for entry in ipam.get("Config") or ()]
    where = "CreateRequest"
    spec: NetworkSpec = _SPEC(
        {
            **plain,
            "Driver": plain.get("Driver") or "bridge",
            "Scope": plain.get("Scope") or "local",
            "IpamDriver": ipam.get("Driver") or "default",
            "IpamOptions": ipam.get("Options"),
            "ConfigFrom": config_from.get("Network"),
            "EnableIpv4": _boolean(rest.get("enableipv4"), True, "EnableIPv4"),
            "EnableIpv6": _ipv6(rest.get("enableipv6"), pools, version),
            "Ipam": pools,
        },
        where,
    )
    if not spec.name.strip():
        raise Invalid("invalid argument: network name cannot be empty or only whitespace")
    return spec


def wants_unique(body: Mapping[str, Any], version: Version) -> bool:
    """Whether another network of the same name is in the way; clients of old could choose."""
    chosen = _boolean(names.folded(body, "CheckDuplicate").get("CheckDuplicate"), False, "CheckDuplicate")
    return version >= UNIQUE_SINCE or chosen


def _ipv6(value: Any, pools: Iterable[Mapping[str, Any]], version: Version) -> bool:
    """Who names an IPv6 block and does not say whether to have IPv6 wants it. Older clients say no for not saying."""
    if _boolean(value, False, "EnableIPv6"):
        return True
    unsaid = value is None or version < IPV6_SAID_SINCE
    return unsaid and any(":" in str(pool["Subnet"]) for pool in pools)


def _object(value: Any, key: str) -> dict[str, Any]:
    if value is not None and not isinstance(value, dict):
        raise names.mismatch(value, f"CreateRequest.{key}", "object")
    return value or {}


def _boolean(value: Any, default: bool, key: str) -> bool:
    if value is None:
        return default
    if not isinstance(value, bool):
        raise names.mismatch(value, f"CreateRequest.{key}", "bool")
    return value


def _pool(value: Any) -> dict[str, Any]:
    """Docker writes IPRange and, in older clients, AuxAddress."""
    entry = {key.lower(): part for key, part in _object(value, "IPAM.Config").items()}
    return {
        "Subnet": entry.get("subnet"),
        "IpRange": entry.get("iprange"),
        "Gateway": entry.get("gateway"),
        "AuxiliaryAddresses": entry.get("auxiliaryaddresses"),
    }


def parse_connect(body: dict[str, Any]) -> tuple[str, EndpointSpec]:
    """Return the container and what is asked of its place."""
    said = names.folded(body, "Container", "EndpointConfig")
    return _container(said), parse_endpoint(said.get("EndpointConfig"), "ConnectOptions.EndpointConfig")


def parse_disconnect(body: dict[str, Any]) -> tuple[str, bool]:
    """Return the container and whether to be forceful."""
    said = names.folded(body, "Container", "Force")
    return _container(said), _boolean(said.get("Force"), False, "Force")


def _container(body: dict[str, Any]) -> str:
    ref = body.get("Container")
    if not isinstance(ref, str) or not ref:
        raise Invalid("invalid request: Container must name a container")
    return ref


def render(network: Network) -> dict[str, Any]:
    """Return a network as lists show it."""
    spec = network.spec
    return {
        "Name": spec.name,
        "Id": network.id,
        "Created": rfc3339(network.created),
        "Scope": spec.scope,
        "Driver": spec.driver,
        "EnableIPv4": spec.enable_ipv4,
        "EnableIPv6": spec.enable_ipv6,
        "IPAM": {
            "Driver": spec.ipam_driver,
            "Options": spec.ipam_options,
            "Config": [_render_pool(pool) for pool in network.pools or spec.ipam],
        },
        "Internal": spec.internal,
        "Attachable": spec.attachable,
        "Ingress": spec.ingress,
        "ConfigFrom": {"Network": spec.config_from},
        "ConfigOnly": spec.config_only,
        "Containers": {},
        "Options": spec.options,
        "Labels": spec.labels,
    }


def _render_pool(pool: IpamPool) -> dict[str, Any]:
    shown = {
        "Subnet": pool.subnet,
        "IPRange": pool.ip_range,
        "Gateway": pool.gateway,
        "AuxiliaryAddresses": pool.auxiliary_addresses,
    }
    return {key: value for key, value in shown.items() if value}


def render_full(
    network: Network, members: Mapping[str, EndpointStatus], container_names: Mapping[str, str]
) -> dict[str, Any]:
    """Return a network as inspect shows it. members, container_names: by container id."""
    places = {
        container_id: {
            "Name": container_names.get(container_id, ""),
            "EndpointID": status.endpoint_id,
            "MacAddress": status.mac_address,
            "IPv4Address": _with_prefix(status.ipv4_address, status.ipv4_prefix),
            "IPv6Address": _with_prefix(status.ipv6_address, status.ipv6_prefix),
        }
        for container_id, status in members.items()
    }
    return {**render(network), "Containers": places}


def _with_prefix(address: str, prefix: int) -> str:
    return f"{address}/{prefix}" if address else ""


def check_verbose(value: str) -> None:
    """Raises Invalid for what is no truth value; verbose or not, a network of one host shows the same."""
    if value not in _TRUTHS:
        raise Invalid(f'invalid value for verbose: strconv.ParseBool: parsing "{value}": invalid syntax')


def in_scope(network: Network, scope: str) -> Network:
    """Return the network. Raises NotFound when another scope was asked for."""
    if scope and scope != network.spec.scope:
        raise NotFound(f"network {network.spec.name} not found")
    return network


def select(networks: Iterable[Network], filters: Filters, used: Collection[str]) -> list[Network]:
    """Return what a list request means. used: ids of the networks that containers are in. Raises Invalid."""
    dangling = filters.boolean("dangling") if "dangling" in filters else None
    for kind in filters.get("type"):
        if kind not in TYPES:
            raise invalid_value("type", [kind])
    return [
        network
        for network in networks
        if (dangling is None or dangling == (not network.builtin and network.id not in used))
        and filters.exact("driver", network.spec.driver)
        and filters.matches("id", network.id)
        and filters.matches("name", network.spec.name)
        and filters.exact("scope", network.spec.scope)
        and filters.exact("type", "builtin" if network.builtin else "custom")
        and filters.labels(network.spec.labels)
    ]


def prunable(filters: Filters, now: int) -> Callable[[Network], bool]:
    """Return the test for what a prune with `filters` removes. now: nanoseconds since 1970. Raises Invalid."""
    moment = until(filters, now)

    def test(network: Network) -> bool:
        if moment is not None and network.created > moment:
            return False
        return filters.labels(network.spec.labels) and filters.not_labels(network.spec.labels)

    return test
