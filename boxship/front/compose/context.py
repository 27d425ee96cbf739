"""A build context as a tar archive, without what .dockerignore leaves out. Reads files, never all at once."""

import os
import re
import tarfile
from collections.abc import Iterator, Sequence
from io import BytesIO, RawIOBase
from typing import Any

from boxship.base.errors import NotFound
from boxship.front.compose.model import Build

CHUNK = 256 * 1024
INSIDE = ".boxship.dockerfile"  # a Dockerfile that is not in the context


def outside(wanted: Build) -> bool:
    """Whether the Dockerfile is not a file of the context."""
    path = os.path.normpath(os.path.join(wanted.context, wanted.dockerfile or "Dockerfile"))
    return bool(wanted.dockerfile_inline) or not path.startswith(os.path.join(os.path.normpath(wanted.context), ""))


def archive(root: str, dockerfile: str, inline: str = "") -> Iterator[bytes]:
    """Yield the archive of the directory. Raises NotFound without directory or Dockerfile."""
    if not os.path.isdir(root):
        raise NotFound(f"unable to prepare context: path {root!r} not found".replace("'", '"'))
    path = os.path.normpath(os.path.join(root, dockerfile))
    if not inline and not os.path.isfile(path):
        raise NotFound(f"failed to read dockerfile: open {path}: no such file or directory")
    inside = not inline and path.startswith(os.path.join(os.path.normpath(root), ""))
    return _packed(root, path, inline, inside=inside)


def _packed(root: str, path: str, inline: str, *, inside: bool) -> Iterator[bytes]:
    sink = _Sink()
    kept = {".dockerignore", os.path.relpath(path, root)} if inside else {".dockerignore"}
    with tarfile.open(fileobj=sink, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for name in selected(root, rules(_ignored(root, path)), kept):
            tar.add(os.path.join(root, name), name, recursive=False, filter=_plain)
            yield from sink.taken()
        if not inside:
            content = inline.encode() if inline else _read(path)
            entry = tarfile.TarInfo(INSIDE)
            entry.size, entry.mode = len(content), 0o644
            tar.addfile(entry, BytesIO(content))
    yield from sink.taken()


class _Sink(RawIOBase):
    """Where tarfile writes to; we take it away in pieces."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def taken(self) -> Iterator[bytes]:
        parts, self._parts = self._parts, []
        if parts:
            yield b"".join(parts)


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Who owns a file here means nothing in an image."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _ignored(root: str, dockerfile: str) -> str:
    """`Dockerfile.dockerignore` beside the Dockerfile wins over `.dockerignore`."""
    for path in (f"{dockerfile}.dockerignore", os.path.join(root, ".dockerignore")):
        if os.path.isfile(path):
            return _read(path).decode()
    return ""


Rule = tuple[bool, "re.Pattern[str]"]


def rules(text: str) -> tuple[Rule, ...]:
    """Return (leave out?, pattern) for each line; later ones win."""
    found = []
    for line in text.lstrip("\ufeff").splitlines():
        word = line.strip()
        if not word or word.startswith("#"):
            continue
        out = not word.startswith("!")
        word = os.path.normpath(word.lstrip("!").strip()).strip("/")
        if word != ".":
            found.append((out, re.compile(_expression(word))))
    return tuple(found)


def _expression(pattern: str) -> str:
    """`*` stays in one directory, `**` does not; a match takes everything below along."""
    out, i = "", 0
    while i < len(pattern):
        if pattern.startswith("**/", i):
            out, i = out + "(?:.*/)?", i + 3
        elif pattern.startswith("**", i):
            out, i = out + ".*", i + 2
        elif pattern[i] == "*":
            out, i = out + "[^/]*", i + 1
        elif pattern[i] == "?":
            out, i = out + "[^/]", i + 1
        elif pattern[i] == "[" and "]" in pattern[i + 1 :]:
            end = pattern.index("]", i + 1)
            out, i = out + pattern[i : end + 1].replace("[!", "[^"), end + 1
        else:
            out, i = out + re.escape(pattern[i]), i + 1
    return f"^{out}(?:/.*)?$"


def left_out(name: str, found: Sequence[Rule]) -> bool:
    result = False
    for out, pattern in found:
        if pattern.match(name):
            result = out
    return result


def selected(root: str, found: Sequence[Rule], kept: set[str]) -> Iterator[str]:
    """Yield paths of the context, relative, parents before children, in order of names."""
    comes_back = any(not out for out, _ in found)

    def walk(folder: str) -> Iterator[str]:
        with os.scandir(os.path.join(root, folder)) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
        for entry in entries:
            name = f"{folder}/{entry.name}" if folder else entry.name
            gone = left_out(name, found) and name not in kept
            if not gone:
                yield name
            if entry.is_dir(follow_symlinks=False) and (not gone or comes_back or _leads(name, kept)):
                yield from walk(name)

    yield from walk("")


def _leads(folder: str, kept: set[str]) -> bool:
    return any(name.startswith(f"{folder}/") for name in kept)
