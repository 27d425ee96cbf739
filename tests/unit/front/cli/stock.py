"""What the stock command line has, release 28: its commands, their flags, letters and kinds of values."""

import re
from pathlib import Path
from typing import NamedTuple

TABLE = Path(__file__).with_name("stock_28.txt")
_FLAG = re.compile(r"(?:-(\w)/)?--([\w-]+)(?:=(\S+))?")
_HELP = re.compile(r"^\s{2,6}(?:-(\w), )?\s*--([\w-]+)(?: ([\w-]+))?(?:\s{2,}|$)")
LISTS = {"list", "map", "stringArray", "filter", "mount", "network", "ulimit", "stringToString"}
# what our kinds are called where a command line tells the kind of a value
KINDS = {"": "switch", "int": "number", "uint": "number", "uint16": "number", "strings": "words"}


class Stock(NamedTuple):
    short: str
    name: str
    value: str

    @property
    def kind(self) -> str:
        return KINDS.get(self.value, "list" if self.value in LISTS else "text")


def table() -> dict[str, dict[str, Stock]]:
    """Return command -> flag's name -> flag."""
    lines = (line.partition(":") for line in TABLE.read_text().splitlines())
    return {path: {m[2]: Stock(m[1] or "", m[2], m[3] or "") for m in _FLAG.finditer(rest)} for path, _, rest in lines}


def read_help(text: str) -> dict[str, Stock]:
    """Return the flags that a help text of the stock command line shows."""
    _, _, options = text.partition("\nOptions:\n")
    found = [_HELP.match(line) for line in options.splitlines()]
    return {m[2]: Stock(m[1] or "", m[2], m[3] or "") for m in found if m and m[2] != "help"}
