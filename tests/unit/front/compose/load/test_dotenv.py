"""Files of variables in their three readings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.front.compose.load import dotenv
from boxship.front.compose.load.errors import Unreadable

KNOWN = {"HOME": "/root", "TAG": "1.2"}
MODERN = {
    "bare": ("A=b", {"A": "b"}),
    "spaces around": ("  A = b c  ", {"A": "b c"}),
    "empty": ("A=\nB=", {"A": "", "B": ""}),
    "comments and blank lines": ("# c\n\n  # d\nA=b", {"A": "b"}),
    "comment behind a value": ("A=b # c\nB=b#c\nC= # c", {"A": "b", "B": "b#c", "C": "# c"}),
    "export": ("export A=b\nexport  B=c", {"A": "b", "B": "c"}),
    "yaml style": ("A: b", {"A": "b"}),
    "single quotes": ("A='$TAG \\n \"x\"' # c", {"A": '$TAG \\n "x"'}),
    "escaped single quote": (r"A='it\'s'", {"A": "it's"}),
    "double quotes": ('A="b $TAG ${TAG}" # c', {"A": "b 1.2 1.2"}),
    "escapes": (r'A="a\nb\tc\"d\\e\$TAG\x"', {"A": 'a\nb\tc"d\\e$TAG\\x'}),
    "octal": (r'A="\0101\012"', {"A": "A\\012"}),
    "many lines": ('A="one\ntwo"\nB=c', {"A": "one\ntwo", "B": "c"}),
    "variables of earlier lines": ("A=1\nB=${A}2\nC=${NO:-x}", {"A": "1", "B": "12", "C": "x"}),
    "the environment goes first": ("TAG=9\nB=$TAG", {"TAG": "9", "B": "1.2"}),
    "name alone": ("TAG\nNOTHING\nA=b", {"TAG": "1.2", "A": "b"}),
    "name alone at the end": ("A=b\nTAG", {"A": "b", "TAG": "1.2"}),
    "byte order mark": ("\ufeffA=b", {"A": "b"}),
    "windows lines": ("A=b\r\nB=c\r\n", {"A": "b", "B": "c"}),
    "dots and dashes": ("a.b-c[0]=d", {"a.b-c[0]": "d"}),
    "equals in the value": ("A=b=c", {"A": "b=c"}),
}


@pytest.mark.parametrize(("text", "wanted"), MODERN.values(), ids=MODERN)
def test_modern(text: str, wanted: dict[str, str]) -> None:
    assert dotenv.parse(text, KNOWN.get) == wanted


BROKEN = {
    "no end": ('A=1\nB="x', 'failed to read .env: line 2: unterminated quoted value "x'),
    "odd name": ("A=1\n\nB!=x", 'failed to read .env: line 3: unexpected character "!" in variable name "B!=x"'),
    "space in a name": ("A B=x", "failed to read .env: line 1: key cannot contain a space"),
    "bad variable": ("A=${", 'failed to read .env: line 1: Invalid template: "${"'),
    "missing": ("A=${NO?x}", "failed to read .env: line 1: required variable NO is missing a value: x"),
}


@pytest.mark.parametrize(("text", "said"), BROKEN.values(), ids=BROKEN)
def test_broken(text: str, said: str) -> None:
    with pytest.raises(Unreadable) as caught:
        dotenv.parse(text, KNOWN.get)
    assert str(caught.value) == said


def test_raw_takes_everything_as_it_stands() -> None:
    text = "A=\"x\"\nB=$TAG # c\n#C=1\n D='y'\nTAG\nNO\n"
    assert dotenv.raw(text, KNOWN.get) == {"A": '"x"', "B": "$TAG # c", "D": "'y'", "TAG": "1.2"}


@pytest.mark.parametrize("line", ["A B=1", "=x", "A =1"])
def test_raw_refuses_odd_names(line: str) -> None:
    with pytest.raises(Unreadable, match="line 1"):
        dotenv.raw(line, KNOWN.get)


def test_legacy_keeps_quotes_and_comments() -> None:
    text = "# c\n\nA=\"x\"\nB='y' # c\nC=$TAG\nTAG\nNO\n"
    assert dotenv.legacy(text, KNOWN.get) == {"A": '"x"', "B": "'y' # c", "C": "$TAG", "TAG": "1.2"}


@given(
    st.dictionaries(st.from_regex(r"[A-Z_]{1,5}", fullmatch=True), st.text(st.characters(codec="utf-8"), max_size=20))
)
def test_quoted_values_come_back(values: dict[str, str]) -> None:
    def quoted(value: str) -> str:
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$") + '"'

    text = "\n".join(f"{key}={quoted(value)}" for key, value in values.items())
    assert dotenv.parse(text, {}.get) == values
