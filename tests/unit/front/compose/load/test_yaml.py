"""YAML in and out: what scalars mean, what is refused and where, and that what is written reads back."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from boxship.front.compose.load.errors import Unreadable
from boxship.front.compose.load.positions import line_of
from boxship.front.compose.load.yaml import parse, plain
from boxship.front.compose.render import yaml

SCALARS = {
    "yes": "yes", "on": "on", "true": True, "False": False, "null": None, "~": None, "": None, "nUll": "nUll",
    "1": 1, "-5": -5, "+5": 5, "0x1F": 31, "0o17": 15, "017": 15, "08": 8.0, "0b11": 3, "1_000": 1000,
    "1.5": 1.5, ".5": 0.5, "1.": 1.0, "1e3": 1000.0, "1e400": "1e400", "22:22": "22:22", "1.2.3": "1.2.3", "-": "-",
    ".inf": float("inf"), "-.INF": float("-inf"), "2001-01-01": "2001-01-01", "99999999999999999999": 1e20, "_1": "_1",
}  # fmt: skip


@pytest.mark.parametrize("text", SCALARS)
def test_scalars(text: str) -> None:
    found = plain(text)
    assert found == SCALARS[text]
    assert type(found) is type(SCALARS[text])


def tree(text: str) -> Any:
    return parse(text, "x.yaml")[0].tree


def test_merges_go_behind_what_is_said() -> None:
    text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], z: 3}\nd: {<<: *a, <<: *b}\ne: {x: 0, <<: *a}"
    found = tree(text)
    assert found["c"] == {"x": 1, "y": 1, "z": 3}
    assert found["d"] == {"x": 1, "y": 1, "z": 2}
    assert found["e"] == {"x": 0, "y": 1}


def test_aliases_are_copies() -> None:
    found = tree("a: &a [1]\nb: *a")
    found["a"].append(2)
    assert found["b"] == [1]


def test_resets_are_told_apart() -> None:
    document = parse("a: !reset null\nb: {c: !override [1], d: 1}\ne: [1, !reset 2]", "x")[0]
    assert document.tree == {"b": {"c": [1], "d": 1}, "e": [1]}
    assert document.resets == (("a",), ("b", "c"), ("e", 1))


def test_tags() -> None:
    assert tree('{a: !!str 5, b: !!int "5", c: !!float "1.5", d: !!bool "true", e: !!null "x", f: !own x}') == {
        "a": "5", "b": 5, "c": 1.5, "d": True, "e": None, "f": "x",
    }  # fmt: skip


REFUSED = {
    "a key twice": ("a: 1\nb:\n  c: 1\n  c: 2", 'x.yaml:4: mapping key "c" already defined at line 3'),
    "a number for a key": ("a:\n  1: b", 'x.yaml:2: non-string key in a: 1 (put it in quotes: "1")'),
    "an open bracket": ("a: [1", "x.yaml:2: did not find expected ',' or ']'"),
    "a tab": ("a:\n\tb: 1", "x.yaml:2: found character that cannot start any token"),
    "an unknown anchor": ("a: *b", "x.yaml:1: found undefined alias"),
    "a merge of text": ("a: {<<: x}", "x.yaml:1: map merge requires map or sequence of maps as the value"),
    "a wrong tag": ("a: !!int x", "x.yaml:1: cannot decode !!str `x` as a !!int"),
}


@pytest.mark.parametrize(("text", "said"), REFUSED.values(), ids=REFUSED)
def test_refused(text: str, said: str) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(text, "x.yaml")
    assert str(caught.value).startswith(said)


def test_an_alias_within_itself_is_refused() -> None:
    with pytest.raises(Unreadable):
        parse("a: &a [*a]", "x.yaml")


def test_bombs_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("boxship.front.compose.load.yaml.MOST_NODES", 1000)
    lines = ["l0: &l0 [x]"] + [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 9)]
    with pytest.raises(Unreadable, match="too large"):
        parse("\n".join(lines), "x.yaml")


def test_lines() -> None:
    text = "a:\n  b: &x\n    c: 1\n  d:\n    - e\n    - f=1\n  g:\n    <<: *x\n"
    assert line_of(text, ("a", "b", "c")) == (3, 3)
    assert line_of(text, ("a", "d", 1)) == (3, 6)
    assert line_of(text, ("a", "d", "f")) == (3, 6)
    assert line_of(text, ("a", "g", "c")) == (3, 3)
    assert line_of(text, ("a", "nothing", "more")) == (1, 1)


keys = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=10)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.text(st.characters(codec="utf-8"), max_size=20),
    st.sampled_from([key for key in SCALARS if key]),
    st.text("-+.:#?'\"[]{}&*!|>%@`,~ \n\t09xoben<", min_size=1, max_size=6),
)
trees = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=12
)


@given(st.dictionaries(keys, trees, min_size=1, max_size=4))
@example({"0": "\t\n"})
def test_what_is_written_reads_back(value: dict[str, Any]) -> None:
    assert tree(yaml.dump(value)) == value
