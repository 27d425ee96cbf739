"""Compose files in git repositories: `URL[#REF[:PATH]]`, fetched by git and kept by commit.

Source: docker compose, pkg/remote/git.go; BuildKit, git contexts.
"""

import os
import re
import shutil
from collections.abc import Mapping
from typing import NamedTuple

from boxship.base.errors import Invalid, NotFound
from boxship.front.client import program
from boxship.front.compose.load.options import NAMES

_SCHEMES = ("http://", "https://", "git://", "ssh://")
_COMMIT = re.compile(r"[0-9a-f]{40}")
WISHES = {"GIT_TERMINAL_PROMPT": "0", "GIT_SSH_COMMAND": "ssh -o ControlMaster=no -o BatchMode=yes"}


class Source(NamedTuple):
    """url: what git is told. ref: branch, tag or commit, HEAD for the default. path: inside, "" for the top."""

    url: str
    ref: str
    path: str

    @property
    def name(self) -> str:
        return self.url.rstrip("/").rpartition("/")[2].rpartition(":")[2].removesuffix(".git") or "repository"


def parse(text: str) -> Source:
    """Return what a remote name means. Raises Invalid for what is no repository. Pure."""
    url, _, rest = text.partition("#")
    ref, _, path = rest.partition(":")
    if url.startswith("github.com/"):
        url = f"https://{url}"
    if url.startswith(("http://", "https://")) and not url.endswith(".git"):
        if not url.startswith("https://github.com/"):
            raise Invalid(f"{text}: no git repository: want an URL that ends in .git")
    elif not url.startswith((*_SCHEMES, "git@")):
        raise Invalid(f"{text}: no git repository: want https://, ssh://, git:// or git@")
    if ref.startswith("-") or any(part == ".." for part in path.split("/")) or path.startswith("/"):
        raise Invalid(f"{text}: want #REF:PATH, with a path that stays inside the repository")
    return Source(url, ref or "HEAD", path)


def fetched(text: str, cache: str, environ: Mapping[str, str]) -> str:
    """Return the path of the compose file that a remote name means; asks the repository each time for the commit.

    Raises Invalid, NotFound, PlatformError with git's own words."""
    source = parse(text)
    told = {**WISHES, **environ}
    commit = source.ref if _COMMIT.fullmatch(source.ref) else _commit(source, told)
    folder = os.path.join(cache, commit, source.name)
    if not os.path.isdir(folder):
        _check_out(source, commit, folder, told)
    return _inside(folder, source, text)


def _commit(source: Source, environ: Mapping[str, str]) -> str:
    """Return what the ref stands for: a branch before a tag, a tag's commit before the tag itself."""
    said = program.output(("git", "ls-remote", "--", source.url), environ)
    pairs = (line.partition("\t") for line in said.splitlines())
    found = {name: commit for commit, _, name in pairs}
    for name in ("refs/heads/{}", "refs/tags/{}^{{}}", "refs/tags/{}", "{}"):
        if commit := found.get(name.format(source.ref)):
            return commit
    raise NotFound(f"{source.url}: the repository has no {source.ref}")


def _check_out(source: Source, commit: str, folder: str, environ: Mapping[str, str]) -> None:
    """Others may read the same commit at this moment: whole or not at all."""
    part = f"{folder}.{os.getpid()}"
    os.makedirs(part, mode=0o700)
    try:
        for words in (
            ("init", "--quiet"),
            ("fetch", "--quiet", "--depth=1", "--", source.url, commit),
            ("checkout", "--quiet", "--detach", "FETCH_HEAD"),
        ):
            program.output(("git", "-C", part, *words), environ)
        os.rename(part, folder)
    except OSError:
        if not os.path.isdir(folder):
            raise
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _inside(folder: str, source: Source, text: str) -> str:
    path = os.path.normpath(os.path.join(folder, source.path))
    names = [os.path.join(path, name) for name in NAMES] if os.path.isdir(path) else [path]
    for name in names:
        if os.path.isfile(name):
            if not os.path.realpath(name).startswith(f"{os.path.realpath(folder)}/"):
                raise Invalid(f"{text}: {source.path or os.path.basename(name)} points out of the repository")
            return name
    raise NotFound(f"{text}: no compose file there (looked for {', '.join(map(os.path.basename, names))})")
