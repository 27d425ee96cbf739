"""The only place of compose that looks at files: reading them is all it does."""

import os
import sys
from typing import Protocol

from boxship.base.errors import NotFound


class Files(Protocol):
    """What loading a project needs of the world."""

    cwd: str
    home: str

    def read(self, path: str) -> str:
        """Return the text of a file; "-" is standard input. Raises NotFound naming the file."""
        ...

    def is_file(self, path: str) -> bool: ...
    def is_directory(self, path: str) -> bool: ...
    def real(self, path: str) -> str:
        """Return `path` without symbolic links."""
        ...


class Disk:
    """The real files."""

    def __init__(self) -> None:
        self.cwd = os.getcwd()
        self.home = os.path.expanduser("~")

    def read(self, path: str) -> str:
        if path == "-":
            return sys.stdin.read()
        try:
            with open(path, encoding="utf-8") as file:
                return file.read()
        except (OSError, UnicodeDecodeError) as e:
            reason = e.strerror.lower() if isinstance(e, OSError) and e.strerror else "is not UTF-8 text"
            raise NotFound(f"open {path}: {reason}") from None

    def is_file(self, path: str) -> bool:
        return os.path.exists(path) and not os.path.isdir(path)

    def is_directory(self, path: str) -> bool:
        return os.path.isdir(path)

    def real(self, path: str) -> str:
        return os.path.realpath(path)
