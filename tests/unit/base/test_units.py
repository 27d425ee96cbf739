import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.base import units
from boxship.base.errors import Invalid

SIZES = {
    "0": 0,
    "10": 10,
    "1k": 1024,
    "64m": 64 << 20,
    "1.5g": 3 << 29,
    "10kb": 10240,
    "2GiB": 2 << 30,
    "-1": -1,
    " 5 M ": 5 << 20,
}


@pytest.mark.parametrize(("text", "size"), SIZES.items())
def test_parse_size(text: str, size: int) -> None:
    assert units.parse_size(text) == size


@pytest.mark.parametrize("text", ["", "m", "1x", "1 2", "one", "0x10"])
def test_parse_size_refuses_by_naming(text: str) -> None:
    with pytest.raises(Invalid, match=f"invalid size: '{text}'"):
        units.parse_size(text)


DURATIONS = {
    "0": 0,
    "1s": 10**9,
    "1m30s": 90 * 10**9,
    "500ms": 5 * 10**8,
    "1.5h": 5400 * 10**9,
    "-2s": -2 * 10**9,
    ".5s": 5 * 10**8,
    "3us": 3000,
}


@pytest.mark.parametrize(("text", "nanoseconds"), DURATIONS.items())
def test_parse_duration(text: str, nanoseconds: int) -> None:
    assert units.parse_duration(text) == nanoseconds


@pytest.mark.parametrize("text", ["", "1", "s", "1 s", "1m 3s", "1y", "--1s"])
def test_parse_duration_refuses(text: str) -> None:
    with pytest.raises(Invalid, match="invalid duration"):
        units.parse_duration(text)


TIMES = {0: "0001-01-01T00:00:00Z", 10**9: "1970-01-01T00:00:01Z", 1_500_000_000_120_000_000: "2017-07-14T02:40:00.12Z"}


@pytest.mark.parametrize(("nanoseconds", "text"), TIMES.items())
def test_rfc3339(nanoseconds: int, text: str) -> None:
    assert units.rfc3339(nanoseconds) == text


@given(st.integers(1, 4_000_000_000_000_000_000))
def test_times_survive_a_round_trip(nanoseconds: int) -> None:
    assert units.parse_rfc3339(units.rfc3339(nanoseconds)) == nanoseconds


def test_parse_rfc3339_knows_zones() -> None:
    assert units.parse_rfc3339("1970-01-01T02:00:01+02:00") == 10**9
    with pytest.raises(Invalid, match="invalid time: 'yesterday'"):
        units.parse_rfc3339("yesterday")


HUMAN = {0: "0B", 999: "999B", 1234: "1.234kB", 5_300_000: "5.3MB", 1 << 40: "1.1TB"}


@pytest.mark.parametrize(("size", "text"), HUMAN.items())
def test_human_size(size: int, text: str) -> None:
    assert units.human_size(size) == text


def test_human_size_in_powers_of_1024() -> None:
    assert units.human_size(3 << 19, base=1024) == "1.5MiB"


AGES = {
    0.5: "Less than a second",
    1: "1 second",
    59: "59 seconds",
    60: "About a minute",
    150: "2 minutes",
    3600: "About an hour",
    7200: "2 hours",
    86400 * 3: "3 days",
    86400 * 20: "2 weeks",
    86400 * 90: "3 months",
    86400 * 800: "2 years",
}


@pytest.mark.parametrize(("seconds", "text"), AGES.items())
def test_human_duration(seconds: float, text: str) -> None:
    assert units.human_duration(seconds) == text
