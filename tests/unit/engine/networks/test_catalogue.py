"""Networks by name and id, and their blocks."""

import pytest

from boxship.base.errors import Conflict, Forbidden, Invalid, NotFound, PlatformError
from boxship.engine.networks.catalogue import Catalogue, settle_pools
from boxship.model.network import IpamPool, Network, NetworkSpec
from boxship.store.memory import MemoryStore

POOLS = (("10.0.0.0/8", 16), ("fd00:7::/48", 64))


def network(name: str, number: str, *pools: IpamPool) -> Network:
    return Network(id=number * 8, created=int(number, 16), spec=NetworkSpec(name=name), pools=pools)


@pytest.fixture
async def catalogue() -> Catalogue:
    made = Catalogue(MemoryStore())
    for each in (network("b", "ab"), network("a", "ac", IpamPool(subnet="10.7.0.0/16", gateway="10.7.0.1"))):
        await made.save(each)
    return made


async def test_finding(catalogue: Catalogue) -> None:
    assert catalogue.find("a").spec.name == "a"
    assert catalogue.find("ac").spec.name == "a"
    assert catalogue.find("ab" * 8).spec.name == "b"
    await catalogue.save(network("c", "acac"))
    with pytest.raises(Invalid, match=r"network aca is ambiguous \(2 matches found based on ID prefix\)"):
        catalogue.find("aca")
    for ref in ("x", ""):
        with pytest.raises(NotFound, match=f"network {ref} not found"):
            catalogue.find(ref)


async def test_namesakes(catalogue: Catalogue) -> None:
    with pytest.raises(Conflict, match="network with name a already exists"):
        catalogue.require_new("a")
    catalogue.require_new("a", unique=False)
    await catalogue.save(network("a", "bb"))
    with pytest.raises(Invalid, match=r"network a is ambiguous \(2 matches found on name\)"):
        catalogue.find("a")
    assert catalogue.find("bb" * 8).spec.name == "a"


async def test_oldest_first(catalogue: Catalogue) -> None:
    assert [n.spec.name for n in catalogue.all()] == ["b", "a"]


async def test_names_are_one_networks() -> None:
    made = Catalogue(MemoryStore())
    await made.save(network("a", "1"))
    made.require_new("b")
    with pytest.raises(Conflict, match="network with name a already exists"):
        made.require_new("a")
    with pytest.raises(Forbidden, match="operation is not permitted on predefined bridge network"):
        made.require_new("bridge")


async def test_what_is_saved_is_there_for_the_next_daemon() -> None:
    store = MemoryStore()
    first = Catalogue(store)
    kept, gone = network("a", "1", IpamPool(subnet="10.7.0.0/16", gateway="10.7.0.1")), network("b", "2")
    await first.save(kept)
    await first.save(gone)
    await first.drop(gone)
    second = Catalogue(store)
    await second.load()
    assert second.all() == [kept]
    assert second.subnets() == ["10.7.0.0/16"]
    assert second.subnets(but=kept.id) == []
    assert [lease.prefix for lease in second.leases(kept)] == [16]


async def test_leases_live_as_long_as_their_blocks(catalogue: Catalogue) -> None:
    found = catalogue.find("a")
    (lease,) = catalogue.leases(found)
    lease.take()
    await catalogue.save(found)
    assert catalogue.leases(found)[0].given == 1


SETTLED = {
    "nothing asked": (NetworkSpec(name="n"), ["10.1.0.0/16"]),
    "both families": (NetworkSpec(name="n", enable_ipv6=True), ["10.1.0.0/16", "fd00:7::/64"]),
    "IPv6 alone": (NetworkSpec(name="n", enable_ipv4=False, enable_ipv6=True), ["fd00:7::/64"]),
    "asked": (NetworkSpec(name="n", ipam=(IpamPool(subnet="10.9.0.0/24"),)), ["10.9.0.0/24"]),
    "asked in the host's routes": (NetworkSpec(name="n", ipam=(IpamPool(subnet="10.0.5.0/24"),)), ["10.0.5.0/24"]),
    "two blocks": (
        NetworkSpec(name="n", ipam=(IpamPool(subnet="10.8.0.0/24"), IpamPool(subnet="10.9.0.0/24"))),
        ["10.8.0.0/24", "10.9.0.0/24"],
    ),
    "IPv6 asked, IPv4 chosen": (
        NetworkSpec(name="n", enable_ipv6=True, ipam=(IpamPool(subnet="fd09::/64"),)),
        ["fd09::/64", "10.1.0.0/16"],
    ),
}


@pytest.mark.parametrize(("spec", "subnets"), SETTLED.values(), ids=SETTLED)
def test_settle_pools(spec: NetworkSpec, subnets: list[str]) -> None:
    found = settle_pools(spec, POOLS, ["10.2.0.0/16"], ["10.0.0.0/16"])
    assert [p.subnet for p in found] == subnets
    assert all(p.gateway for p in found)


REFUSED = {
    "in use": (NetworkSpec(name="n", ipam=(IpamPool(subnet="10.2.1.0/24"),)), "Pool overlaps"),
    "twice": (
        NetworkSpec(name="n", ipam=(IpamPool(subnet="10.8.0.0/24"), IpamPool(subnet="10.8.0.0/16"))),
        "Pool overlaps",
    ),
    "IPv6 where it is off": (NetworkSpec(name="n", ipam=(IpamPool(subnet="fd09::/64"),)), "IPv6 is not enabled"),
}


@pytest.mark.parametrize(("spec", "text"), REFUSED.values(), ids=REFUSED)
def test_settle_pools_refuses(spec: NetworkSpec, text: str) -> None:
    with pytest.raises(PlatformError, match=text):
        settle_pools(spec, POOLS, ["10.2.0.0/16"], [])
