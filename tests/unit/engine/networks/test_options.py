"""Options of networks and endpoints."""

import pytest

from boxship.base.errors import Invalid
from boxship.engine.networks.options import BridgeOptions, bridge_options, endpoint_sysctls, flag, link_name

B = "com.docker.network.bridge."
READ = {
    "nothing": ({}, BridgeOptions()),
    "a name": ({B + "name": "br7"}, BridgeOptions(name="br7")),
    "kept apart": ({B + "enable_icc": "false"}, BridgeOptions(icc=False)),
    "no masquerade": ({B + "enable_ip_masquerade": "0"}, BridgeOptions(masquerade4=False, masquerade6=False)),
    "routed is not masqueraded": (
        {B + "gateway_mode_ipv4": "routed"},
        BridgeOptions(mode4="routed", masquerade4=False),
    ),
    "an address to publish at": ({B + "host_binding_ipv4": "10.0.0.1"}, BridgeOptions(host_binding="10.0.0.1")),
    "mtu": ({"com.docker.network.driver.mtu": "1400"}, BridgeOptions(mtu=1400)),
    "the interface's name": (
        {"com.docker.network.container_iface_prefix": "net"},
        BridgeOptions(interface_prefix="net"),
    ),
    "others' options are others' business": ({"org.example.colour": "red"}, BridgeOptions()),
}


@pytest.mark.parametrize(("options", "found"), READ.values(), ids=READ)
def test_read(options: dict[str, str], found: BridgeOptions) -> None:
    assert bridge_options(options) == found


REFUSED = {
    B + "nosuch": "x",
    B + "enable_icc": "maybe",
    B + "gateway_mode_ipv4": "magic",
    B + "host_binding_ipv4": "fd00::1",
    B + "name": "a name",
    "com.docker.network.driver.mtu": "12",
    "com.docker.network.nosuch": "x",
}


@pytest.mark.parametrize(("key", "value"), REFUSED.items())
def test_refused(key: str, value: str) -> None:
    with pytest.raises(Invalid):
        bridge_options({key: value})


def test_flags() -> None:
    assert flag({}, "k", True) is True
    assert flag({"k": ""}, "k", True) is True
    assert flag({"k": "T"}, "k", False) is True
    assert flag({"k": "f"}, "k", True) is False


@pytest.mark.parametrize("name", ["..", "x" * 16, "a/b", "a:b", "a b"])
def test_impossible_link_names(name: str) -> None:
    with pytest.raises(Invalid, match="invalid link name"):
        link_name(name)


def test_endpoint_sysctls() -> None:
    key = "com.docker.network.endpoint.sysctls"
    options = {key: "net.ipv4.conf.IFNAME.log_martians=1,net.ipv6.conf.IFNAME.accept_ra=2"}
    assert endpoint_sysctls(options, "eth0.7") == {
        "ipv4.conf.eth0/7.log_martians": "1",
        "ipv6.conf.eth0/7.accept_ra": "2",
    }
    assert endpoint_sysctls({}, "eth0") == {}
    for bad in ("net.ipv4.conf.eth0.log_martians=1", "kernel.x=1", "net.ipv4.conf.IFNAME.x"):
        with pytest.raises(Invalid):
            endpoint_sysctls({key: bad}, "eth0")
