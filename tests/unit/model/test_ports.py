"""Ranges of ports stand for what was written, port by port."""

from hypothesis import given
from hypothesis import strategies as st

from boxship.model.container import PortBinding
from boxship.model.ports import RUN, gathered, in_force, named, short, spread

MANY = {f"{n}/udp": (PortBinding(host_port=str(n + 5)),) for n in range(1000, 2000)}


def test_a_long_run_is_one_range() -> None:
    assert gathered(MANY) == {"1000-1999/udp": (PortBinding(host_port="1005-2004"),)}
    assert spread(gathered(MANY)) == MANY


def test_short_runs_and_free_ports_stay_as_they_are() -> None:
    few = {"80/tcp": (PortBinding(host_port="8080"), PortBinding(host_port="8081")), "81/tcp": (PortBinding(),)}
    assert gathered(few) == few
    assert gathered({"82/tcp": None}) == {"82/tcp": None}


def test_what_is_in_force_is_written_out() -> None:
    assert in_force({"10-12/udp": (("0.0.0.0", 20), ("::", 20)), "80/tcp": (("0.0.0.0", 8080),)}) == {
        "10/udp": (("0.0.0.0", 20), ("::", 20)),
        "11/udp": (("0.0.0.0", 21), ("::", 21)),
        "12/udp": (("0.0.0.0", 22), ("::", 22)),
        "80/tcp": (("0.0.0.0", 8080),),
    }


def test_exposed_ports() -> None:
    many = tuple(f"{n}/tcp" for n in range(RUN))
    assert short((*many, "99/udp")) == (f"0-{RUN - 1}/tcp", "99/udp")
    assert named(short((*many, "99/udp"))) == (*many, "99/udp")
    assert short(("3/tcp", "1/tcp")) == ("3/tcp", "1/tcp")


bindings = st.dictionaries(
    st.builds("{}/{}".format, st.integers(1, 60), st.sampled_from(("tcp", "udp"))),
    st.lists(st.builds(PortBinding, host_ip=st.sampled_from(("", "127.0.0.1")), host_port=st.integers(0, 90).map(str)),
             min_size=1, max_size=2).map(tuple),
    max_size=80,
)  # fmt: skip


@given(bindings)
def test_gathering_loses_nothing(found: dict[str, tuple[PortBinding, ...]]) -> None:
    assert spread(gathered(found)) == found
