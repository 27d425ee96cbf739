"""What a container is called and whom it knows: hosts, resolvers, links, addresses, published ports."""

import socket
import time
import uuid

import pytest

from tests.e2e.engine_api import EngineApi, Json
from tests.patience import PATIENCE
from tests.ports import free_port

pytestmark = pytest.mark.e2e

PAGE = ["sh", "-c", "echo hello >/index.html; exec httpd -f -p 80 -h /"]


def page(port: int, host: str = "127.0.0.1") -> str:
    """Ask for the page until it is answered."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            with socket.create_connection((host, port), timeout=60) as sock:
                sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
                text = b""
                while piece := sock.recv(4096):
                    text += piece
                return text.decode().partition("\r\n\r\n")[2]
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


HOSTS: dict[str, tuple[Json, str, str]] = {
    "an extra host": ({"ExtraHosts": ["db:10.1.2.3"]}, "/etc/hosts", "10.1.2.3\tdb"),
    "with an equals sign": ({"ExtraHosts": ["db=10.1.2.3"]}, "/etc/hosts", "10.1.2.3\tdb"),
    "of IPv6": ({"ExtraHosts": ["db:2001:db8::1"]}, "/etc/hosts", "2001:db8::1\tdb"),
    "in brackets": ({"ExtraHosts": ["db:[2001:db8::1]"]}, "/etc/hosts", "2001:db8::1\tdb"),
    "a resolver": ({"Dns": ["10.9.9.9"]}, "/etc/resolv.conf", "nameserver 10.9.9.9"),
    "a search domain": ({"DnsSearch": ["example.com"]}, "/etc/resolv.conf", "search example.com"),
    "an option": ({"DnsOptions": ["ndots:3", "rotate"]}, "/etc/resolv.conf", "options ndots:3 rotate"),
    "localhost": ({}, "/etc/hosts", "127.0.0.1\tlocalhost"),
    "all in the host's network": (
        {"NetworkMode": "host", "ExtraHosts": ["db:10.1.2.3"]},
        "/etc/hosts",
        "10.1.2.3\tdb",
    ),
    "all without network": ({"NetworkMode": "none", "ExtraHosts": ["db:10.1.2.3"]}, "/etc/hosts", "10.1.2.3\tdb"),
}


@pytest.mark.parametrize(("asked", "file", "line"), HOSTS.values(), ids=HOSTS)
def test_files(api: EngineApi, asked: Json, file: str, line: str) -> None:
    assert line in api.run(["cat", file], asked).output.splitlines()


def test_the_gateway_by_name(api: EngineApi) -> None:
    """host-gateway is the host's address on the default network."""
    ran = api.run("awk '$2 == \"up\" {print $1}' /etc/hosts", {"ExtraHosts": ["up:host-gateway"]})
    bridge = api.get("/networks/bridge")["IPAM"]["Config"][0]["Gateway"]
    assert ran.output == f"{bridge}\n"


def test_no_search_domain(api: EngineApi) -> None:
    assert "search" not in api.run(["cat", "/etc/resolv.conf"], {"DnsSearch": ["."]}).output


def test_own_name_and_address(api: EngineApi) -> None:
    container = api.up(Hostname="box", Domainname="example.com")
    address = api.inspect(container)["NetworkSettings"]["IPAddress"]
    assert f"{address}\tbox.example.com box" in api.exec(container, "cat /etc/hosts").output.splitlines()
    assert address in api.exec(container, "ip -o addr show eth0").output


MACS: dict[str, tuple[str, Json]] = {
    "of the container": ("1.43", {"MacAddress": "02:42:aa:bb:cc:01"}),
    "of the endpoint": (
        "1.51",
        {"NetworkingConfig": {"EndpointsConfig": {"bridge": {"MacAddress": "02:42:aa:bb:cc:01"}}}},
    ),
    "of the container, moved": ("1.51", {"MacAddress": "02:42:aa:bb:cc:01"}),
}


@pytest.mark.parametrize(("version", "config"), MACS.values(), ids=MACS)
def test_mac_addresses(api: EngineApi, version: str, config: Json) -> None:
    api.version = version
    container = api.up(**config)
    assert api.exec(container, "cat /sys/class/net/eth0/address").output == "02:42:aa:bb:cc:01\n"
    assert api.inspect(container)["NetworkSettings"]["MacAddress"] == "02:42:aa:bb:cc:01"


