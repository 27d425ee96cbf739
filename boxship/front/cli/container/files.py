"""Verbs that move files: cp, export, commit."""

import base64
import json
import os
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO, Any

from boxship.base.errors import Invalid, NotFound
from boxship.front.cli.command import Command, Session
from boxship.front.cli.container.life import path
from boxship.front.cli.flags import Parsed, many, switch, text
from boxship.front.cli.transfer import told
from boxship.front.client.wire import Reply

CHUNK = 1 << 20
_DIRECTORY = 1 << 31  # Go's os.ModeDir


def export(session: Session, parsed: Parsed) -> None:
    reply = session.client.stream("GET", f"{path(parsed.args[0])}/export")
    save(session, reply, parsed.text("output"))


def save(session: Session, reply: Reply, target: str) -> None:
    """Write a streamed body to a file, whole or not at all, or to our output. Raises Invalid for a terminal."""
    if not target:
        if session.out.isatty():
            raise Invalid("cowardly refusing to save to a terminal. Use the -o flag or redirect")
        sys.stdout.buffer.writelines(told(reply.parts(), session.err, "Receiving"))
        sys.stdout.buffer.flush()
        return
    folder = os.path.dirname(os.path.abspath(target))
    if not os.path.isdir(folder):
        raise Invalid(f'failed to save: invalid output path: directory "{folder}" does not exist')
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".boxship-", delete=False) as file:
        try:
            file.writelines(told(reply.parts(), session.err, "Receiving"))
            os.replace(file.name, target)
        except BaseException:
            os.unlink(file.name)
            raise


def commit(session: Session, parsed: Parsed) -> None:
    from boxship.front.cli.progress import from_image

    ref, *name = parsed.args
    target = from_image(name[0]) if name else {}
    query = {
        "container": ref,
        "repo": target.get("fromImage"),
        "tag": target.get("tag"),
        "comment": parsed.text("message"),
        "author": parsed.text("author"),
        "changes": list(parsed.many("change")),
        "pause": "1" if parsed.on("pause") else "0",
    }
    session.say(session.client.post("/commit", query, {})["Id"])


def cp(session: Session, parsed: Parsed) -> None:
    """Copy one way; one side is CONTAINER:PATH, `-` is a tar stream."""
    source, target = parsed.args
    inside, outside = _split(source), _split(target)
    if inside and outside:
        raise Invalid("copying between containers is not supported")
    if inside:
        _copy_out(session, *inside, target, parsed)
    elif outside:
        _copy_in(session, source, *outside, parsed)
    else:
        raise Invalid("must specify at least one container source, as in web:/etc/hosts")


def _split(word: str) -> tuple[str, str] | None:
    """Return container and path of `NAME:PATH`; None for a local path, which may hold a colon behind ./ or /."""
    name, colon, inside = word.partition(":")
    return (name, inside) if colon and name and not name.startswith((".", "/")) else None


def _stat(session: Session, ref: str, inside: str) -> dict[str, Any] | None:
    """Return the daemon's stat of a path, None when it does not exist."""
    from boxship.front.client.api import ApiError

    try:
        reply = session.client.stream("HEAD", f"{path(ref)}/archive", {"path": inside})
    except ApiError as error:
        if error.code != 404:
            raise
        session.client.get(f"{path(ref)}/json")  # the container itself must exist
        return None
    found: dict[str, Any] = json.loads(base64.b64decode(reply.headers["x-docker-container-path-stat"]))
    return found


def _copy_out(session: Session, ref: str, inside: str, target: str, parsed: Parsed) -> None:
    stat = _stat(session, ref, inside)
    if stat and parsed.on("follow-link") and stat.get("linkTarget"):
        inside = os.path.join(os.path.dirname(inside), stat["linkTarget"])
    reply = session.client.stream("GET", f"{path(ref)}/archive", {"path": inside})
    if target == "-":
        save(session, reply, "")
        return
    with tarfile.open(fileobj=_Stream(reply.parts()), mode="r|") as archive:  # type: ignore[call-overload]
        _unpack(archive, inside, target, keep_owners=parsed.on("archive"))
    if not parsed.on("quiet") and sys.stderr.isatty():
        session.warn(f"Successfully copied to {target}")


def _unpack(archive: tarfile.TarFile, inside: str, target: str, *, keep_owners: bool) -> None:
    """Place the archive's one top entry as `cp -a` would: into a directory that exists, else under the new name.
    Nothing leaves the target, whatever the container put into its files. Raises Invalid, NotFound."""
    archive.extraction_filter = lambda member, path: member  # we look ourselves: Python 3.11.2 has no filters
    contents = inside.endswith("/.") or inside == "."
    root, name = (target, "") if contents or os.path.isdir(target) else os.path.split(target.rstrip("/"))
    if contents:
        os.makedirs(target, exist_ok=True)
    if root and not os.path.isdir(root):
        raise NotFound(f"invalid output path: directory {root!r} does not exist")
    for entry in archive:
        top, _, rest = entry.name.lstrip("./").partition("/") if not contents else ("", "", entry.name)
        entry.name = os.path.join(*(part for part in (name or top, rest) if part)) if name or top or rest else "."
        if entry.islnk() and (name or contents):
            _, _, linked = entry.linkname.partition("/")
            entry.linkname = os.path.join(name, linked) if name else linked
        if not keep_owners:
            entry.uid, entry.gid = os.getuid(), os.getgid()
        _refuse_escape(root or ".", entry)
        archive.extract(entry, root or ".", numeric_owner=True)


