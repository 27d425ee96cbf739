"""Published ports at [::1] of the host: there, as at 127.0.0.1, and gone with the container."""

import asyncio
import os
import socket
from collections import Counter
from collections.abc import Iterator

import pytest

from boxship.engine.networks import PortEdit
from boxship.engine.networks.sharing import LABEL
from boxship.host import cgroups
from boxship.host.bpf import calls
from boxship.host.loopback import HOOKS, program_name
from boxship.model.network import NetworkSpec

from .conftest import Lab, bpf_programs, published

pytestmark = pytest.mark.root
HERE, REFUSED = "::1", "no: Connection refused"


@pytest.fixture
def sender() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as made:
        made.settimeout(20)
        yield made


async def test_a_container_without_ipv6(lab: Lab) -> None:
    ports = ("28080:80/tcp", "28080:80/udp", "127.0.0.1:28081:80/tcp", "0.0.0.0:28082:80/tcp", "[::1]:28083:80/tcp")
    web = await lab.start("web", port_bindings=published(*ports))
    await lab.serve(web, 80)
    for protocol in ("tcp", "udp"):
        assert await lab.ask(None, protocol, HERE, 28080) == f"{protocol} 10.211.0.1"
    for port in (28081, 28082):
        assert await lab.ask(None, "tcp", HERE, port) == REFUSED
    assert await lab.ask(None, "tcp", HERE, 28083) == "tcp 10.211.0.1"
    assert await lab.ask(None, "tcp", "127.0.0.1", 28083) == REFUSED
    assert await lab.ask(web, "tcp", HERE, 28080) == REFUSED  # its own loopback is its own
    await lab.restart()
    assert await lab.ask(None, "tcp", HERE, 28080) == "tcp 10.211.0.1"
    await lab.networks.edit_ports("web", PortEdit(remove=published("28080:80/tcp")))
    assert await lab.ask(None, "tcp", HERE, 28080) == REFUSED
    assert await lab.ask(None, "udp", HERE, 28080) == "udp 10.211.0.1"
    await lab.stop(lab.now(web))
    assert await lab.ask(None, "tcp", HERE, 28083) == REFUSED


async def test_datagrams_without_connection_come_back_from_where_they_were_sent(
    lab: Lab, sender: socket.socket
) -> None:
    await lab.networks.create(NetworkSpec(name="six", enable_ipv6=True))
    ports = published(*(f"{n}:{n + 10}/udp" for n in range(28000, 28100)))
    web = await lab.start("web", network_mode="six", port_bindings=ports)
    await lab.serve(web, 28087, "6")
    await asyncio.to_thread(sender.sendto, b"?", (HERE, 28077))
    said, where = await asyncio.to_thread(sender.recvfrom, 100)
    assert said.decode() == f"udp {web.status.networks['six'].ipv6_gateway}"
    assert where[:2] == (HERE, 28077)


async def test_a_peer_is_shown_where_it_was_asked_for(lab: Lab) -> None:
    web = await lab.start("web", port_bindings=published("28080:80/tcp"))
    await lab.echo(web, 80)
    with await asyncio.to_thread(socket.create_connection, (HERE, 28080), 20) as line:
        assert line.getpeername()[:2] == (HERE, 28080)


async def test_a_port_that_several_share(lab: Lab) -> None:
    for name in ("one", "two"):
        replica = await lab.start(name, labels={LABEL: "web"}, port_bindings=published("28080:80/tcp"))
        await lab.say(replica, 80, name)
        lab.tell(replica, "start")
    for _ in range(600):  # until both count as running
        found = await asyncio.to_thread(asked, 120)
        if found == {"one": 60, "two": 60}:
            return
        await asyncio.sleep(0.1)
    assert found == {"one": 60, "two": 60}


def asked(times: int) -> Counter[str]:
    found: Counter[str] = Counter()
    for _ in range(times):
        with socket.create_connection((HERE, 28080), 20) as asking:
            found[asking.recv(99).decode().strip()] += 1
    return found


async def test_a_program_of_the_host_keeps_its_port(lab: Lab) -> None:
    with socket.create_server((HERE, 28080), family=socket.AF_INET6) as server:
        web = await lab.start("web", port_bindings=published("28080:80/tcp"))
        await lab.serve(web, 80)
        with socket.create_connection((HERE, 28080), 20) as asking:
            connection, _ = server.accept()
            with connection:
                assert connection.getpeername() == asking.getsockname()
        assert await lab.ask(None, "tcp", "127.0.0.1", 28080) == "tcp 10.211.0.1"


async def test_who_takes_the_programs_off_sees_them_again(lab: Lab) -> None:
    web = await lab.start("web", port_bindings=published("28080:80/tcp"))
    await lab.serve(web, 80)
    group = os.open(cgroups.mounted().unified, os.O_RDONLY)
    try:
        for hook in HOOKS:
            for attached in calls.attached(group, hook):
                if attached.name == program_name(lab.settings.table):
                    program = calls.by_id(attached.id)
                    calls.detach(group, program, hook)
                    os.close(program)
    finally:
        os.close(group)
    assert bpf_programs(lab.settings.table) == []
    assert await lab.networks.faults() == ["the programs that lead from [::1] to published ports are gone"]
    await lab.networks.faults(repair=True)
    assert await lab.networks.faults() == []
    assert len(bpf_programs(lab.settings.table)) == len(HOOKS)
    assert await lab.ask(None, "tcp", HERE, 28080) == "tcp 10.211.0.1"
