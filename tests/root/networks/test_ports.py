"""Live edit and sharing of published ports on the real kernel: new connections follow at once, old ones stay."""

import asyncio
import contextlib
import socket
import struct
from collections import Counter
from collections.abc import Iterator

import pytest

from boxship.base.errors import Conflict, Invalid
from boxship.engine.networks import PortEdit
from boxship.engine.networks.ports import PortTaken
from boxship.engine.networks.sharing import LABEL
from boxship.model.container import HealthSpec
from boxship.model.network import NetworkSpec
from boxship.model.status import Container, State

from .conftest import Lab, published

pytestmark = pytest.mark.root
HOST = "10.211.0.1"  # of the default bridge, which is an address of this host like others


@pytest.fixture
def line() -> Iterator[socket.socket]:
    with socket.socket() as made:
        made.settimeout(20)
        yield made


async def test_ports_come_and_go_while_connections_stay(lab: Lab, line: socket.socket) -> None:
    web = await lab.start("web", port_bindings=published("28080:80/tcp"))
    await lab.serve(web, 81)
    await lab.echo(web, 80)
    line.connect((HOST, 28080))
    line.sendall(b"one")
    assert await asyncio.to_thread(line.recv, 9) == b"one"
    edit = PortEdit(add=published("28081:81/tcp"), remove=published("28080:80/tcp"))
    assert await lab.networks.edit_ports("web", edit) == {"81/tcp": (("0.0.0.0", 28081),)}
    assert await lab.blocked(None, "tcp", HOST, 28080)
    assert await lab.ask(None, "tcp", "127.0.0.1", 28081) == f"tcp {HOST}"
    line.sendall(b"two")
    assert await asyncio.to_thread(line.recv, 9) == b"two"
    now = lab.now(web)
    assert now.spec.host.port_bindings == published("28081:81/tcp")
    assert now.status.ports == {"81/tcp": (("0.0.0.0", 28081),)}
    await lab.restart()
    assert await lab.ask(None, "tcp", HOST, 28081) == f"tcp {HOST}"
    line.sendall(b"three")
    assert await asyncio.to_thread(line.recv, 9) == b"three"


async def test_the_first_port_of_a_container_is_reached_by_itself_too(lab: Lab) -> None:
    web = await lab.start("web")
    await lab.serve(web, 80)
    await lab.networks.edit_ports("web", PortEdit(add=published("28080:80/tcp")))
    assert (await lab.ask(web, "tcp", HOST, 28080)).startswith("tcp ")


async def test_an_edit_is_all_or_nothing(lab: Lab) -> None:
    web = await lab.start("web", port_bindings=published("28080:80/tcp"))
    await lab.start("other", port_bindings=published("28090:80/tcp"))
    await lab.serve(web, 80)
    edit = PortEdit(remove=published("28080:80/tcp"), add=published("28081:80/tcp", "28090:80/tcp"))
    with pytest.raises(PortTaken, match="28090 failed: port is already allocated"):
        await lab.networks.edit_ports("web", edit)
    assert await lab.ask(None, "tcp", HOST, 28080) == f"tcp {HOST}"
    assert lab.now(web).status.ports == {"80/tcp": (("0.0.0.0", 28080),)}
    await lab.start("third", port_bindings=published("28081:80/tcp"))
    with pytest.raises(Conflict, match="port 28099:80/tcp is not published"):
        await lab.networks.edit_ports("web", PortEdit(remove=published("28099:80/tcp")))
    await lab.start("hosted", network_mode="host")
    with pytest.raises(Invalid, match="no network of its own"):
        await lab.networks.edit_ports("hosted", PortEdit(add=published("28082:80/tcp")))


async def test_ports_of_a_stopped_container_are_changed_for_its_next_start(lab: Lab) -> None:
    web = await lab.start("web", port_bindings=published("28080:80/tcp"))
    lab.end(web)
    await lab.networks.detach(web)
    assert await lab.networks.edit_ports("web", PortEdit(add=published("28081:80/tcp"))) == lab.now(web).status.ports
    await lab.attach(lab.now(web))
    assert lab.now(web).status.ports == {"80/tcp": (("0.0.0.0", 28080), ("0.0.0.0", 28081))}


