"""`import boxship` costs nothing and offers what the types promise."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import boxship

STUB = Path(boxship.__file__).with_suffix(".pyi")


def test_the_import_brings_nothing_along() -> None:
    script = "import sys, boxship; print([n for n in sys.modules if n.startswith(('boxship.', 'aiohttp', 'asyncio'))])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_types_name_what_there_is() -> None:
    tree = ast.parse(STUB.read_text())
    typed = {alias.asname for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert typed | {"__version__"} == set(dir(boxship))
    for name in typed:
        assert getattr(boxship, str(name)).__name__ == name


def test_other_names_are_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'conect'"):
        getattr(boxship, "conect")  # noqa: B009