def test_links(api: EngineApi) -> None:
    name = f"store-{uuid.uuid4().hex[:6]}"
    made = api.create(
        name=name, Cmd=["sleep", "300"], StopSignal="KILL", Env=["KEY=value"], ExposedPorts={"80/tcp": {}}
    )
    other = made.json["Id"]
    assert api.start(other).status == 204
    address = api.inspect(other)["NetworkSettings"]["IPAddress"]
    ran = api.run("cat /etc/hosts; env", {"Links": [f"{name}:db"]})
    lines = ran.output.splitlines()
    assert any(line.split()[:2] == [address, "db"] and name in line for line in lines)
    assert {f"DB_PORT=tcp://{address}:80", f"DB_PORT_80_TCP_ADDR={address}", "DB_ENV_KEY=value"} <= set(lines)


PUBLISHED: dict[str, Json] = {
    "any address": {"HostPort": "PORT"},
    "one address": {"HostIp": "127.0.0.1", "HostPort": "PORT"},
    "any port": {"HostPort": ""},
    "any port, said by nought": {"HostPort": "0"},
    "a range": {"HostPort": "PORT-LAST"},
}


@pytest.mark.parametrize("binding", PUBLISHED.values(), ids=PUBLISHED)
def test_published_ports(api: EngineApi, binding: Json) -> None:
    port = free_port()
    asked = {name: text.replace("PORT", str(port)).replace("LAST", str(port + 5)) for name, text in binding.items()}
    container = api.up({"PortBindings": {"80/tcp": [asked]}}, Cmd=PAGE, ExposedPorts={"80/tcp": {}})
    [shown, *more] = api.inspect(container)["NetworkSettings"]["Ports"]["80/tcp"]
    assert all(other["HostPort"] == shown["HostPort"] for other in more)
    assert page(int(shown["HostPort"])) == "hello\n"


def test_all_exposed_ports(api: EngineApi) -> None:
    container = api.up({"PublishAllPorts": True}, Cmd=PAGE, ExposedPorts={"80/tcp": {}, "53/udp": {}})
    ports = api.inspect(container)["NetworkSettings"]["Ports"]
    assert ports.keys() == {"80/tcp", "53/udp"}
    assert page(int(ports["80/tcp"][0]["HostPort"])) == "hello\n"


def test_exposed_ports_alone_are_not_published(api: EngineApi) -> None:
    container = api.up(ExposedPorts={"80/tcp": {}})
    assert api.inspect(container)["NetworkSettings"]["Ports"] == {"80/tcp": None}


def test_a_port_is_published_once(api: EngineApi) -> None:
    port = str(free_port())
    asked = {"PortBindings": {"80/tcp": [{"HostPort": port}]}}
    api.up(asked)
    assert f"Bind for 0.0.0.0:{port} failed: port is already allocated" in api.refused(asked)


def test_addresses_and_aliases_in_a_network_of_the_users(api: EngineApi) -> None:
    with api.network(IPAM={"Config": [{"Subnet": "10.213.77.0/24"}]}) as net:
        endpoint = {
            "IPAMConfig": {"IPv4Address": "10.213.77.9"},
            "Aliases": ["store"],
            "MacAddress": "02:42:aa:bb:cc:02",
        }
        container = api.up({"NetworkMode": net}, NetworkingConfig={"EndpointsConfig": {net: endpoint}})
        shown = api.inspect(container)["NetworkSettings"]["Networks"][net]
        assert (shown["IPAddress"], shown["MacAddress"]) == ("10.213.77.9", "02:42:aa:bb:cc:02")
        assert "store" in shown["Aliases"]
        assert "10.213.77.9" in api.run("nslookup store", {"NetworkMode": net}).output