async def test_one_port_of_many_goes(lab: Lab) -> None:
    await lab.start("web", port_bindings=published(*(f"{n}:{n}/udp" for n in range(28000, 28100))))
    assert lab.records.find("web").status.ports == {"28000-28099/udp": (("0.0.0.0", 28000),)}
    await lab.networks.edit_ports("web", PortEdit(remove=published("28050:28050/udp")))
    listed = await lab.run(None, "nft", "list", "map", "inet", lab.settings.table, "any4_ranges")
    assert "udp . 28000-28049" in listed
    assert "udp . 28051-28099" in listed
    now = lab.records.find("web")
    assert set(now.spec.host.port_bindings or {}) == {"28000-28049/udp", "28051-28099/udp"}
    await lab.start("other", port_bindings=published("28050:53/udp"))
    with pytest.raises(PortTaken):
        await lab.start("third", port_bindings=published("28051:53/udp"))


async def test_all_ports_move_to_another_container_without_a_gap(lab: Lab, line: socket.socket) -> None:
    await lab.networks.create(NetworkSpec(name="net"))
    old = await lab.start("old", port_bindings=published("28080:80/tcp", "28053:53/udp", "28081:81/tcp"))
    new = await lab.start("new", network_mode="net")
    await lab.echo(old, 81)
    line.connect((HOST, 28081))
    for each in (old, new):
        await lab.serve(each, 80)
    misses = asyncio.create_task(asyncio.to_thread(_misses, 28080))
    await asyncio.sleep(0.1)
    for _ in range(10):
        await lab.networks.edit_ports("new", PortEdit(source="old"))
        await lab.networks.edit_ports("old", PortEdit(source="new"))
    await lab.networks.edit_ports("new", PortEdit(source="old"))
    assert await misses == []
    assert lab.now(old).status.ports == {} == lab.now(old).spec.host.port_bindings
    assert lab.now(new).status.ports == old.status.ports
    assert lab.now(new).spec.host.port_bindings == published("28080:80/tcp", "28053:53/udp", "28081:81/tcp")
    line.sendall(b"still")
    assert await asyncio.to_thread(line.recv, 9) == b"still"
    await lab.stop(old)
    line.close()
    assert (await lab.ask(None, "tcp", HOST, 28080)).startswith("tcp ")
    await lab.start("third", port_bindings=published("28082:80/tcp"))
    with pytest.raises(PortTaken):
        await lab.start("fourth", port_bindings=published("28080:80/tcp"))


def _misses(port: int, times: int = 400) -> list[str]:
    """Connect again and again; return what went wrong. A loaded machine may be slow, but nothing may be sent twice."""
    wrong = []
    for _ in range(times):
        try:
            with socket.create_connection((HOST, port), 20) as asking:
                if not asking.recv(99).startswith(b"tcp"):
                    wrong.append("no answer")
                repeats = struct.unpack_from("I", asking.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 100)[0]
                if repeats:  # tcpi_total_retrans, tcp(7)
                    wrong.append(f"sent {repeats} times again")
        except OSError as e:
            wrong.append(str(e))
    return wrong


async def replica(lab: Lab, name: str, check: HealthSpec | None = None, group: str = "web") -> Container:
    container = await lab.start(
        name, labels={LABEL: group}, healthcheck=check, port_bindings=published("28080:80/tcp", "28080:80/udp")
    )
    await lab.say(container, 80, name)
    lab.tell(container, "start")
    return container


def asked(times: int = 120) -> Counter[str]:
    found: Counter[str] = Counter()
    for _ in range(times):
        with socket.create_connection((HOST, 28080), 60) as asking:
            found[asking.recv(99).decode().strip()] += 1
    return found


