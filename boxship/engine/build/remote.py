"""Sources that lie elsewhere: git repositories, files and archives at URLs."""

import hashlib
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import aiohttp

from boxship.base import trust
from boxship.base.errors import Invalid, NotFound, PlatformError
from boxship.engine.build import access
from boxship.engine.build.api import Sources
from boxship.engine.build.progress import Telling
from boxship.engine.build.seams import Parts
from boxship.engine.build.workspace import Workspace
from boxship.engine.images.feed import from_thread
from boxship.engine.images.inflate import is_compressed, plain

CHUNK = 1 << 18
HEAD = 8  # bytes that tell whether something is packed
PATIENCE = 600.0  # seconds for one call of git
_GIT = re.compile(r"^(git://|git@|ssh://)|\.git(#.*)?$|^github\.com/")
_CHECKSUM = re.compile(r"sha(256|384|512):[0-9a-f]{64,128}")


def is_url(text: str) -> bool:
    return text.startswith(("http://", "https://"))


def is_git(text: str) -> bool:
    """Tell whether a source is a git repository: by its scheme, by `.git` at its end, or on github.com."""
    path = text.partition("#")[0].partition("?")[0]
    return bool(_GIT.search(path)) and not text.startswith((".", "/"))


def is_archive(head: bytes) -> bool:
    """Tell by its first 512 bytes whether a file is an archive that ADD takes apart."""
    if not is_compressed(head):
        return head[257:262] == b"ustar"
    position = 0

    def read(size: int) -> bytes:
        nonlocal position
        piece = head[position : position + size]
        position += len(piece)
        return piece

    try:
        return plain(read)(512)[257:262] == b"ustar"
    except Invalid:
        return False


def archive_pieces(path: Path) -> AsyncIterator[bytes]:
    """Yield the plain bytes of an archive, read in a thread."""

    def produce() -> Iterator[bytes]:
        with path.open("rb") as file:
            yield from iter(partial(plain(file.read), CHUNK), b"")

    return from_thread(produce)


async def directory(
    where: str,
    space: Workspace,
    parts: Parts,
    telling: Telling | None = None,
    sources: Sources | None = None,
    *,
    keep_git: bool = False,
) -> Path:
    """Return a directory with a repository, or with what an archive at a URL holds. A URL of anything else is a
    Dockerfile. sources: gives secrets and keys, if anybody does.  Raises NotFound, Invalid."""
    if is_git(where):
        return await clone(where, space, parts, Wish(keep_git=keep_git), sources)
    file = await download(where, space, "", telling, sources)
    root = space.directory("remote")
    with file.open("rb") as opened:
        head = opened.read(1 << 16)
    if is_archive(head):
        await parts.trees.unpack_stream(archive_pieces(file), root)
    else:
        file.rename(root / "Dockerfile")
    return root


async def download(
    url: str, space: Workspace, checksum: str = "", telling: Telling | None = None, sources: Sources | None = None
) -> Path:
    """Fetch a file; it has the URL's last part as its name and, if the server tells, its time of change.
    Raises NotFound, Invalid for a wrong checksum."""
    if checksum and not _CHECKSUM.fullmatch(checksum):
        raise Invalid(f"unsupported checksum {checksum}: want sha256:<hex>")
    name = unquote(urlsplit(url).path.rstrip("/").rpartition("/")[2]) or "download"
    path = space.directory("url") / name.replace("/", "_")
    seen = hashlib.new(checksum.partition(":")[0] or "sha256")
    headers = await access.http(url, sources)
    try:
        connector = aiohttp.TCPConnector(ssl=trust.system())
        session = aiohttp.ClientSession(connector=connector, trust_env=True)
        async with session, session.get(url, headers=headers) as answer:
            if answer.status >= 400:
                raise NotFound(f"failed to load {url}: invalid response status {answer.status}")
            total = answer.content_length or 0
            done = 0
            with path.open("wb") as file:
                async for piece in answer.content.iter_chunked(CHUNK):
                    seen.update(piece)
                    done += file.write(piece)
                    if telling is not None:
                        telling.advanced(f"downloading {name}", done, total)
    except (aiohttp.ClientError, TimeoutError, ValueError) as e:
        raise PlatformError(f"failed to load {url}: {e}") from e
    if checksum and checksum.partition(":")[2] != seen.hexdigest():
        raise Invalid(f"digest mismatch {checksum.partition(':')[0]}:{seen.hexdigest()}: {checksum}")
    path.chmod(0o600)
    return path


