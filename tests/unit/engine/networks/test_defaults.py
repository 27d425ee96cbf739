"""Blocks of the default network, by settings and by what is there already."""

from typing import cast

import pytest
from msgspec.structs import replace

from boxship.base.clock import SystemClock
from boxship.engine.networks import defaults
from boxship.engine.networks.catalogue import Catalogue
from boxship.engine.networks.endpoints import ROUTER
from boxship.engine.networks.settings import NetworkSettings
from boxship.host.api.network import Links, LinkSeen
from boxship.model.network import IpamPool, Network
from boxship.store.memory import MemoryStore


class FakeLinks:
    """One bridge of the host's, with an address or none."""

    def __init__(self, address: str = "") -> None:
        self._address = address

    async def seen(self) -> dict[str, LinkSeen]:
        return {"b0": LinkSeen(name="b0", index=7, kind="bridge")} if self._address else {}

    async def addresses(self) -> tuple[tuple[int, str], ...]:
        return ((1, "127.0.0.1/8"), (7, "fe80::1/64"), (7, self._address)) if self._address else ()

    async def routes(self) -> tuple[str, ...]:
        return ("172.17.0.0/16",)


async def bridge(
    settings: NetworkSettings, links: FakeLinks | None = None, catalogue: Catalogue | None = None
) -> Network:
    found = catalogue or Catalogue(MemoryStore())
    await defaults.ensure(found, settings, cast(Links, links or FakeLinks()), SystemClock())
    return found.find("bridge")


SIX = NetworkSettings(ipv6=True, bip="10.1.0.1/24")
POOLS: dict[str, tuple[NetworkSettings, str, list[IpamPool]]] = {
    "the first that is free": (NetworkSettings(), "", [IpamPool(subnet="172.18.0.0/16", gateway="172.18.0.1")]),
    "asked for": (NetworkSettings(bip="10.1.0.1/24"), "", [IpamPool(subnet="10.1.0.0/24", gateway="10.1.0.1")]),
    "that of a bridge": (
        NetworkSettings(bridge="b0"),
        "10.9.0.3/16",
        [IpamPool(subnet="10.9.0.0/16", gateway="10.9.0.3")],
    ),
    "a part": (
        NetworkSettings(bip="10.1.0.1/24", fixed_cidr="10.1.0.128/25"),
        "",
        [IpamPool(subnet="10.1.0.0/24", gateway="10.1.0.1", ip_range="10.1.0.128/25")],
    ),
    "another way out": (
        NetworkSettings(bip="10.1.0.1/24", default_gateway="10.1.0.254"),
        "",
        [IpamPool(subnet="10.1.0.0/24", gateway="10.1.0.1", auxiliary_addresses={ROUTER: "10.1.0.254"})],
    ),
    "of IPv6": (
        replace(SIX, bip6="fd00:9::1/64"),
        "",
        [IpamPool(subnet="10.1.0.0/24", gateway="10.1.0.1"), IpamPool(subnet="fd00:9::/64", gateway="fd00:9::1")],
    ),
    "of IPv6 by the other name": (
        replace(SIX, fixed_cidr_v6="fd00:9::/64"),
        "",
        [IpamPool(subnet="10.1.0.0/24", gateway="10.1.0.1"), IpamPool(subnet="fd00:9::/64", gateway="fd00:9::1")],
    ),
    "a part and another way out of IPv6": (
        replace(SIX, bip6="fd00:9::1/64", fixed_cidr_v6="fd00:9::100/120", default_gateway_v6="fd00:9::fe"),
        "",
        [
            IpamPool(subnet="10.1.0.0/24", gateway="10.1.0.1"),
            IpamPool(
                subnet="fd00:9::/64",
                gateway="fd00:9::1",
                ip_range="fd00:9::100/120",
                auxiliary_addresses={ROUTER: "fd00:9::fe"},
            ),
        ],
    ),
}


@pytest.mark.parametrize(("settings", "present", "pools"), POOLS.values(), ids=POOLS)
async def test_blocks(settings: NetworkSettings, present: str, pools: list[IpamPool]) -> None:
    assert list((await bridge(settings, FakeLinks(present))).pools) == pools


async def test_a_network_keeps_its_block_and_id() -> None:
    catalogue = Catalogue(MemoryStore())
    first = await bridge(NetworkSettings(bip="10.1.0.1/24"), catalogue=catalogue)
    again = await bridge(NetworkSettings(), catalogue=catalogue)
    assert (again.id, again.pools[0].subnet) == (first.id, "10.1.0.0/24")
    changed = await bridge(NetworkSettings(mtu=1400), catalogue=catalogue)
    assert (changed.id, changed.spec.options["com.docker.network.driver.mtu"]) == (first.id, "1400")


async def test_no_default_network() -> None:
    catalogue = Catalogue(MemoryStore())
    await bridge(NetworkSettings(), catalogue=catalogue)
    none = replace(NetworkSettings(), bridge="none")
    await defaults.ensure(catalogue, none, cast(Links, FakeLinks()), SystemClock())
    assert sorted(n.spec.name for n in catalogue.all()) == ["host", "none"]
