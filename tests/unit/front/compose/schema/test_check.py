"""What is wrong with a tree, and what may have been meant."""

import pytest

from boxship.front.compose.schema.check import Fault, first_fault, meant
from boxship.front.compose.schema.words import COUNT, TEXT, list_of, mapping, one_of

SHAPE = mapping(("name",), name=TEXT, count=COUNT, parts=list_of(one_of(TEXT, mapping(path=TEXT)), once=True))
FAULTS = {
    "nothing": ({"name": "a", "count": "3", "parts": ["x", {"path": "y"}], "x-own": 1}, None),
    "a key": ({"name": "a", "cuont": 1}, Fault(("cuont",), "(root) Additional property cuont is not allowed", "count")),
    "a kind": ({"name": 1}, Fault(("name",), "name must be a string")),
    "nothing of what has to be": ({}, Fault((), "(root) name is required")),
    "twice": ({"name": "a", "parts": ["x", "x"]}, Fault(("parts", 1), "parts array items[0,1] must be unique")),
    "the deepest first": (
        {"parts": [{"pth": "x"}]},
        Fault(("parts", 0, "pth"), "parts.0 Additional property pth is not allowed", "path"),
    ),
}


@pytest.mark.parametrize(("tree", "fault"), FAULTS.values(), ids=FAULTS)
def test_first_fault(tree: object, fault: Fault | None) -> None:
    assert first_fault(tree, SHAPE) == fault


def test_meant() -> None:
    assert (meant("dbb", ["web", "db"]), meant("zzz", ["web", "db"])) == ("db", "")
