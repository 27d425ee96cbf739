"""Boxship: a container platform. See docs/architecture.md for the floors of the house.

    async with boxship.connect() as engine:
        print((await engine.containers.output("alpine", ["echo", "hello"])).text)

Nothing is imported before it is asked for: the command line starts here too. The types are in __init__.pyi.
"""

__version__ = "0.1.0"

_WHERE = {
    "base.errors": ("Invalid", "NotFound", "PlatformError", "Unavailable"),
    "front.client.api": ("ApiError",),
    "front.client.asynchronous": ("Session",),
    "front.client.wire": ("Tls",),
    "front.python.compose": ("Project",),
    "front.python.containers": ("CommandFailed", "Container"),
    "front.python.engine": ("Engine", "connect"),
    "front.python.ground": ("Network", "Volume"),
    "front.python.shapes": ("Event", "Output"),
}


def __getattr__(name: str) -> object:
    from importlib import import_module

    for module, names in _WHERE.items():
        if name in names:
            return getattr(import_module(f"boxship.{module}"), name)
    raise AttributeError(f"module 'boxship' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*(name for names in _WHERE.values() for name in names), "__version__"]
