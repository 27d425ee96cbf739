"""Variables in values: every operator, nesting, escapes, laws."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.front.compose.load.errors import Wrong
from boxship.front.compose.load.interpolate import (
    Malformed,
    Missing,
    Variable,
    interpolate,
    substitute,
    variables,
)

ENVIRONMENT = {"SET": "value", "EMPTY": "", "A": "1", "_x9": "under", "low": "er"}
CASES = {
    "plain": ("text", "text"),
    "named": ("$SET", "value"),
    "braced": ("${SET}", "value"),
    "beside text": ("a${SET}b$SET.c", "avaluebvalue.c"),
    "longest name": ("$SETx|${SET}x", "|valuex"),
    "underscores, digits, small letters": ("$_x9 $low", "under er"),
    "unset is empty": ("[$NONE]", "[]"),
    "escaped": ("$$SET $${SET} $$$SET $$$$", "$SET ${SET} $value $$"),
    "lonely dollars stay": ("$ $1 $( $) cost: 5$", "$ $1 $( $) cost: 5$"),
    ":- set": ("${SET:-word}", "value"),
    ":- empty": ("${EMPTY:-word}", "word"),
    ":- unset": ("${NONE:-word}", "word"),
    "- set": ("${SET-word}", "value"),
    "- empty": ("${EMPTY-word}", ""),
    "- unset": ("${NONE-word}", "word"),
    ":+ set": ("${SET:+word}", "word"),
    ":+ empty": ("${EMPTY:+word}", ""),
    ":+ unset": ("${NONE:+word}", ""),
    "+ set": ("${SET+word}", "word"),
    "+ empty": ("${EMPTY+word}", "word"),
    "+ unset": ("${NONE+word}", ""),
    ":? set": ("${SET:?word}", "value"),
    "? empty": ("${EMPTY?word}", ""),
    "nested": ("${NONE:-${EMPTY:-${A}${SET}}}", "1value"),
    "nested in the middle": ("${NONE:-a${A}b}c", "a1bc"),
    "operators in words": ("${NONE:-a:-b?c+d}", "a:-b?c+d"),
    "braces in words": ('${NONE:-{"k": {"v": 1}}}', '{"k": {"v": 1}}'),
    "escape in a word": ("${NONE:-$$A}", "$A"),
    "line break in a word": ("${NONE:-a\nb}", "a\nb"),
    "a word that is not needed is not looked at": ("${SET:-${NONE:?}}", "value"),
    "empty word": ("${NONE:-}|${SET:+}", "|"),
}


@pytest.mark.parametrize(("text", "wanted"), CASES.values(), ids=CASES)
def test_substitute(text: str, wanted: str) -> None:
    assert substitute(text, ENVIRONMENT.get) == wanted


@pytest.mark.parametrize("text", ["${", "${}", "${SET", "${1}", "${SET!x}", "${SET:}", "${ SET}", "a ${NONE:-${A}"])
def test_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        substitute(text, ENVIRONMENT.get)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("${NONE?}", "required variable NONE is missing a value"),
        ("${NONE?no $SET}", "required variable NONE is missing a value: no value"),
        ("${EMPTY:?set it}", "required variable EMPTY is missing a value: set it"),
    ],
)
def test_missing(text: str, said: str) -> None:
    with pytest.raises(Missing, match=f"^{said}$"):
        substitute(text, ENVIRONMENT.get)


def test_who_is_unset_is_told_once_for_each_use() -> None:
    heard: list[str] = []
    substitute("$NONE ${NONE:-x} ${NONE:+y} ${OTHER} $SET", ENVIRONMENT.get, heard.append)
    assert heard == ["NONE", "OTHER"]


def test_places_are_told() -> None:
    tree = {"services": {"web": {"ports": ["80", "${"]}}}
    with pytest.raises(Wrong, match=r"services\.web\.ports\.1") as caught:
        interpolate(tree, ENVIRONMENT.get)
    assert caught.value.path == ("services", "web", "ports", 1)


def test_trees_are_copied_and_keys_stay() -> None:
    tree = {"$A": ["$A", 1, None, {"k": "$A"}]}
    assert interpolate(tree, ENVIRONMENT.get) == {"$A": ["1", 1, None, {"k": "1"}]}
    assert tree["$A"][0] == "$A"


def test_variables() -> None:
    tree = {"a": "${X:-${Y}} $Z", "b": ["${Q:?no}", "${P:+there}", "$$NOT", "${broken"], "c": 5}
    assert variables(tree) == {
        "X": Variable("X", default="${Y}"),
        "Y": Variable("Y"),
        "Z": Variable("Z"),
        "Q": Variable("Q", required=True),
        "P": Variable("P", alternate="there"),
    }


names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True)
texts = st.text(st.characters(exclude_characters="$", codec="utf-8"), max_size=20)
words = st.text(st.characters(exclude_characters="${}", codec="utf-8"), max_size=10)


@given(texts)
def test_text_without_dollars_stays(text: str) -> None:
    assert substitute(text, {}.get) == text


@given(st.text(max_size=30))
def test_escaping_is_undone(text: str) -> None:
    assert substitute(text.replace("$", "$$"), ENVIRONMENT.get) == text


@given(names, texts, st.one_of(st.none(), texts))
def test_both_forms_mean_the_same(name: str, after: str, value: str | None) -> None:
    known = {} if value is None else {name: value}
    assert substitute(f"${{{name}}}{after}", known.get) == (value or "") + after
    assert substitute(f"${name}-", known.get) == (value or "") + "-"


@given(names, words, st.one_of(st.none(), st.just(""), texts))
def test_default_and_alternate_are_each_others_opposite(name: str, word: str, value: str | None) -> None:
    known = {} if value is None else {name: value}
    for colon, there in (("", value is not None), (":", bool(value))):
        assert substitute(f"${{{name}{colon}-{word}}}", known.get) == (value if there else word)
        assert substitute(f"${{{name}{colon}+{word}}}", known.get) == (word if there else value or "")


@given(names, words, st.integers(1, 8))
def test_defaults_nest_to_any_depth(name: str, word: str, depth: int) -> None:
    text = word
    for level in range(depth):
        text = f"${{{name}{level}:-{text}}}"
    assert substitute(text, {}.get) == word
