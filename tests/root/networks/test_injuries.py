"""Random injuries to the network of running containers: each is repaired within two seconds, told of, and hurts nobody
else. Seeds are fixed, so that a failure comes again."""

import asyncio
import contextlib
import ipaddress
import os
import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from boxship.base.bus import Event
from boxship.model.network import NetworkSpec
from boxship.model.status import Container

from .conftest import Lab, published

pytestmark = pytest.mark.root
HOST = "10.211.0.1"  # an address of this host: the default bridge's
Injure = Callable[["Ward", random.Random], Awaitable[str]]
PATIENCE = 60.0  # seconds, on whatever machine
PROMPT = 2.0  # seconds, of a machine that had nothing else to do meanwhile
PRESSURE = Path("/proc/pressure/cpu")


def stalled() -> float:
    """Return the seconds, since the machine's start, in which somebody who could run waited for a CPU; where the kernel
    keeps no such account, those in which the CPUs were busy."""
    if PRESSURE.exists():
        return int(PRESSURE.read_text().split("total=")[1].split()[0]) / 1e6
    used = Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
    busy = sum(map(int, used)) - int(used[3]) - int(used[4])  # but for idle and iowait
    return busy / os.sysconf("SC_CLK_TCK") / (os.cpu_count() or 1)


class Ward:
    """Some containers with servers in two networks, and one that is never injured itself."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.patients: list[Container] = []

    async def fill(self) -> None:
        self.net, _ = await self.lab.networks.create(NetworkSpec(name="net", enable_ipv6=True))
        for number in range(3):
            ports = published(f"{28080 + number}:80/tcp")
            network = "net" if number else "bridge"
            patient = await self.lab.start(f"p{number}", network_mode=network, port_bindings=ports)
            await self.lab.serve(patient, 80)
            self.patients.append(patient)
        self.healthy = await self.lab.start("healthy", network_mode="net", port_bindings=published("28099:80/tcp"))
        await self.lab.echo(self.healthy, 80)

    def place(self, patient: Container) -> tuple[str, str, str, str]:
        """host link, bridge, address with prefix, gateway."""
        (status,) = self.lab.now(patient).status.networks.values()
        bridge = self.net.link if status.network == "net" else self.lab.settings.bridge
        return status.host_link, bridge, f"{status.ipv4_address}/{status.ipv4_prefix}", status.gateway

    async def host(self, *argv: str) -> str:
        await self.lab.run(None, *argv)
        return " ".join(argv)

    async def within(self, patient: Container, *argv: str) -> str:
        await self.lab.run(patient, *argv)
        return f"in {patient.name}: {' '.join(argv)}"

    async def well(self, patience: float) -> bool:
        """Whether everything that was published is reached, names are answered and nothing differs.

        A connection made while a bridge is down goes to the host's gateway, and one that accepts whatever comes keeps
        it: after `patience` seconds a new one must be made.
        """
        for number in range(len(self.patients)):
            if not (await self.lab.ask(None, "tcp", HOST, 28080 + number, patience)).startswith("tcp "):
                return False
        for asking, asked in (self.patients[1:], self.patients[:0:-1]):
            if self.place(asked)[2].partition("/")[0] not in await self.lab.look_up(asking, asked.name, patience):
                return False
        return await self.lab.networks.faults() == []


def of_host(*argv: str) -> Injure:
    async def injure(ward: Ward, chance: random.Random) -> str:
        patient = chance.choice(ward.patients)
        link, bridge, address, gateway = ward.place(patient)
        words = {
            "link": link, "bridge": bridge, "address": address.partition("/")[0], "gateway": gateway,
            "table": ward.lab.settings.table, "pin": f"{ward.lab.root}/netns/{patient.id}",
            "mac": ward.lab.now(patient).status.networks[next(iter(patient.status.networks))].mac_address,
            "prefix": address.partition("/")[2], "subnet": _subnet(address),
        }  # fmt: skip
        return await ward.host(*(word.format(**words) for word in argv))

    return injure


def of_container(*argv: str, named: bool = False) -> Injure:
    """named: one of those that have a name server."""

    async def injure(ward: Ward, chance: random.Random) -> str:
        patient = chance.choice(ward.patients[1:] if named else ward.patients)
        _, _, address, gateway = ward.place(patient)
        words = {"address": address, "gateway": gateway}
        return await ward.within(patient, *(word.format(**words) for word in argv))

    return injure


def _subnet(address: str) -> str:
    return str(ipaddress.ip_interface(address).network)


INJURIES: dict[str, Injure] = {
    "table flushed": of_host("nft", "flush", "table", "inet", "{table}"),
    "table deleted": of_host("nft", "delete", "table", "inet", "{table}"),
    "chain emptied": of_host("nft", "flush", "chain", "inet", "{table}", "publish"),
    "forward chain emptied": of_host("nft", "flush", "chain", "inet", "{table}", "forward"),
    "map emptied": of_host("nft", "flush", "map", "inet", "{table}", "any4"),
    "element deleted": of_host("nft", "delete", "element", "inet", "{table}", "any4", "{{ tcp . 28081 }}"),
    "set emptied": of_host("nft", "flush", "set", "inet", "{table}", "bridges"),
    "link deleted": of_host("ip", "link", "del", "{link}"),
    "link down": of_host("ip", "link", "set", "{link}", "down"),
    "link out of its bridge": of_host("ip", "link", "set", "{link}", "nomaster"),
    "bridge deleted": of_host("ip", "link", "del", "{bridge}"),
    "bridge down": of_host("ip", "link", "set", "{bridge}", "down"),
    "bridge address gone": of_host("ip", "addr", "flush", "dev", "{bridge}"),
    "bridge address changed": of_host("ip", "addr", "add", "10.250.0.1/24", "dev", "{bridge}"),
    "route gone": of_host("ip", "route", "del", "{subnet}", "dev", "{bridge}"),
    "wrong neighbour": of_host(
        "ip", "neigh", "replace", "{address}", "lladdr", "02:00:00:00:00:01", "dev", "{bridge}", "nud", "permanent"
    ),
    "pin closed": of_host("umount", "-l", "{pin}"),
    "forwarding off": of_host("sh", "-c", "echo 0 > /proc/sys/net/ipv4/ip_forward"),
    "address gone": of_container("ip", "addr", "flush", "dev", "eth0"),
    "address changed": of_container("ip", "addr", "add", "10.250.0.9/24", "dev", "eth0"),
    "address deleted": of_container("ip", "addr", "del", "{address}", "dev", "eth0"),
    "default route gone": of_container("ip", "route", "del", "default"),
    "default route changed": of_container("ip", "route", "replace", "default", "dev", "eth0"),
    "interface down": of_container("ip", "link", "set", "eth0", "down"),
    "interface deleted": of_container("ip", "link", "del", "eth0"),
    "hardware address changed": of_container("ip", "link", "set", "eth0", "address", "02:00:00:00:00:77"),
    "loopback down": of_container("ip", "link", "set", "lo", "down"),
    "resolver's rules flushed": of_container("nft", "flush", "ruleset", named=True),
    "resolver's sockets destroyed": of_container("ss", "-K", "-a", "src", "127.0.0.11", named=True),
}


@pytest.fixture
async def ward(lab: Lab) -> Ward:
    made = Ward(lab)
    await made.fill()
    assert await until_well(made)
    return made


async def until_well(ward: Ward) -> bool:
    """Tell whether all becomes well. A try takes longer each time: a machine with much else to do answers late."""
    began, patience = time.monotonic(), 0.3
    while time.monotonic() - began < PATIENCE:
        if await ward.well(patience):
            return True
        patience *= 1.2
        await asyncio.sleep(0.05)
    return False


async def told(lab: Lab) -> list[Event]:
    """Return what was told of repairs, which comes behind the repair itself."""
    found: list[Event] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            while not (found := [e for e in lab.told if (e.kind, e.action) == ("network", "repair")]):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    return found


async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, wrong: list[str]) -> None:
    """Talk to the healthy container over one connection all the time: it must neither end nor lose anything."""
    with contextlib.closing(writer):
        while True:
            writer.write(b"still there?")
            try:
                async with asyncio.timeout(60):
                    if await reader.readexactly(12) != b"still there?":
                        wrong.append("a wrong answer")
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as e:
                wrong.append(repr(e))
                return
            await asyncio.sleep(0.05)


async def hurt(ward: Ward, names: list[str], seed: int, times: int) -> None:
    chance = random.Random(seed)
    wrong: list[str] = []
    talk = asyncio.create_task(converse(*await asyncio.open_connection(HOST, 28099), wrong))
    slow = []
    for number in range(times):
        name = names[number % len(names)] if times <= len(names) else chance.choice(names)
        ward.lab.told.clear()
        began, waited = time.monotonic(), stalled()
        done = await INJURIES[name](ward, chance)
        healed = await until_well(ward)
        took = time.monotonic() - began - (stalled() - waited)
        if took > PROMPT or not healed:
            slow.append(f"{number}: {name} ({done}): {took:.1f} s; {await ward.lab.networks.faults()}")
        assert healed, slow
        assert talk.done() is False, (name, wrong)
    talk.cancel()
    assert slow == []
    assert wrong == []
    assert {status.pid for status in (ward.lab.now(p).status for p in ward.patients)} == {
        p.status.pid for p in ward.patients
    }


async def test_each_kind_of_injury(ward: Ward) -> None:
    for name in INJURIES:
        await hurt(ward, [name], 1, 1)
        if name == "forwarding off" and not ward.lab.told:
            continue  # it is the host's: another engine on it may have been quicker
        found = await told(ward.lab)
        assert found, f"nobody was told of {name}"
        assert all(event.attributes["fault"] and event.attributes["repair"] for event in found)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(10))
async def test_fifty_random_injuries(ward: Ward, seed: int) -> None:
    await hurt(ward, sorted(INJURIES), seed, 50)


async def test_a_container_that_may_change_its_network_is_left_alone(lab: Lab) -> None:
    admin = await lab.start("admin", cap_add=("NET_ADMIN",))
    await lab.run(admin, "ip", "addr", "add", "10.250.0.9/24", "dev", "eth0")
    await lab.run(admin, "ip", "route", "del", "default")
    await asyncio.sleep(1.2)
    assert "10.250.0.9" in await lab.run(admin, "ip", "addr")
    assert await lab.run(admin, "ip", "route", "show", "default") == ""
    assert await lab.networks.faults() == []


async def test_what_a_user_adds_beside_us_stays(lab: Lab) -> None:
    await lab.start("web")
    await lab.run(None, "ip", "route", "add", "10.251.0.0/24", "via", "10.211.0.9", "dev", lab.settings.bridge)
    await lab.run(None, "ip", "neigh", "replace", "10.211.0.77", "lladdr", "02:00:00:00:00:01", "dev",
                  lab.settings.bridge, "nud", "permanent")  # fmt: skip
    await asyncio.sleep(1.2)
    assert "10.251.0.0/24" in await lab.run(None, "ip", "route")
    assert "10.211.0.77" in await lab.run(None, "ip", "neigh")
