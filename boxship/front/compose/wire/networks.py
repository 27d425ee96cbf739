"""Networks of the project, and how containers join them. Pure."""

from collections.abc import Sequence
from typing import Any

from boxship.front.compose import labels
from boxship.front.compose.model import Endpoint, Pool, Project, Service

Json = dict[str, Any]


def create_network(project: Project, key: str) -> Json:
    """Return the body of POST /networks/create."""
    network = project.networks[key]
    body: Json = {
        "Name": network.name,
        "Driver": network.driver,
        "Options": dict(network.driver_opts),
        "Internal": network.internal,
        "Attachable": network.attachable,
        "Labels": labels.of_network(project, key),
        "CheckDuplicate": True,
    }
    if network.enable_ipv6 is not None:
        body["EnableIPv6"] = network.enable_ipv6
    if network.enable_ipv4 is not None:
        body["EnableIPv4"] = network.enable_ipv4
    if network.ipam.driver or network.ipam.config or network.ipam.options:
        body["IPAM"] = {
            "Driver": network.ipam.driver,
            "Config": [_pool(pool) for pool in network.ipam.config],
            "Options": dict(network.ipam.options),
        }
    return body


def _pool(pool: Pool) -> Json:
    told = {
        "Subnet": pool.subnet,
        "IPRange": pool.ip_range,
        "Gateway": pool.gateway,
        "AuxiliaryAddresses": dict(pool.aux_addresses),
    }
    return {key: value for key, value in told.items() if value}


def mode(project: Project, service: Service) -> str:
    """Return HostConfig.NetworkMode: what the service says, else its first network, else none."""
    if service.network_mode:
        return service.network_mode
    return project.networks[_keys(project, service)[0]].name if project.networks else "none"


def endpoints(project: Project, service: Service, number: int, links: Sequence[str], *, aliases: bool = True) -> Json:
    """Return EndpointsConfig, network name -> settings; the first is that of NetworkMode. {} without networks.

    aliases: False for one-off containers, which must not answer in place of the service.
    """
    if service.network_mode or not project.networks:
        return {}
    keys = _keys(project, service)
    return {project.networks[key].name: _endpoint(project, service, number, key, links, aliases) for key in keys}


def _keys(project: Project, service: Service) -> Sequence[str]:
    return service.networks_by_priority() or ("default",)


def _endpoint(project: Project, service: Service, number: int, key: str, links: Sequence[str], aliases: bool) -> Json:
    endpoint = service.networks.get(key) or Endpoint()
    names = [labels.container_name(project, service, number)]
    if aliases:
        names += [service.name, *endpoint.aliases]
    body: Json = {"Aliases": names}
    if links:
        body["Links"] = list(links)
    address = {
        "IPv4Address": endpoint.ipv4_address,
        "IPv6Address": endpoint.ipv6_address,
        "LinkLocalIPs": list(endpoint.link_local_ips),
    }
    if any(address.values()):
        body["IPAMConfig"] = {name: value for name, value in address.items() if value}
    mac = endpoint.mac_address or (service.mac_address if key == _keys(project, service)[0] else "")
    options = dict(endpoint.driver_opts)
    if endpoint.interface_name:
        options["com.docker.network.endpoint.ifname"] = endpoint.interface_name
    more = {"MacAddress": mac, "DriverOpts": options, "GwPriority": endpoint.gw_priority}
    return {**body, **{name: value for name, value in more.items() if value}}