def _refuse_escape(root: str, entry: tarfile.TarInfo) -> None:
    """Raise Invalid for an entry that would be written, or a hard link that would lead, outside of `root`. Symbolic
    links are made as they are; what is to be written through one that leads out is refused here."""
    home = os.path.realpath(root)
    for name in (entry.name, entry.linkname) if entry.islnk() else (entry.name,):
        place = os.path.realpath(os.path.join(home, os.path.dirname(name)))
        if os.path.commonpath([home, place]) != home or os.path.basename(name) == "..":
            raise Invalid(f"the container's archive has an entry that leads out of {root}: {name!r}")


class _Stream:
    """The pieces of an answer as a file to read."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._held = b""

    def read(self, size: int) -> bytes:
        while len(self._held) < size and (piece := next(self._parts, b"")):
            self._held += piece
        part, self._held = self._held[:size], self._held[size:]
        return part


def _copy_in(session: Session, source: str, ref: str, inside: str, parsed: Parsed) -> None:
    where = f"{path(ref)}/archive"
    if source == "-":
        session.client.stream("PUT", where, {"path": inside}, body=_chunks(sys.stdin.buffer)).body()
        return
    local = os.path.realpath(source) if parsed.on("follow-link") else source.rstrip("/") or "/"
    if not os.path.lexists(local):
        raise NotFound(f"lstat {source}: no such file or directory")
    folder, name = _destination(session, ref, inside, source, local)
    query = {"path": folder, "noOverwriteDirNonDir": True, "copyUIDGID": parsed.on("archive")}
    headers = {"Content-Type": "application/x-tar"}
    session.client.stream("PUT", where, query, body=_packed(local, name, source), headers=headers).body()
    if not parsed.on("quiet") and sys.stderr.isatty():
        session.warn(f"Successfully copied to {ref}:{inside}")


def _destination(session: Session, ref: str, inside: str, source: str, local: str) -> tuple[str, str]:
    """Return the directory to unpack in and the name the top entry gets, as `cp -a` would choose. Raises Invalid."""
    stat = _stat(session, ref, inside)
    if stat and stat.get("linkTarget"):
        inside = os.path.join(os.path.dirname(inside), stat["linkTarget"])
        stat = _stat(session, ref, inside)
    is_folder = os.path.isdir(local)
    if stat and stat["mode"] & _DIRECTORY:
        return inside, "." if is_folder and source.endswith("/.") else os.path.basename(os.path.abspath(local))
    if stat and is_folder:
        raise Invalid("cannot copy directory")
    if not stat and inside.endswith("/") and not is_folder:
        raise Invalid("no such directory")
    folder, name = os.path.split(inside.rstrip("/"))
    return folder or "/", name


def _packed(local: str, name: str, source: str) -> Iterator[bytes]:
    """Yield a tar of `local` with `name` on top, made by a thread while it is sent."""
    import threading

    reading, writing = os.pipe()

    def pack() -> None:
        with open(writing, "wb") as pipe, tarfile.open(fileobj=pipe, mode="w|", format=tarfile.PAX_FORMAT) as archive:
            archive.add(local, arcname=name)

    thread = threading.Thread(target=pack, daemon=True)
    thread.start()
    with open(reading, "rb") as pipe:
        yield from _chunks(pipe)
    thread.join()


def _chunks(file: IO[bytes]) -> Iterable[bytes]:
    while data := file.read(CHUNK):
        yield data


COMMANDS = {
    "commit": Command(
        "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
        commit,
        (
            text("author", "a", "Who made it"),
            many("change", "c", "Apply a Dockerfile instruction"),
            text("message", "m", "What it is"),
            switch("pause", "p", "Pause the container meanwhile", True),
        ),
        1,
        2,
    ),
    "cp": Command(
        "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n        boxship cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
        cp,
        (
            switch("archive", "a", "Keep owners"),
            switch("follow-link", "L", "Copy what a symbolic link points to"),
            switch("quiet", "q", "Do not tell progress"),
        ),
        2,
        2,
        examples="boxship cp web:/etc/nginx.conf .\nboxship cp site/. web:/www",
    ),
    "export": Command("[OPTIONS] CONTAINER", export, (text("output", "o", "Write to this file"),), 1, 1),
}
