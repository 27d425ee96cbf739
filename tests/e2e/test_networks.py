"""Networks as people use them with the stock CLI: isolation, names, hot-plug, ports, and a real Redis between them."""

import http.client
import json
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests.daemons import PROGRAM
from tests.e2e.conftest import IMAGE, Docker
from tests.e2e.engine_api import Answer, EngineApi
from tests.patience import PATIENCE, until
from tests.ports import free_port
from tests.redis import redis_rootfs

pytestmark = [pytest.mark.e2e, pytest.mark.root]
REDIS = "redis:alpine"


@pytest.fixture(scope="session")
def redis(stock_host: str, images: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    archive = tmp_path_factory.mktemp("redis") / "redis.tar"
    archive.write_bytes(redis_rootfs())
    path = ("--change", "ENV PATH=/bin", "--change", "EXPOSE 6379")
    words = ["docker", "-H", stock_host, "import", *path, str(archive), REDIS]
    subprocess.run(words, check=True, capture_output=True)
    return REDIS


@pytest.fixture
def network(docker: Docker) -> Iterator[Callable[..., str]]:
    """Make networks with `docker network create OPTIONS NAME`."""
    made: list[str] = []

    def make(*options: str) -> str:
        made.append(docker.name("net"))
        docker("network", "create", *options, made[-1])
        return made[-1]

    yield make
    left = docker.out("ps", "-aq", "--filter", f"label={docker.label}").split()
    if left:
        docker("rm", "-f", *left)
    for name in made:
        docker("network", "rm", name, check=False)


def web(docker: Docker, *options: str, image: str = "web:latest", command: tuple[str, ...] = ()) -> str:
    name = docker.name("web")
    serve = command or (
        "sh",
        "-c",
        "mkdir -p /var/www; hostname > /var/www/index.html; exec httpd -f -p 80 -h /var/www",
    )
    docker("run", "-d", "--name", name, "--label", docker.label, *options, image, *serve)
    return name


def address(docker: Docker, name: str, net: str = "bridge") -> str:
    return docker.out("inspect", "-f", f'{{{{(index .NetworkSettings.Networks "{net}").IPAddress}}}}', name)


def inside(docker: Docker, name: str, *words: str) -> subprocess.CompletedProcess[str]:
    return docker("exec", name, *words, check=False)


def fetched(docker: Docker, name: str, where: str) -> bool:
    """Whether a container gets something from `where`, an address and a port."""
    host, _, port = where.rpartition(":")
    script = f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 2 {host} {port}"
    return "200 OK" in inside(docker, name, "sh", "-c", script).stdout


def await_fetched(docker: Docker, name: str, where: str) -> None:
    """The server there needs a moment to begin."""
    until(lambda: fetched(docker, name, where), f"{name} gets nothing from {where}")


def answered(port: int, host: str = "127.0.0.1") -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=30)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def await_answer(port: int, host: str = "127.0.0.1") -> bool:
    """The server inside needs a moment to begin."""
    until(lambda: answered(port, host), f"nothing answers at {host}:{port}")
    return True


def host_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.connect(("192.0.2.1", 9))
        return str(asking.getsockname()[0])


def names(docker: Docker, asker: str, name: str) -> list[str]:
    """What the resolver of a container says to `name`."""
    output = inside(docker, asker, "nslookup", name, "127.0.0.11").stdout.split("\n\n", 1)[-1]
    return [line.split()[-1] for line in output.splitlines() if line.startswith("Address")]


# the first network: S1-8 … S1-11


def test_an_interface_of_its_own_and_a_way_out(docker: Docker) -> None:
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.client_address[0])
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"outside")

        def log_message(self, *words: object) -> None: ...

    server = HTTPServer((host_address(), 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://{host_address()}:{server.server_port}/"
    assert docker.out("run", "--rm", IMAGE, "wget", "-qO-", url) == "outside"
    server.shutdown()
    server.server_close()
    assert len(seen) == 1
    links = docker.out("run", "--rm", IMAGE, "ip", "-o", "link").splitlines()
    assert [line.split(": ")[1].split("@")[0] for line in links] == ["lo", "eth0"]


def test_only_published_ports_are_open(docker: Docker) -> None:
    port = free_port()
    closed = web(docker)
    assert not answered(port)
    opened = web(docker, "-p", f"{port}:80")
    assert await_answer(port)
    assert answered(port, host_address())
    assert docker.out("port", opened) == f"80/tcp -> 0.0.0.0:{port}"
    assert docker.out("port", closed) == ""
    docker("rm", "-f", opened)
    assert not answered(port)


def test_networks_do_not_reach_each_other(docker: Docker, network: Callable[..., str]) -> None:
    one, two = network(), network()
    served, other = web(docker, "--network", one), web(docker, "--network", two)
    peer = web(docker, "--network", one)
    there = address(docker, served, one)
    assert inside(docker, peer, "ping", "-c1", "-W60", there).returncode == 0
    assert inside(docker, other, "ping", "-c1", "-W1", there).returncode != 0
    assert not fetched(docker, other, f"{there}:80")


def test_the_hosts_own_network(docker: Docker) -> None:
    port = free_port()
    web(docker, "--network", "host", command=("httpd", "-f", "-p", str(port), "-h", "/var/www"))

    def listens() -> bool:
        with socket.socket() as asking:
            return asking.connect_ex(("127.0.0.1", port)) == 0

    until(listens, "nothing listens on the host")


# drivers and names: S2-15, S2-16, S2-26, S4-47 … S4-51


def test_drivers_are_told(docker: Docker) -> None:
    drivers = json.loads(docker.out("info", "-f", "{{json .Plugins.Network}}"))
    assert {"bridge", "host", "macvlan", "null", "ipvlan"} <= set(drivers)


def test_ipvlan_works_or_says_what_is_missing(docker: Docker) -> None:
    done = docker("network", "create", "-d", "ipvlan", "-o", "parent=lo", docker.name("lan"), check=False)
    assert done.returncode == 0 or "CONFIG_IPVLAN" in done.stderr


def test_a_network_of_ones_own(docker: Docker, network: Callable[..., str]) -> None:
    net, port = network(), free_port()
    nginx = web(docker, "--network", net, "-p", f"{port}:80", "--network-alias", "www", "--hostname", "front")
    peer = web(docker, "--network", net)
    there = address(docker, nginx, net)
    assert await_answer(port)
    await_fetched(docker, peer, f"{there}:80")
    short = docker.out("inspect", "-f", "{{.Id}}", nginx)[:12]
    for name in (nginx, "www", short, f"{nginx}.{net}", "front"):
        assert names(docker, peer, name) == [there], name
    assert inside(docker, peer, "ping", "-c1", "-W60", there).returncode == 0
    listed = docker.out("network", "inspect", "-f", "{{range .Containers}}{{.Name}} {{end}}", net).split()
    assert sorted(listed) == sorted((nginx, peer))
    assert net in docker.out("network", "ls", "--format", "{{.Name}}").splitlines()
    gone = docker("network", "rm", net, check=False)
    assert "has active endpoints" in gone.stderr


def test_the_default_network_knows_no_names(docker: Docker) -> None:
    one, two = web(docker), web(docker)
    assert inside(docker, two, "ping", "-c1", "-W60", address(docker, one)).returncode == 0
    assert one not in inside(docker, two, "cat", "/etc/hosts").stdout
    assert inside(docker, two, "nslookup", one, "127.0.0.11").returncode != 0


def test_a_name_goes_with_its_container(docker: Docker, network: Callable[..., str]) -> None:
    net = network()
    asker, asked = web(docker, "--network", net), web(docker, "--network", net)
    assert names(docker, asker, asked)
    docker("rm", "-f", asked)
    assert not names(docker, asker, asked)


def test_aliases_take_turns(docker: Docker, network: Callable[..., str]) -> None:
    net = network()
    asker = web(docker, "--network", net)
    pool = {address(docker, web(docker, "--network", net, "--network-alias", "pool"), net) for _ in range(3)}
    answers = [names(docker, asker, "pool") for _ in range(12)]
    assert all(set(found) == pool for found in answers)
    assert len({found[0] for found in answers}) > 1


def test_search_and_options_are_passed_on(docker: Docker, network: Callable[..., str]) -> None:
    net = network()
    name = web(docker, "--network", net, "--dns-search", "example.org", "--dns-opt", "ndots:3")
    told = inside(docker, name, "cat", "/etc/resolv.conf").stdout
    assert "nameserver 127.0.0.11" in told
    assert "search example.org" in told
    assert "ndots:3" in told


# links: S3-19


def test_links_of_old(docker: Docker) -> None:
    db = web(docker, "--expose", "5432")
    linked = web(docker, "-P", "--link", f"{db}:db")
    variables = inside(docker, linked, "env").stdout
    assert f"DB_PORT_5432_TCP_ADDR={address(docker, db)}" in variables
    assert f"{address(docker, db)}\tdb" in inside(docker, linked, "cat", "/etc/hosts").stdout
    port = int(docker.out("port", linked, "80").splitlines()[0].rpartition(":")[2])
    assert await_answer(port)


# hot-plug: S4-52


def test_connecting_and_disconnecting_while_it_runs(docker: Docker, network: Callable[..., str]) -> None:
    net = network()
    name, peer = web(docker), web(docker, "--network", net)
    docker("network", "connect", "--alias", "late", net, name)
    assert "eth1" in inside(docker, name, "ip", "a").stdout
    assert names(docker, peer, "late") == [address(docker, name, net)]
    await_fetched(docker, peer, f"{address(docker, name, net)}:80")
    docker("network", "disconnect", net, name)
    assert "eth1" not in inside(docker, name, "ip", "a").stdout
    assert not names(docker, peer, "late")
    docker("network", "connect", "bridge", peer)
    await_fetched(docker, peer, f"{address(docker, name)}:80")
    docker("network", "disconnect", "bridge", peer)


# a real application: S3-18, S4-53


def test_redis_and_its_client(docker: Docker, redis: str, network: Callable[..., str]) -> None:
    net, server = network(), docker.name("myredis")
    docker("create", "--name", server, "--label", docker.label, "--network", net, redis, "redis-server",
           "--protected-mode", "no")  # fmt: skip
    docker("container", "start", server)

    def client(*words: str) -> str:
        asking = ("run", "--rm", "--network", net, redis, "redis-cli", "-h", server)
        return docker(*asking, *words, check=False).stdout.strip()

    until(lambda: client("ping") == "PONG")
    assert client("set", "color", "blue") == "OK"
    assert client("get", "color") == "blue"
    docker("restart", "-t", "1", server)
    until(lambda: client("ping") == "PONG")
    assert docker.out("run", "--rm", "--network", net, redis, "getent", "hosts", server).split()[1] == server


# what no engine has


def boxship(docker: Docker, *words: str) -> str:
    found = subprocess.run(
        [str(PROGRAM), *words],
        env=docker.environment | {"BOXSHIP_HOST": docker.host},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert found.returncode == 0, found.stderr
    return found.stdout


def test_published_ports_are_edited_while_a_connection_lasts(docker: Docker, redis: str) -> None:
    old, new = free_port(), free_port()
    name = docker.name("redis")
    docker("run", "-d", "--name", name, "--label", docker.label, "-p", f"{old}:6379", redis, "redis-server",
           "--protected-mode", "no")  # fmt: skip
    with _redis(old) as line:
        assert _said(line, "PING") == b"+PONG\r\n"
        boxship(docker, "container", "edit", "--publish-add", f"{new}:6379", "--publish-rm", f"{old}:6379", name)
        assert docker.out("port", name) == f"6379/tcp -> 0.0.0.0:{new}"
        assert f"0.0.0.0:{new}->6379/tcp" in docker.out("ps", "--filter", f"name={name}", "--format", "{{.Ports}}")
        with _redis(new) as another:
            assert _said(another, "PING") == b"+PONG\r\n"
        with socket.socket() as refused:
            assert refused.connect_ex(("127.0.0.1", old)) != 0
        assert _said(line, "PING") == b"+PONG\r\n"


def _redis(port: int) -> socket.socket:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), PATIENCE)
        except OSError:
            assert time.monotonic() < end, f"nothing listens at {port}"
            time.sleep(0.05)


def _said(line: socket.socket, words: str) -> bytes:
    line.sendall(f"{words}\r\n".encode())
    return line.recv(99)


def test_ports_move_and_are_shared(docker: Docker) -> None:
    port = free_port()
    shared = ("--label", "boxship.ports.shared=web", "-p", f"{port}:80")
    one, two = web(docker, *shared), web(docker, *shared)
    assert await_answer(port)
    hosts = {docker.out("inspect", "-f", "{{.Config.Hostname}}", name) for name in (one, two)}
    for name in (one, two):
        until(lambda name=name: inside(docker, name, "wget", "-qO-", "http://127.0.0.1/").returncode == 0)
    seen = set()
    for _ in range(40):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as answer:
            seen.add(answer.read().decode().strip())
    assert seen == hosts
    three = web(docker)
    refused = docker("run", "--rm", "-p", f"{port}:80", IMAGE, "true", check=False)
    assert "port is already allocated" in refused.stderr
    docker("rm", "-f", two)
    boxship(docker, "container", "edit", "--publish-from", one, three)
    assert docker.out("port", one) == ""
    assert await_answer(port)


def test_ten_thousand_ports(docker: Docker) -> None:
    name = web(docker, "-p", "20000-29999:20000-29999/udp")
    assert len(docker.out("port", name).splitlines()) == 10_000
    bindings = json.loads(docker.out("inspect", "-f", "{{json .HostConfig.PortBindings}}", name))
    assert bindings["20077/udp"] == [{"HostIp": "", "HostPort": "20077"}]


def test_the_name_server_tells_how_it_fares(docker: Docker, network: Callable[..., str]) -> None:
    net = network()
    name = web(docker, "--network", net)
    before = _resolver(docker)["Local"]["Count"]
    assert names(docker, name, name)
    told = _resolver(docker)
    assert told["Local"]["Count"] > before
    assert told["Containers"] >= 1
    assert 0 < told["Local"]["Latency"]["P99"] < PATIENCE * 1_000_000


def _resolver(docker: Docker) -> Any:
    answer = EngineApi(docker.host).get("/boxship/resolver")
    return answer.json if isinstance(answer, Answer) else answer
