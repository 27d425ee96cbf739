"""Published ports and the host's own firewall, on the real kernel: what it drops stays dropped unless the owner wants
it otherwise; and what is published leaves by our bridges only."""

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator

import pytest

from .conftest import Lab, published

pytestmark = pytest.mark.root
OUTSIDE = "10.209.7.1"  # of a namespace that stands for another machine
HOST = "10.209.7.2"


def sh(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


@pytest.fixture
async def outside(lab: Lab) -> AsyncIterator[str]:
    """Another machine, joined to this host by a link."""
    name = f"out{lab.tag}"
    sh("ip", "netns", "add", name)
    try:
        sh("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
        sh("ip", "addr", "add", f"{HOST}/24", "dev", name)
        sh("ip", "link", "set", name, "up")
        sh("ip", "-n", name, "addr", "add", f"{OUTSIDE}/24", "dev", "eth0")
        sh("ip", "-n", name, "link", "set", "eth0", "up")
        yield name
    finally:
        sh("ip", "netns", "del", name)


@pytest.fixture(params=["nft", "iptables"])
async def firewall(lab: Lab, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """Something of the host that lets nothing be forwarded."""
    table = f"host{lab.tag}"
    if request.param == "nft":
        hook = "{ type filter hook forward priority 0; policy drop; }"
        sh("nft", f"add table inet {table}; add chain inet {table} pass {hook}")
        yield f"inet {table} pass"
        sh("nft", "delete", "table", "inet", table)
    else:
        sh("iptables", "-P", "FORWARD", "DROP")
        yield "ip filter FORWARD"
        sh("iptables", "-P", "FORWARD", "ACCEPT")


async def answer(lab: Lab, space: str, patience: float = 20.0) -> str:
    """What another machine gets from the published port."""
    code = (
        f"import socket\ntry:\n s = socket.create_connection(('{HOST}', 28080), {patience}); s.settimeout({patience})\n"
        " print(s.recv(9).decode())\nexcept OSError as e: print('no')"
    )
    return await lab.run(None, "ip", "netns", "exec", space, "python3", "-IS", "-c", code)


async def until(lab: Lab, space: str, word: str) -> bool:
    for _ in range(60):
        if await answer(lab, space, 1.0) == word:
            return True
        await asyncio.sleep(0.1)
    return False


async def test_what_the_host_denies_stays_denied_unless_it_is_opened(lab: Lab, outside: str, firewall: str) -> None:
    web = await lab.start("web", port_bindings=published("28080:80/tcp"))
    await lab.say(web, 80, "web")
    assert await answer(lab, outside, 0.7) == "no"
    await lab.networks.open_published(True)
    assert await answer(lab, outside) == "web"
    await lab.run(None, "nft", "flush", "chain", *firewall.split())  # as a firewall that is loaded anew does
    assert await until(lab, outside, "web")
    if firewall.startswith("ip "):
        listed = await lab.run(None, "iptables", "-S", "FORWARD")
        assert f"published ports of {lab.settings.table}" in listed
    await lab.networks.open_published(False)
    assert await answer(lab, outside, 0.7) == "no"
    assert "published ports" not in await lab.run(None, "nft", "list", "ruleset")


async def test_a_daemon_takes_away_what_its_predecessor_opened(lab: Lab, outside: str, firewall: str) -> None:
    web = await lab.start("web", port_bindings=published("28080:80/tcp"))
    await lab.say(web, 80, "web")
    await lab.networks.open_published(True)
    await lab.restart()
    assert await answer(lab, outside, 0.7) == "no"
    assert "published ports" not in await lab.run(None, "nft", "list", "ruleset")


async def test_only_published_ports_are_opened(lab: Lab, outside: str, firewall: str) -> None:
    web = await lab.start("web", port_bindings=published("28080:80/tcp"))
    await lab.say(web, 80, "web")
    await lab.networks.open_published(True)
    sh("ip", "-n", outside, "route", "add", "10.211.0.0/24", "via", HOST)
    address = web.status.networks["bridge"].ipv4_address
    code = f"import socket; socket.create_connection(('{address}', 80), 0.7)"
    assert "imed out" in await lab.run(None, "ip", "netns", "exec", outside, "python3", "-IS", "-c", code)
    assert "ping: " not in (said := await lab.run(web, "busybox", "ping", "-c", "1", "-W", "1", OUTSIDE))
    assert "100% packet loss" in said


async def arrived(lab: Lab, space: str) -> int:
    """Packets to the published port that came to the other machine, after one was asked for."""
    await lab.ask(None, "tcp", HOST, 28080, 0.7)
    shown = await lab.run(None, "ip", "netns", "exec", space, "nft", "list", "chain", "ip", "count", "come")
    found = re.search(r"packets (\d+)", shown)
    assert found, shown
    return int(found[1])


async def test_while_a_bridge_is_down_what_is_published_stays_on_the_host(lab: Lab, outside: str) -> None:
    web = await lab.start("web", port_bindings=published("28080:80/tcp"))
    await lab.say(web, 80, "web")
    assert await lab.ask(None, "tcp", HOST, 28080) == "web"
    sh("ip", "route", "add", "10.0.0.0/8", "via", OUTSIDE)
    counter = (
        "add table ip count; add chain ip count come { type filter hook prerouting priority 0; }; "
        "add rule ip count come tcp dport 80 counter"
    )
    sh("ip", "netns", "exec", outside, "nft", counter)
    try:
        await lab.networks.aclose()  # nobody repairs
        sh("ip", "link", "set", lab.settings.bridge, "down")
        assert await arrived(lab, outside) == 0
        sh("nft", "flush", "chain", "inet", lab.settings.table, "leaving")
        assert await arrived(lab, outside) > 0
    finally:
        sh("ip", "route", "del", "10.0.0.0/8")
        await lab.revive()
    assert await lab.ask(None, "tcp", HOST, 28080) == "web"
