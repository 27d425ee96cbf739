"""Docker's EndpointSettings: a container's place in a network, asked (EndpointSpec) and seen (EndpointStatus). Pure."""

from typing import Any

from boxship.front.docker.wire import names
from boxship.model.network import EndpointSpec, EndpointStatus

_parse = names.parser(EndpointSpec)
_IPAM = ("IPv4Address", "IPv6Address", "LinkLocalIPs")


def parse_endpoint(value: Any, where: str) -> EndpointSpec:
    """Return the asked half of an EndpointSettings; what only the daemon knows is ignored. null is all defaults."""
    if value is None:
        return EndpointSpec()
    if not isinstance(value, dict):
        raise names.mismatch(value, where, "network.EndpointSettings")
    by_name = {key.lower(): part for key, part in value.items()}
    ipam = by_name.get("ipamconfig")
    if ipam is not None and not isinstance(ipam, dict):
        raise names.mismatch(ipam, f"{where}.IPAMConfig", "network.EndpointIPAMConfig")
    asked = {key: part for key, part in value.items() if key not in _IPAM}
    spec: EndpointSpec = _parse({**asked, **(ipam or {})}, where)
    return spec


def render_endpoint(spec: EndpointSpec, status: EndpointStatus) -> dict[str, Any]:
    """Return one entry of NetworkSettings.Networks."""
    return {
        "IPAMConfig": _ipam(spec),
        "Links": spec.links,
        "Aliases": spec.aliases,
        "MacAddress": status.mac_address or spec.mac_address,
        "DriverOpts": spec.driver_opts,
        "GwPriority": spec.gw_priority,
        "NetworkID": status.network_id,
        "EndpointID": status.endpoint_id,
        "Gateway": status.gateway,
        "IPAddress": status.ipv4_address,
        "IPPrefixLen": status.ipv4_prefix,
        "IPv6Gateway": status.ipv6_gateway,
        "GlobalIPv6Address": status.ipv6_address,
        "GlobalIPv6PrefixLen": status.ipv6_prefix,
        "DNSNames": status.dns_names or None,
    }


def _ipam(spec: EndpointSpec) -> dict[str, Any] | None:
    asked = {
        "IPv4Address": spec.ipv4_address,
        "IPv6Address": spec.ipv6_address,
        "LinkLocalIPs": spec.link_local_ips,
    }
    return {name: value for name, value in asked.items() if value} or None