async def answer_evenly(lab: Lab, *names: str) -> None:
    """Wait until these and nobody else answer, equally often: publishing is told of changes, and comes behind them.
    A request that has to be repeated counts twice."""
    end = asyncio.get_running_loop().time() + 60
    while True:
        found = await asyncio.to_thread(asked)
        if set(found) == set(names) and max(found.values()) - min(found.values()) <= 4:
            return
        assert asyncio.get_running_loop().time() < end, f"{found}, not {names}"


async def test_replicas_share_a_port_evenly_and_only_fit_ones_answer(lab: Lab) -> None:
    check = HealthSpec(test=("CMD", "true"))
    one, two = await replica(lab, "one"), await replica(lab, "two")
    await answer_evenly(lab, "one", "two")
    with pytest.raises(PortTaken, match="already allocated"):
        await replica(lab, "foreign", group="other")
    lab.records.by_id.pop(lab.records.find("foreign").id)
    with pytest.raises(PortTaken, match="already allocated"):
        await lab.start("alone", port_bindings=published("28080:80/tcp"))
    lab.records.by_id.pop(lab.records.find("alone").id)
    three = await replica(lab, "three", check)
    await asyncio.sleep(0.1)
    assert set(await asyncio.to_thread(asked)) == {"one", "two"}  # it is starting
    await lab.health(three, "healthy")
    await answer_evenly(lab, "one", "two", "three")
    await lab.restart()
    await answer_evenly(lab, "one", "two", "three")
    await lab.health(three, "unhealthy")
    await lab.stop(one)
    await answer_evenly(lab, "two")
    await lab.state(two, State.PAUSED)
    await answer_evenly(lab, "three")  # nobody is fit: better an ill one than none
    await lab.state(two, State.RUNNING)
    await answer_evenly(lab, "two")


async def test_a_replica_is_drained_before_it_stops(lab: Lab) -> None:
    one, _ = await replica(lab, "one"), await replica(lab, "two")
    await lab.networks.edit_ports("one", PortEdit(remove=published("28080:80/tcp")))
    await answer_evenly(lab, "two")
    assert lab.now(one).status.ports == {"80/udp": (("0.0.0.0", 28080),)}
    async with asyncio.timeout(60):
        while True:  # the firewall comes behind the edit
            listed = await lab.run(None, "nft", "list", "map", "inet", lab.settings.table, "any4_shared")
            elements = listed.partition("elements")[2]
            if elements.count("udp . 28080 .") == 120 and "tcp" not in elements:
                return


async def reached(flow: socket.socket, after: str = "") -> str:
    """Return who answers a UDP sender that never changes its port, as soon as anybody does but `after`, whose last
    answer may have been on its way."""
    flow.settimeout(0.2)
    for _ in range(300):
        try:
            await asyncio.to_thread(flow.send, b"?")
            answer = (await asyncio.to_thread(flow.recv, 99)).decode()
            if answer != after:
                return answer
        except OSError:  # nobody is there yet
            await asyncio.sleep(0.05)
    return "nobody"


@pytest.mark.parametrize("ports", [("28080:80/udp",), ("28080:80/udp", "28081:81/udp")], ids=["one", "several"])
async def test_a_datagram_sender_that_never_pauses_reaches_who_has_the_port_now(
    lab: Lab, ports: tuple[str, ...]
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flow:
        flow.connect((HOST, 28080))
        with contextlib.suppress(OSError):
            flow.send(b"?")  # the kernel remembers that it leads to the host itself
        one = await lab.start("one", port_bindings=published(*ports))
        await lab.name(one, 80, "one")
        assert await reached(flow) == "one"
        await lab.stop(one)
        two = await lab.start("two", port_bindings=published(*ports))
        await lab.name(two, 80, "two")
        assert await reached(flow, after="one") == "two"
        three = await lab.start("three")
        await lab.name(three, 80, "three")
        await lab.networks.edit_ports("three", PortEdit(source="two"))
        assert await reached(flow, after="two") == "three"
