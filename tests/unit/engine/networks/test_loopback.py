"""Which published ports are reached at [::1] of the host."""

import pytest

from boxship.engine.networks.loopback import ways
from boxship.engine.networks.ports import Published, Wanted
from boxship.engine.networks.rules import Target

FOUR, BOTH = Target(ipv4="10.1.0.2"), Target(ipv4="10.1.0.2", ipv6="fd00::2")
ANYWHERE = [Wanted("tcp", 80, "", 8080, 8080)]
RANDOM = [Wanted("tcp", 80, "", 0, 0)]
RUN = [Wanted("udp", 5000, "", 6000, 6000, 100)]
AT4, AT6 = Published("tcp", 80, "0.0.0.0", 8080), Published("tcp", 80, "::", 8080)

CASES = {
    "no address named": ([AT4], ANYWHERE, FOUR, ["tcp 8080 10.1.0.2 80 1"]),
    "a free port": ([AT4._replace(host_port=32768)], RANDOM, FOUR, ["tcp 32768 10.1.0.2 80 1"]),
    "IPv6 if there is": ([AT4, AT6], ANYWHERE, BOTH, ["tcp 8080 fd00::2 80 1"]),
    "all of IPv4 only": ([AT4], [Wanted("tcp", 80, "0.0.0.0", 8080, 8080)], FOUR, []),
    "all of IPv6": ([AT6], [Wanted("tcp", 80, "::", 8080, 8080)], BOTH, ["tcp 8080 fd00::2 80 1"]),
    "one address": ([Published("tcp", 80, "127.0.0.1", 8080)], [Wanted("tcp", 80, "127.0.0.1", 8080, 8080)], FOUR, []),
    "another address of IPv6": ([Published("tcp", 80, "fd01::1", 8080)], ANYWHERE, BOTH, []),
    "that address": (
        [Published("tcp", 80, "::1", 8080)], [Wanted("tcp", 80, "::1", 8080, 8080)], FOUR, ["tcp 8080 10.1.0.2 80 1"]
    ),
    "a run": ([Published("udp", 5000, "0.0.0.0", 6000, 100)], RUN, FOUR, ["udp 6000 10.1.0.2 5000 100"]),
    "one of a run": ([Published("udp", 5007, "0.0.0.0", 6007)], RUN, FOUR, ["udp 6007 10.1.0.2 5007 1"]),
    "no address in any network": ([AT4], ANYWHERE, Target(), []),
}  # fmt: skip


def shown(*given: object, shared: bool = False, free: bool = True) -> list[str]:
    ports, asked, target = given
    found = ways(ports, asked, target, shared, lambda protocol, low, high: free)  # type: ignore[arg-type]
    return [f"{w.protocol} {w.host_port} {w.address} {w.port} {w.size}" for w in found]


@pytest.mark.parametrize(("ports", "asked", "target", "expected"), CASES.values(), ids=CASES)
def test_ways(ports: list[Published], asked: list[Wanted], target: Target, expected: list[str]) -> None:
    assert shown(ports, asked, target) == expected


def test_what_several_share_takes_turns_at_the_firewall() -> None:
    assert shown([AT4], ANYWHERE, FOUR, shared=True) == ["tcp 8080 127.0.0.1 8080 1"]


def test_a_program_of_the_host_keeps_its_port() -> None:
    assert shown([AT4], ANYWHERE, FOUR, free=False) == []
