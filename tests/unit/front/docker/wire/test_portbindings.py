"""Bindings of ports are read in one pass, and mean what the table of names would read."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.base.errors import Invalid
from boxship.front.docker.wire import names, portbindings
from boxship.model.container import PortBinding
from boxship.model.ports import gathered

slowly = names.parser(dict[str, tuple[PortBinding, ...] | None])


def test_a_long_run_becomes_a_range_as_it_is_read() -> None:
    asked = {f"{n}/udp": [{"HostPort": str(n)}] for n in range(20000, 30000)}
    assert portbindings.parse(asked, "x") == {"20000-29999/udp": (PortBinding(host_port="20000-29999"),)}


def test_no_binding_is_a_free_port() -> None:
    free = (PortBinding(),)
    assert portbindings.parse({"80/tcp": None, "81/tcp": [], "82/tcp": [{}]}, "x") == {
        "80/tcp": free,
        "81/tcp": free,
        "82/tcp": free,
    }
    assert portbindings.parse(None, "x") is None


@pytest.mark.parametrize("wrong", ["80", [], {"80/tcp": "90"}, {"80/tcp": [90]}, {"80/tcp": [{"HostPort": 90}]}])
def test_another_type_is_told(wrong: Any) -> None:
    with pytest.raises(Invalid, match="cannot unmarshal"):
        portbindings.parse(wrong, "HostConfig.PortBindings")


entries = st.fixed_dictionaries(
    {},
    optional={
        "HostPort": st.sampled_from(("", "0", "8080", "9000-9001")),
        "hostport": st.just("7"),
        "HostIp": st.sampled_from(("", "127.0.0.1", None)),
        "Other": st.just(1),
    },
)
asked = st.dictionaries(
    st.builds("{}{}".format, st.integers(1, 40), st.sampled_from(("", "/tcp", "/udp"))),
    st.none() | st.lists(entries, max_size=3),
    max_size=60,
)


@given(asked)
def test_it_is_what_the_table_of_names_reads(given_: dict[str, Any]) -> None:
    expected = {key: bound or (PortBinding(),) for key, bound in slowly(given_, "x").items()}
    assert portbindings.parse(given_, "x") == gathered(expected)


@given(
    st.lists(st.integers(1, 60), unique=True, min_size=1, max_size=60),
    st.sampled_from(("", "/tcp", "/udp")),
    st.integers(-70, 70),
    st.dictionaries(st.sampled_from(("3", "5/udp", "x", "/", "7-8/tcp", "²")), st.just("9"), max_size=2),
    st.sampled_from(("", "127.0.0.1")),
)
def test_many_alike_are_what_each_of_them_is(
    ports: list[int], protocol: str, shift: int, odd: dict[str, str], address: str
) -> None:
    given_ = {f"{n}{protocol}": str(n + shift) for n in ports} | odd
    asked = {key: [{"HostPort": port, "HostIp": address}] for key, port in given_.items()}
    each = {key: (PortBinding(host_port=port, host_ip=address),) for key, port in given_.items()}
    assert portbindings.parse(asked, "x") == gathered(each)