class Wish(NamedTuple):
    """How to fetch a repository. keep_git: with its `.git`.  checksum: how its commit must begin."""

    keep_git: bool = False
    checksum: str = ""


class Place(NamedTuple):
    """What `URL#ref:dir` or `URL?ref=…&subdir=…` means."""

    url: str
    ref: str = ""
    below: str = ""
    wish: Wish = Wish()


def split_git(where: str) -> Place:
    """Raises Invalid for a question that is not known."""
    url, _, fragment = where.partition("#")
    ref, _, below = fragment.partition(":")
    url, _, query = url.partition("?")
    wish = Wish()
    for part in filter(None, query.split("&")):
        name, equals, value = part.partition("=")
        match name:
            case "ref" | "branch" | "tag":
                ref = unquote(value)
            case "commit" | "checksum":
                wish = wish._replace(checksum=unquote(value))
            case "subdir":
                below = unquote(value)
            case "keep-git-dir":
                wish = wish._replace(keep_git=not equals or value.lower() in ("1", "true"))
            case _:
                raise Invalid(f"{where}: unknown {name!r}: want ref, branch, tag, commit, subdir or keep-git-dir")
    if url.startswith("github.com/"):
        url = f"https://{url}"
    return Place(url, ref or wish.checksum, below, wish)


async def clone(
    where: str, space: Workspace, parts: Parts, wish: Wish | None = None, sources: Sources | None = None
) -> Path:
    """Fetch a repository at one commit, with its submodules. Nothing in it is run. Raises NotFound, Invalid."""
    place = split_git(where)
    asked = wish or Wish()
    checksums = [each for each in (asked.checksum, place.wish.checksum) if each]
    for text in checksums:
        if not re.fullmatch(r"[0-9a-f]{1,64}", text):
            raise Invalid(f"invalid checksum {text!r} of a repository: want (the beginning of) a commit")
    if place.ref.startswith("-") or place.url.startswith("-"):
        raise Invalid(f"no reference of git: {place.ref or place.url}")
    root = space.directory("git")
    async with access.git(place.url, space, sources) as env:
        git = Git(parts, root, env)
        await git("init", "--quiet")
        await git("remote", "add", "origin", "--", place.url)
        commit = await _fetch(git, place.ref or "HEAD")
        await git("checkout", "--quiet", "--force", "--detach", commit)
        found = await git("rev-parse", "HEAD")
        for text in checksums:
            if not found.startswith(text):
                raise Invalid(f"{where}: expected checksum to match {text}, got {found}")
        if (root / ".gitmodules").exists():
            await git("submodule", "update", "--init", "--recursive", "--depth=1")
    if not (asked.keep_git or place.wish.keep_git):
        parts.trees.trash(root / ".git")
    below = place.below
    if not below:
        return root
    try:
        inside = root / parts.trees.resolve(root, below).lstrip("/")
    except NotFound as e:
        raise NotFound(f"{where}: no directory {below} in the repository") from e
    if not inside.is_dir():
        raise NotFound(f"{where}: {below} is no directory")
    return inside


async def _fetch(git: "Git", ref: str) -> str:
    """Bring one commit as cheaply as the server lets us; return what it is called here. Plain web servers give no
    single commits, and most others none that has no name."""
    everything = ("+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")
    for words in (("--depth=1", "--no-tags", "origin", "--", ref), ("--no-tags", "origin", "--", ref)):
        try:
            await git("fetch", "--quiet", *words)
        except NotFound as e:
            failure = e
        else:
            return "FETCH_HEAD"
    if not re.fullmatch(r"[0-9a-f]{7,64}", ref):
        raise failure
    await git("fetch", "--quiet", "origin", "--", *everything)
    return ref


class Git:
    """Runs git in one directory, away from anybody's configuration, hooks and questions."""

    def __init__(self, parts: Parts, root: Path, env: Mapping[str, str]) -> None:
        self._parts = parts
        self._root = root
        self._env = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(root),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ALLOW_PROTOCOL": "http:https:git:ssh",
            "LC_ALL": "C",
            **env,
        }

    async def __call__(self, *words: str) -> str:
        options = ("-c", "core.hooksPath=/dev/null", "-c", "safe.directory=*")
        done = await self._parts.run(["git", *options, "-C", str(self._root), *words], env=self._env, timeout=PATIENCE)
        if done.code:
            said = done.err.decode(errors="replace").strip().splitlines()
            raise NotFound(f"git {words[0]} failed: {said[-1] if said else f'exit code {done.code}'}")
        return done.out.decode(errors="replace").strip()