def test_link_local_addresses_and_ipv6(api: EngineApi) -> None:
    with api.network(IPAM={"Config": [{"Subnet": "10.213.78.0/24"}, {"Subnet": "fd00:213:78::/64"}]}) as net:
        asked = {"IPv4Address": "10.213.78.9", "IPv6Address": "fd00:213:78::9", "LinkLocalIPs": ["169.254.8.8"]}
        ends = {"EndpointsConfig": {net: {"IPAMConfig": asked}}}
        shown = api.run("ip addr show eth0", {"NetworkMode": net}, NetworkingConfig=ends).output
        for address in ("10.213.78.9/24", "fd00:213:78::9/64", "169.254.8.8/16"):
            assert f" {address} " in shown


def test_several_networks_and_the_way_out(api: EngineApi) -> None:
    """GwPriority chooses whose gateway is the default route's."""
    with api.network() as one, api.network() as two:
        ends = {one: {"GwPriority": 1}, two: {"GwPriority": 100}}
        container = api.up({"NetworkMode": one}, NetworkingConfig={"EndpointsConfig": ends})
        shown = api.inspect(container)["NetworkSettings"]["Networks"]
        assert shown.keys() == {one, two}
        assert f"default via {shown[two]['Gateway']}" in api.exec(container, "ip route").output


def test_sysctls_of_an_endpoint(api: EngineApi) -> None:
    options = {"com.docker.network.endpoint.sysctls": "net.ipv4.conf.IFNAME.log_martians=1"}
    ends = {"EndpointsConfig": {"bridge": {"DriverOpts": options}}}
    assert api.run("cat /proc/sys/net/ipv4/conf/eth0/log_martians", NetworkingConfig=ends).output == "1\n"


def test_no_network_and_the_hosts(api: EngineApi) -> None:
    assert api.run("ls /sys/class/net", {"NetworkMode": "none"}).output.split() == ["lo"]
    assert len(api.run("ls /sys/class/net", {"NetworkMode": "host"}).output.split()) > 1


REFUSED: dict[str, tuple[Json, Json, str]] = {
    "a bad host": ({"ExtraHosts": ["db"]}, {}, 'bad format for add-host: "db"'),
    "a bad address": ({"ExtraHosts": ["db:x"]}, {}, 'invalid IP address in add-host: "x"'),
    "a bad resolver": ({"Dns": ["x"]}, {}, "x"),
    "a bad port": ({"PortBindings": {"x/tcp": [{}]}}, {}, "x"),
    "a bad protocol": ({"PortBindings": {"80/nosuch": [{}]}}, {}, "nosuch"),
    "a bad host port": ({"PortBindings": {"80/tcp": [{"HostPort": "x"}]}}, {}, "x"),
    "a bad host address": ({"PortBindings": {"80/tcp": [{"HostIp": "x"}]}}, {}, "x"),
    "a bad exposed port": ({}, {"ExposedPorts": {"99999999/tcp": {}}}, "99999999"),
    "a link to nobody": ({"Links": ["nosuch:db"]}, {}, "could not get container for nosuch"),
    "links in the host's network": (
        {"NetworkMode": "host", "Links": ["x:y"]},
        {},
        "conflicting options: host type networking can't be used with links",
    ),
    "a host name that is too long": ({}, {"Hostname": "x" * 65}, "host"),
    "a mac address that is none": ({}, {"MacAddress": "x"}, "x"),
    "an address in the default network": (
        {},
        {"NetworkingConfig": {"EndpointsConfig": {"bridge": {"IPAMConfig": {"IPv4Address": "10.0.0.1"}}}}},
        "user specified IP address is supported on user defined networks only",
    ),
    "an alias in the default network": (
        {},
        {"NetworkingConfig": {"EndpointsConfig": {"bridge": {"Aliases": ["x"]}}}},
        "network-scoped alias is supported only for containers in user defined networks",
    ),
}


@pytest.mark.parametrize(("host", "config", "text"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_refused_by_name(api: EngineApi, host: Json, config: Json, text: str) -> None:
    assert text in api.refused(host, **config)


@pytest.mark.parametrize(
    ("field", "value"),
    [("Links", ["x:y"]), ("Dns", ["1.1.1.1"]), ("ExtraHosts", ["a:1.1.1.1"]), ("PublishAllPorts", True)],
)
def test_what_a_borrowed_network_has_already(api: EngineApi, field: str, value: object) -> None:
    other = api.up()
    assert "conflicting options" in api.refused({"NetworkMode": f"container:{other}", field: value})
