"""Networks and a container's places in them."""

import msgspec


class IpamPool(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One block of addresses. subnet, ip_range: CIDR; gateway and auxiliary values: addresses."""

    subnet: str = ""
    ip_range: str = ""
    gateway: str = ""
    auxiliary_addresses: dict[str, str] = {}


class NetworkSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Docker's network create request. driver: bridge, host, none, macvlan, ipvlan, overlay."""

    name: str
    driver: str = "bridge"
    scope: str = "local"
    internal: bool = False
    attachable: bool = False
    ingress: bool = False
    config_only: bool = False
    config_from: str = ""
    enable_ipv4: bool = True
    enable_ipv6: bool = False
    ipam_driver: str = "default"
    ipam_options: dict[str, str] | None = None
    ipam: tuple[IpamPool, ...] = ()
    options: dict[str, str] = {}
    labels: dict[str, str] = {}


class Network(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One network as it stands. pools: settled blocks, each with subnet and gateway.
    link: name of the bridge or parent link on the host, "" where the driver has none."""

    id: str
    created: int
    spec: NetworkSpec
    pools: tuple[IpamPool, ...] = ()
    link: str = ""
    builtin: bool = False


class EndpointSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the user asks of one container's place in one network. Docker's EndpointSettings, the asked half."""

    ipv4_address: str = ""
    ipv6_address: str = ""
    link_local_ips: tuple[str, ...] = ()
    links: tuple[str, ...] | None = None
    aliases: tuple[str, ...] | None = None
    mac_address: str = ""
    driver_opts: dict[str, str] | None = None
    gw_priority: int = 0


class EndpointStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One container's place in one network as it stands; empty strings while not running.

    interface: name inside the container, eth0.  host_link: name of its other end on the host.
    dns_names: what the resolver of the network answers for.
    """

    network_id: str
    network: str
    endpoint_id: str = ""
    ipv4_address: str = ""
    ipv4_prefix: int = 0
    gateway: str = ""
    ipv6_address: str = ""
    ipv6_prefix: int = 0
    ipv6_gateway: str = ""
    mac_address: str = ""
    interface: str = ""
    host_link: str = ""
    dns_names: tuple[str, ...] = ()
