"""Blocks and addresses."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.base.errors import Forbidden, Invalid, PlatformError
from boxship.engine.networks.ipam import Lease, choose_block, mac_for, overlap, settle
from boxship.model.network import IpamPool

POOLS = (("10.0.0.0/8", 16), ("192.168.0.0/16", 20), ("fd00:1::/48", 64))

CHOICES = {
    "the first piece": ([], 4, "10.0.0.0/16"),
    "past what is taken": (["10.0.0.0/16", "10.1.4.0/24"], 4, "10.2.0.0/16"),
    "past a block larger than a piece": (["10.0.0.0/9"], 4, "10.128.0.0/16"),
    "the next pool": (["10.0.0.0/8"], 4, "192.168.0.0/20"),
    "a piece between two": (["10.0.0.0/16", "10.2.0.0/16"], 4, "10.1.0.0/16"),
    "IPv6": ([], 6, "fd00:1::/64"),
    "IPv6 past what is taken": (["fd00:1::/64", "10.0.0.0/16"], 6, "fd00:1:0:1::/64"),
}


@pytest.mark.parametrize(("taken", "version", "chosen"), CHOICES.values(), ids=CHOICES)
def test_a_free_block_is_chosen(taken: list[str], version: int, chosen: str) -> None:
    assert choose_block(POOLS, taken, version) == chosen


def test_a_pool_smaller_than_its_pieces_is_one_piece() -> None:
    assert choose_block([("10.9.0.0/24", 16)], []) == "10.9.0.0/24"


@pytest.mark.parametrize("version", [4, 6])
def test_used_up_pools_say_so(version: int) -> None:
    with pytest.raises(Forbidden, match="all predefined address pools have been fully subnetted"):
        choose_block(POOLS, ["0.0.0.0/0", "::/0"], version)


@given(st.lists(st.integers(0, 15), max_size=15))
def test_a_chosen_block_never_overlaps(numbers: list[int]) -> None:
    taken = [f"10.{n}.0.0/16" for n in numbers]
    chosen = choose_block([("10.0.0.0/12", 16)], taken)
    assert overlap(chosen, taken) is None
    assert ip_network(chosen).subnet_of(ip_network("10.0.0.0/12"))  # type: ignore[arg-type]


SETTLED = {
    "the gateway is the first address": (IpamPool(subnet="10.1.0.0/16"), "10.1.0.1"),
    "host bits are dropped": (IpamPool(subnet="10.1.2.3/16"), "10.1.0.1"),
    "an asked gateway stays": (IpamPool(subnet="10.1.0.0/16", gateway="10.1.9.9"), "10.1.9.9"),
    "auxiliary addresses are no gateways": (
        IpamPool(subnet="10.1.0.0/16", auxiliary_addresses={"router": "10.1.0.1"}),
        "10.1.0.2",
    ),
    "IPv6": (IpamPool(subnet="fd00::/64"), "fd00::1"),
    "two addresses": (IpamPool(subnet="10.1.0.0/31"), "10.1.0.0"),
}


@pytest.mark.parametrize(("pool", "gateway"), SETTLED.values(), ids=SETTLED)
def test_settle(pool: IpamPool, gateway: str) -> None:
    assert settle(pool, ["10.2.0.0/16"]).gateway == gateway


REFUSED = {
    "no block": (IpamPool(subnet="10.1.0"), "invalid CIDR address: 10.1.0"),
    "in use": (IpamPool(subnet="10.2.3.0/24"), "Pool overlaps with other one on this address space"),
    "range outside": (IpamPool(subnet="10.1.0.0/16", ip_range="10.3.0.0/24"), "not inside subnet 10.1.0.0/16"),
    "range of the other family": (IpamPool(subnet="10.1.0.0/16", ip_range="fd00::/64"), "not inside subnet"),
    "gateway outside": (IpamPool(subnet="10.1.0.0/16", gateway="10.3.0.1"), "no matching subnet for gateway 10.3.0.1"),
    "auxiliary outside": (
        IpamPool(subnet="10.1.0.0/16", auxiliary_addresses={"x": "10.3.0.1"}),
        "no matching subnet for aux-address 10.3.0.1",
    ),
    "gateway is no address": (IpamPool(subnet="10.1.0.0/16", gateway="x"), "invalid gateway x"),
}


@pytest.mark.parametrize(("pool", "text"), REFUSED.values(), ids=REFUSED)
def test_settle_refuses(pool: IpamPool, text: str) -> None:
    with pytest.raises(PlatformError, match=text):
        settle(pool, ["10.2.0.0/16"])


def lease(**changes: object) -> Lease:
    return Lease(settle(IpamPool(**{"subnet": "10.1.0.0/29", **changes}), []))  # type: ignore[arg-type]


def test_addresses_come_in_order_and_skip_what_is_reserved() -> None:
    given = lease(auxiliary_addresses={"printer": "10.1.0.3"})
    assert [given.take() for _ in range(4)] == ["10.1.0.2", "10.1.0.4", "10.1.0.5", "10.1.0.6"]
    with pytest.raises(Forbidden, match="no available IPv4 addresses"):
        given.take()


def test_a_released_address_is_given_first() -> None:
    given = lease()
    first, second = given.take(), given.take()
    given.take()
    given.release(second)
    given.release(first)
    assert (given.take(), given.take()) == (first, second)


def test_a_range_limits_what_is_given_but_not_what_may_be_claimed() -> None:
    given = lease(subnet="10.1.0.0/24", ip_range="10.1.0.128/30")
    assert [given.take() for _ in range(4)] == [f"10.1.0.{n}" for n in (128, 129, 130, 131)]
    assert given.claim("10.1.0.7") == "10.1.0.7"


CLAIMS = {
    "outside": ("10.2.0.1", Invalid, "no configured subnet or ip-range contain the IP address 10.2.0.1"),
    "the gateway": ("10.1.0.1", Forbidden, "Address already in use"),
    "given before": ("10.1.0.2", Forbidden, "Address already in use"),
    "no address": ("ten", Invalid, "invalid address ten"),
}


@pytest.mark.parametrize(("wanted", "kind", "text"), CLAIMS.values(), ids=CLAIMS)
def test_claims_refused(wanted: str, kind: type[Exception], text: str) -> None:
    given = lease()
    given.take()
    with pytest.raises(kind, match=text):
        given.claim(wanted)


def test_releasing_twice_is_releasing_once() -> None:
    given = lease()
    address = given.take()
    given.release(address)
    given.release(address)
    assert given.given == 0
    assert given.take() == address


@given(st.lists(st.one_of(st.just("take"), st.integers(0, 20)), max_size=60))
def test_no_address_is_given_twice(steps: list[str | int]) -> None:
    held = lease(subnet="10.1.0.0/28")
    out: list[str] = []
    for step in steps:
        if isinstance(step, int):
            if out:
                held.release(out.pop(step % len(out)))
            continue
        try:
            out.append(held.take())
        except Forbidden:
            assert len(out) == 13
    assert len(set(out)) == len(out) == held.given
    assert "10.1.0.1" not in out


def test_ipv6_leases() -> None:
    held = Lease(settle(IpamPool(subnet="fd00::/64"), []))
    assert (held.take(), held.take(), held.version, held.prefix) == ("fd00::2", "fd00::3", 6, 64)


def test_mac_follows_the_address() -> None:
    assert mac_for("172.17.0.2") == "02:42:ac:11:00:02"
    assert mac_for("", b"\x01\x02\x03\x04\x05") == "02:42:01:02:03:04"
