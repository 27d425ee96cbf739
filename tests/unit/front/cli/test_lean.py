"""msgspec and PyYAML as compose commands import them: quicker, and whole."""

import subprocess
import sys

SCRIPT = """
from boxship.front.cli.compose.lean import imports
imports()
import re, sys, msgspec, yaml
assert "typing_extensions" not in sys.modules
import typing_extensions
assert isinstance(re.compile("a"), re.Pattern)
assert yaml.safe_load("a: [1, 2020-01-02, 1.5, on]") == yaml.load("a: [1, 2020-01-02, 1.5, on]", yaml.CSafeLoader)
assert yaml.safe_load("a: 1.5") == {"a": 1.5}
try:
    yaml.safe_load("a: \\x01")
except yaml.reader.ReaderError:
    pass
else:
    raise AssertionError("no error")
assert msgspec.json.decode(b"[1]", type=list[int]) == [1]
"""


def test_both_are_whole() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
