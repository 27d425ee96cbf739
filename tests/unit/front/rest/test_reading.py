"""Versions, filters, query values and preferences, as clients write them."""

import json
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from boxship.base.errors import Invalid
from boxship.base.units import SECOND
from boxship.front.rest import filters, negotiate, query, version

SPLITS = {
    "/v1.41/containers/json?all=1": ((1, 41), "/containers/json?all=1"),
    "/v1.24/_ping": ((1, 24), "/_ping"),
    "/v1.30": ((1, 30), "/"),
    "/v1.30?x": ((1, 30), "?x"),
    "/volumes/v1.30/x": (None, "/volumes/v1.30/x"),
    "/v1/x": (None, "/v1/x"),
    "/v1.2.3/x": ((1, 2), "/x"),
    "/v1.41x/y": (None, "/v1.41x/y"),
}


@pytest.mark.parametrize(("path", "parts"), SPLITS.items())
def test_split(path: str, parts: tuple[Any, str]) -> None:
    assert version.split(path) == parts


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ((1, 52), "client version 1.52 is too new. Maximum supported API version is 1.51"),
        (
            (1, 23),
            "client version 1.23 is too old. Minimum supported API version is 1.24, "
            "please upgrade your client to a newer version",
        ),
    ],
)
def test_versions_we_do_not_speak(asked: version.Version, text: str) -> None:
    with pytest.raises(Invalid) as caught:
        version.check(asked)
    assert str(caught.value) == text


@given(st.integers(24, 51))
def test_versions_we_speak(minor: int) -> None:
    version.check((1, minor))
    assert version.split(f"/v1.{minor}/info") == ((1, minor), "/info")
    assert version.show((1, minor)) == f"1.{minor}"


words = st.text("abc=.-/", min_size=1, max_size=6)


@given(st.dictionaries(words, st.lists(words, unique=True, min_size=1, max_size=3), max_size=3))
def test_both_forms_mean_the_same(values: dict[str, list[str]]) -> None:
    as_list = filters.parse(json.dumps(values))
    as_map = filters.parse(json.dumps({key: dict.fromkeys(found, True) for key, found in values.items()}))
    for key, found in values.items():
        assert set(as_list.get(key)) == set(as_map.get(key)) == set(found)
    assert bool(as_list) is bool(values)


@pytest.mark.parametrize("text", ["[", "[]", '"x"', '{"a": 1}', '{"a": [{}]}', "7"])
def test_what_is_no_filter(text: str) -> None:
    with pytest.raises(Invalid, match="invalid filter"):
        filters.parse(text)


@pytest.mark.parametrize("text", ["", "null", "{}", '{"a": []}', '{"a": {}}', '{"a": {"x": false}}'])
def test_what_filters_nothing(text: str) -> None:
    assert not filters.parse(text)


def test_unknown_key() -> None:
    with pytest.raises(Invalid) as caught:
        filters.parse('{"nope": ["x"]}').allow({"name"})
    assert str(caught.value) == "invalid filter 'nope'"


def test_numbers_and_truths_are_words() -> None:
    found = filters.parse('{"exited": [0], "dangling": [true]}')
    assert found.get("exited") == ("0",)
    assert found.boolean("dangling") is True


TRUTHS = {"true": True, "1": True, "T": True, "false": False, "0": False}


@pytest.mark.parametrize(("text", "truth"), TRUTHS.items())
def test_truth(text: str, truth: bool) -> None:
    assert filters.Filters({"x": (text,)}).boolean("x") is truth


@pytest.mark.parametrize("texts", [("maybe",), ("true", "false"), ("",)])
def test_no_truth(texts: tuple[str, ...]) -> None:
    with pytest.raises(Invalid, match="invalid filter 'x="):
        filters.Filters({"x": texts}).boolean("x")


MATCHES = [
    ("web", "my-web-1", True),
    ("^web$", "web1", False),
    ("^/?web$", "web", True),
    ("we[", "we[", True),
    ("we[", "web", False),
]


@pytest.mark.parametrize(("pattern", "value", "truth"), MATCHES)
def test_matching_by_expression(pattern: str, value: str, truth: bool) -> None:
    assert filters.Filters({"name": (pattern,)}).matches("name", value) is truth


def test_labels_must_all_hold() -> None:
    found = filters.Filters({"label": ("a", "b=1"), "label!": ("c", "d=1")})
    assert found.labels({"a": "x", "b": "1"})
    assert not found.labels({"a": "x", "b": "2"})
    assert not found.labels({"b": "1"})
    assert found.not_labels({"a": "x", "d": "2"})
    assert not found.not_labels({"c": ""})
    assert filters.Filters().labels({})


def test_one_value() -> None:
    assert filters.Filters().one("until") is None
    assert filters.Filters({"until": ("1",)}).one("until") == "1"
    with pytest.raises(Invalid, match="until"):
        filters.Filters({"until": ("1", "2")}).one("until")


BOOLEANS = {"": False, "0": False, "no": False, "False": False, "none": False, "1": True, "yes": True, "anything": True}


@pytest.mark.parametrize(("text", "truth"), BOOLEANS.items())
def test_boolean(text: str, truth: bool) -> None:
    assert query.boolean(make_mocked_request("GET", f"/?x={text}"), "x") is truth


def test_absent_values() -> None:
    request = make_mocked_request("GET", "/")
    assert query.boolean(request, "x", True) is True
    assert query.number(request, "x") is None
    assert query.moment(request, "x") is None
    assert query.many(request, "x") == ()
    assert query.text(request, "x", "y") == "y"
    with pytest.raises(Invalid):
        query.required_number(request, "x")


def test_numbers() -> None:
    request = make_mocked_request("GET", "/?t=-1&bad=soon&m=a&m=b")
    assert query.number(request, "t") == -1
    assert query.many(request, "m") == ("a", "b")
    with pytest.raises(Invalid) as caught:
        query.number(request, "bad")
    assert str(caught.value) == 'strconv.Atoi: parsing "soon": invalid syntax'


@given(st.integers(0, 2**33), st.integers(0, SECOND - 1))
def test_moments(seconds: int, nanoseconds: int) -> None:
    assert query.parse_moment({"t": f"{seconds}.{nanoseconds:09d}"}, "t") == seconds * SECOND + nanoseconds
    assert query.parse_moment({"t": str(seconds)}, "t") == seconds * SECOND


PREFERENCES = {
    "": "application/json",
    "*/*": "application/json",
    "application/json": "application/json",
    "application/x-ndjson": "application/x-ndjson",
    "application/jsonl, application/json;q=0.5": "application/jsonl",
    "application/json-seq;q=0.9, application/x-ndjson;q=0.1": "application/json-seq",
    "application/json-seq;q=x": "application/json",
}


@pytest.mark.parametrize(("accept", "kind"), PREFERENCES.items())
def test_form_of_streams(accept: str, kind: str) -> None:
    form = negotiate.json_stream(accept)
    assert form.content_type == kind
    assert form.prefix == (b"\x1e" if kind.endswith("seq") else b"")
