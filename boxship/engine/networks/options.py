"""Options of networks and endpoints: text from users into values. No I/O."""

from collections.abc import Mapping
from ipaddress import ip_address

import msgspec

from boxship.base.errors import Invalid

OURS = "com.docker.network."
BRIDGE = "com.docker.network.bridge."
MTU = "com.docker.network.driver.mtu"
IFACE_PREFIX = "com.docker.network.container_iface_prefix"
ENDPOINT_IFNAME = "com.docker.network.endpoint.ifname"
ENDPOINT_SYSCTLS = "com.docker.network.endpoint.sysctls"
MODES = ("nat", "nat-unprotected", "routed", "isolated")
TRUE = ("1", "t", "T", "TRUE", "true", "True")
FALSE = ("0", "f", "F", "FALSE", "false", "False")
NAME_MAX = 15  # IFNAMSIZ without the final zero


class BridgeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """mode4, mode6: nat; nat-unprotected (reachable directly as well); routed (no translation);
    isolated (no address of the host in an internal network). host_binding: where ports are published, "" anywhere."""

    name: str = ""
    icc: bool = True
    masquerade4: bool = True
    masquerade6: bool = True
    host_binding: str = ""
    mtu: int = 0
    mode4: str = "nat"
    mode6: str = "nat"
    interface_prefix: str = "eth"
    inhibit4: bool = False


_BRIDGE_KEYS = (
    "name",
    "enable_icc",
    "enable_ip_masquerade",
    "host_binding_ipv4",
    "gateway_mode_ipv4",
    "gateway_mode_ipv6",
    "inhibit_ipv4",
    "default_bridge",
)


def bridge_options(options: Mapping[str, str], default_mtu: int = 0) -> BridgeOptions:
    """Read the options of a bridge network. Raises Invalid naming the key that is wrong or not known."""
    for key in options:
        if key.startswith(BRIDGE) and key.removeprefix(BRIDGE) not in _BRIDGE_KEYS:
            raise Invalid(f"unsupported network option {key}")
        if key.startswith(OURS) and not key.startswith(BRIDGE) and key not in (MTU, IFACE_PREFIX):
            raise Invalid(f"unsupported network option {key}")
    masquerade = flag(options, BRIDGE + "enable_ip_masquerade", True)
    modes = [_mode(options, f"{BRIDGE}gateway_mode_ipv{family}") for family in (4, 6)]
    return BridgeOptions(
        name=link_name(options.get(BRIDGE + "name", "")),
        icc=flag(options, BRIDGE + "enable_icc", True),
        masquerade4=masquerade and modes[0].startswith("nat"),
        masquerade6=masquerade and modes[1].startswith("nat"),
        host_binding=_binding(options.get(BRIDGE + "host_binding_ipv4", "")),
        mtu=mtu(options, default_mtu),
        mode4=modes[0],
        mode6=modes[1],
        interface_prefix=options.get(IFACE_PREFIX, "") or "eth",
        inhibit4=flag(options, BRIDGE + "inhibit_ipv4", False),
    )


def flag(options: Mapping[str, str], key: str, default: bool) -> bool:
    value = options.get(key, "")
    if value == "":
        return default
    if value not in (*TRUE, *FALSE):
        raise Invalid(f'invalid value for {key}: "{value}" (want true or false)')
    return value in TRUE


def mtu(options: Mapping[str, str], default: int = 0) -> int:
    text = options.get(MTU, "")
    if text and not (text.isdecimal() and 68 <= int(text) <= 65535):
        raise Invalid(f'invalid value for {MTU}: "{text}" (want 68 to 65535 bytes)')
    return int(text) if text else default


def link_name(name: str) -> str:
    """Return `name` if a link may be called so. Raises Invalid."""
    if len(name) > NAME_MAX or any(c in "/: \t\n" for c in name) or name in (".", ".."):
        raise Invalid(f'invalid link name "{name}": 1 to {NAME_MAX} characters, without slash, colon or space')
    return name


def _mode(options: Mapping[str, str], key: str) -> str:
    mode = options.get(key, "") or "nat"
    if mode not in MODES:
        raise Invalid(f"unknown gateway mode {mode} for {key} (want {', '.join(MODES)})")
    return mode


def _binding(text: str) -> str:
    if not text:
        return ""
    try:
        if ip_address(text).version == 4:
            return text
    except ValueError:
        pass
    raise Invalid(f'invalid value for {BRIDGE}host_binding_ipv4: "{text}" (want an IPv4 address)')


def endpoint_sysctls(options: Mapping[str, str], interface: str) -> dict[str, str]:
    """Return the sysctls of one interface: "net.ipv4.conf.IFNAME.log_martians=1,…" without "net.", names filled in."""
    found = {}
    for entry in filter(None, options.get(ENDPOINT_SYSCTLS, "").split(",")):
        name, equals, value = entry.partition("=")
        parts = name.strip().split(".")
        if not equals or len(parts) < 5 or parts[0] != "net" or parts[3] != "IFNAME":
            raise Invalid(f'invalid {ENDPOINT_SYSCTLS} "{entry}" (want net.X.Y.IFNAME.Z=value)')
        parts[3] = interface.replace(".", "/")
        found[".".join(parts[1:])] = value
    return found
