"""Networks of the project, and how services join them. Pure."""

from boxship.front.compose.model.base import Extended


class Endpoint(Extended, frozen=True, kw_only=True):
    """How one service joins one network. priority: networks are joined in falling order."""

    priority: int = 0
    gw_priority: int = 0
    aliases: tuple[str, ...] = ()
    interface_name: str = ""
    ipv4_address: str = ""
    ipv6_address: str = ""
    link_local_ips: tuple[str, ...] = ()
    mac_address: str = ""
    driver_opts: dict[str, str] = {}


class Port(Extended, frozen=True, kw_only=True):
    """One entry of `ports`. target: port in the container. mode: ingress (the default) or host.

    published: "", a port, or a range "8000-8010" to take one of.
    """

    name: str = ""
    mode: str = ""
    host_ip: str = ""
    target: int = 0
    published: str = ""
    protocol: str = ""
    app_protocol: str = ""


class Pool(Extended, frozen=True, kw_only=True):
    subnet: str = ""
    gateway: str = ""
    ip_range: str = ""
    aux_addresses: dict[str, str] = {}


class Ipam(Extended, frozen=True, kw_only=True):
    driver: str = ""
    config: tuple[Pool, ...] = ()
    options: dict[str, str] = {}


class Network(Extended, frozen=True, kw_only=True):
    """A network of the project. name: what the engine calls it, project prefix included."""

    name: str = ""
    driver: str = ""
    driver_opts: dict[str, str] = {}
    ipam: Ipam = Ipam()
    external: bool = False
    internal: bool = False
    attachable: bool = False
    labels: dict[str, str] = {}
    enable_ipv4: bool | None = None
    enable_ipv6: bool | None = None
