"""msgspec and PyYAML, imported for a fraction of the time: without typing_extensions, whose import would be a third of
what a compose command takes, and without compiling patterns that only their own parsers in Python would use.

Both stay whole: msgspec falls back to what our Pythons' own typing has, and a pattern is compiled when it is used.
"""

import re
import sys
from typing import Any

_compile = re.compile


class _Later:
    """A pattern that is compiled at its first use."""

    def __init__(self, *given: Any) -> None:
        self._given = given

    def __getattr__(self, name: str) -> Any:
        return getattr(_compile(*self._given), name)


def imports() -> None:
    """Import both where nobody has; to be called while there is one thread."""
    if "msgspec" not in sys.modules and "typing_extensions" not in sys.modules:
        sys.modules["typing_extensions"] = None  # type: ignore[assignment]
        try:
            import msgspec  # noqa: F401
        finally:
            del sys.modules["typing_extensions"]
    if "yaml" not in sys.modules:
        re.compile = _Later  # type: ignore[assignment]
        try:
            import yaml  # noqa: F401
        finally:
            re.compile = _compile
