"""Which files of a tree are meant: sources of COPY with their patterns, without what is ignored. For a child process
that has made the tree its root, so that links lead nowhere else."""

import os
import posixpath
import stat
from collections.abc import Iterator
from typing import NamedTuple

from boxship.base.errors import Invalid, NotFound
from boxship.base.patterns import Patterns, State, is_wild, part_pattern


class Wish(NamedTuple):
    """host.api.files.Selection, in what marshal can carry."""

    sources: tuple[str, ...]
    ignore: tuple[str, ...]
    exclude: tuple[str, ...]
    parents: bool


class Found(NamedTuple):
    """One source that was found. path: in the tree, links at its end followed.  name: its last part, as asked for.
    under: with `--parents`, the directories above that are to be kept."""

    path: str
    name: str
    under: str
    seen: os.stat_result


class Item(NamedTuple):
    """One file of a source. below: its path under the source, "" for the source itself."""

    path: str
    below: str
    seen: os.stat_result


class Selector:
    def __init__(self, wish: Wish) -> None:
        self._wish = wish
        self._ignore = Patterns(wish.ignore)
        self._exclude = Patterns(wish.exclude)

    def sources(self) -> list[Found]:
        """Return the sources in the order they were asked for. Raises NotFound naming one that is not there; a pattern
        may mean none, as in `COPY package.json package-lock.json* ./`."""
        return [found for source in self._wish.sources for found in self._source(source)]

    def _source(self, source: str) -> list[Found]:
        pivot, path = "", source
        if self._wish.parents and "/./" in source:
            pivot, _, path = source.rpartition("/./")
        whole = posixpath.normpath("/" + (f"{pivot}/{path}" if pivot else path))
        base = posixpath.normpath("/" + pivot) if pivot else "/"
        if not is_wild(whole):
            return [self._one(whole, base, source)]
        return [self._one(name, base, source) for name in self._expanded(whole) if not self._ignored(name)]

    def _one(self, path: str, base: str, source: str) -> Found:
        try:
            seen = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound(f'"{path}": not found') from None
        except OSError as e:
            raise Invalid(f'"{path}": {e.strerror}') from e
        whole_directory = stat.S_ISDIR(seen.st_mode)
        if self._ignored(path) and not (whole_directory and self._ignore.has_exceptions):
            raise NotFound(f'"{path}": not found')
        if source.endswith("/") and not whole_directory:
            raise NotFound(f'"{path}": not a directory')
        under = posixpath.relpath(path if whole_directory else posixpath.dirname(path), base)
        keep = self._wish.parents and under != "."
        return Found(os.path.realpath(path), posixpath.basename(path), under if keep else "", seen)

    def _expanded(self, pattern: str) -> list[str]:
        """`**` is any number of directories with `--parents`, else the same as `*`."""
        names = ["/"]
        *above, last = pattern.strip("/").split("/")
        for part in above:
            if part == "**" and self._wish.parents:
                names = list(dict.fromkeys(deeper for name in names for deeper in _below(name)))
            else:
                names = [longer for name in names for longer in _matching(name, part)]
        return [longer for name in names for longer in _matching(name, last)]

    def _ignored(self, path: str) -> bool:
        return bool(self._ignore) and path != "/" and self._ignore.match(path.strip("/"))

    def items(self, found: Found) -> Iterator[Item]:
        """Yield a source and all in it, directories before what they hold, names in order."""
        if not stat.S_ISDIR(found.seen.st_mode):
            if not (self._exclude and self._exclude.match(found.name)):
                yield Item(found.path, "", found.seen)
            return
        yield Item(found.path, "", found.seen)
        yield from self._walk(found.path)

    def _walk(self, top: str) -> Iterator[Item]:
        ignored = self._state(top)
        waiting = [(top, "", ignored, self._exclude.nothing)]
        while waiting:
            directory, below, ignore, exclude = waiting.pop()
            deeper = []
            for entry in _entries(directory):
                name = f"{below}/{entry.name}" if below else entry.name
                inner, gone = self._ignore.step(ignore, entry.path.lstrip("/")) if self._ignore else (ignore, False)
                outer, out = self._exclude.step(exclude, name) if self._exclude else (exclude, False)
                seen = entry.stat(follow_symlinks=False)
                directory_too = stat.S_ISDIR(seen.st_mode)
                if not gone and not out:
                    yield Item(entry.path, name, seen)
                if directory_too and self._enter(gone, out):
                    deeper.append((entry.path, name, inner, outer))
            waiting += reversed(deeper)

    def _enter(self, ignored: bool, excluded: bool) -> bool:
        """A directory left out may still hold something that was taken back in."""
        return not (ignored and not self._ignore.has_exceptions) and not (excluded and not self._exclude.has_exceptions)

    def _state(self, top: str) -> State:
        state, parts = self._ignore.nothing, top.strip("/").split("/") if top != "/" else []
        for end in range(1, len(parts) + 1):
            state, _ = self._ignore.step(state, "/".join(parts[:end]))
        return state


def _matching(directory: str, part: str) -> Iterator[str]:
    if not is_wild(part):
        path = posixpath.join(directory, part)
        if os.path.lexists(path):
            yield path
        return
    pattern = part_pattern(part)
    for entry in _entries(directory):
        if pattern.fullmatch(entry.name):
            yield entry.path


def _below(directory: str) -> Iterator[str]:
    """Yield a directory and all directories in it; links lead nowhere."""
    yield directory
    for entry in _entries(directory):
        if entry.is_dir(follow_symlinks=False):
            yield from _below(entry.path)


def _entries(directory: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as found:
            return sorted(found, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []
