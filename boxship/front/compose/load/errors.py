"""What is wrong with a compose file, and where. Pure."""

from boxship.base.errors import Invalid

Path = tuple[str | int, ...]


class Wrong(Invalid):
    """Something about the key at `path` is wrong; whoever knows the files turns it into an error with file and line."""

    def __init__(self, text: str, path: Path = ()) -> None:
        super().__init__(text)
        self.path = path


class Unreadable(Invalid):
    """A file is no YAML, or none that compose reads. The text already names file and line."""


def dotted(path: Path) -> str:
    """Return `services.web.ports.0`, the way compose names a key."""
    return ".".join(str(part) for part in path)
