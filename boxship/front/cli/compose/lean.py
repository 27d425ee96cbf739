"""msgspec without typing_extensions, whose import would be a third of what a compose command takes.

msgspec asks it for what our Pythons' own typing has, and falls back to that; everybody else still finds it.
"""

import sys


def import_msgspec() -> None:
    if "msgspec" in sys.modules or "typing_extensions" in sys.modules:
        return
    sys.modules["typing_extensions"] = None  # type: ignore[assignment]
    try:
        import msgspec  # noqa: F401
    finally:
        del sys.modules["typing_extensions"]
