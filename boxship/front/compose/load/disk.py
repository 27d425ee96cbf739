"""The only place of compose that looks at files: reading them is all it does."""

import os
import sys
from collections.abc import Callable
from typing import Protocol

from boxship.base.errors import NotFound, Unsupported


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

    def fetched(self, name: str) -> tuple[str, ...]:
        """Return local files, absolute, that hold what an `oci://` or git name means. Raises PlatformError."""
        ...


class Disk:
    """The real files."""

    def __init__(self, fetch: Callable[[str], tuple[str, ...]] | None = None) -> None:
        """fetch: brings what lies elsewhere; without it there is only what is here."""
        self._fetch = fetch
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

    def fetched(self, name: str) -> tuple[str, ...]:
        if self._fetch is None:
            raise Unsupported(f"{name}: files of other machines are not read; fetch it and name the local file")
        return self._fetch(name)
