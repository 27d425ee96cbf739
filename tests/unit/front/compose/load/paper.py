"""Files that are only on paper, for loading without a disk."""

import posixpath
from pathlib import Path

from boxship.base.errors import NotFound, Unsupported
from boxship.front.compose.load import Loaded, Options, load
from boxship.front.compose.model import Project


class Paper:
    """Texts by absolute path; directories are what paths imply."""

    def __init__(self, files: dict[str, str], cwd: str = "/app") -> None:
        self.files = {posixpath.join(cwd, name) if name != "-" else name: text for name, text in files.items()}
        self.cwd = cwd
        self.home = "/home/u"

    def read(self, path: str) -> str:
        if path not in self.files:
            raise NotFound(f"open {path}: no such file or directory")
        return self.files[path]

    def is_file(self, path: str) -> bool:
        return path in self.files

    def is_directory(self, path: str) -> bool:
        return any(name.startswith(f"{path}/") for name in self.files)

    def real(self, path: str) -> str:
        return path

    def fetched(self, name: str) -> tuple[str, ...]:
        raise Unsupported(f"{name}: files of other machines are not read")


class Moved:
    """The files below `real`, pretending to be below `shown`."""

    home = "/home/u"

    def __init__(self, real: Path, shown: str) -> None:
        self._real = real
        self._shown = shown
        self.cwd = shown

    def _path(self, path: str) -> Path:
        return self._real / posixpath.relpath(path, self._shown)

    def read(self, path: str) -> str:
        return self._path(path).read_text()

    def is_file(self, path: str) -> bool:
        return self._path(path).is_file()

    def is_directory(self, path: str) -> bool:
        return self._path(path).is_dir()

    def real(self, path: str) -> str:
        return path

    def fetched(self, name: str) -> tuple[str, ...]:
        raise Unsupported(f"{name}: files of other machines are not read")


def loaded(files: str | dict[str, str], environ: dict[str, str] | None = None, /, **options: object) -> Loaded:
    """Load a project from texts; one text alone is compose.yaml."""
    texts = {"compose.yaml": files} if isinstance(files, str) else files
    services = tuple(options.pop("services", ()))  # type: ignore[call-overload]
    return load(Options(**options), environ or {}, Paper(texts), services)  # type: ignore[arg-type]


def project(files: str | dict[str, str], environ: dict[str, str] | None = None, /, **options: object) -> Project:
    return loaded(files, environ, **options).project
