"""Programs beside ours that compose works with: where they are, and what they say line by line while they run."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence

from boxship.base.errors import NotFound, PlatformError

PLUGINS = (
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)


def plugin(name: str, environ: Mapping[str, str]) -> str:
    """Return the path of the docker CLI's plugin of this name, "" without one."""
    home = environ.get("DOCKER_CONFIG") or os.path.join(environ.get("HOME", "/root"), ".docker")
    for folder in (os.path.join(home, "cli-plugins"), *PLUGINS):
        path = os.path.join(folder, f"docker-{name}")
        if os.access(path, os.X_OK) and not os.path.isdir(path):
            return path
    return ""


def find(name: str, environ: Mapping[str, str]) -> str:
    """Return the path of a plugin, else of a program in PATH. Raises NotFound saying where it was looked for."""
    found = plugin(name, environ) or shutil.which(name, path=environ.get("PATH"))
    if not found:
        raise NotFound(f"{name}: there is neither a docker CLI plugin docker-{name} nor a program {name} in PATH")
    return found


def lines(words: Sequence[str], environ: Mapping[str, str]) -> Iterator[bytes]:
    """Run a program without input; yield each line of its output as it comes.

    Raises PlatformError with the end of what it complained of when it ends with another code than 0, or cannot run."""
    with tempfile.TemporaryFile() as complaints:
        pid, output = _spawned(words, environ, complaints.fileno())
        try:
            with open(output, "rb") as source:
                yield from source
        finally:
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if code:
            complaints.seek(0)
            said = complaints.read().decode(errors="replace").strip()[-1000:]
            raise PlatformError(f"{os.path.basename(words[0])} ended with {code}{f': {said}' if said else ''}")


def _spawned(words: Sequence[str], environ: Mapping[str, str], errors: int) -> tuple[int, int]:
    """Return the process's id and the end of its output that is ours to read."""
    ours, theirs = os.pipe()
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, theirs, 1),
        (os.POSIX_SPAWN_DUP2, errors, 2),
    ]
    try:
        return os.posix_spawnp(words[0], list(words), dict(environ), file_actions=actions), ours
    except OSError as error:
        os.close(ours)
        raise PlatformError(f"{words[0]}: {error.strerror}") from error
    finally:
        os.close(theirs)


def output(words: Sequence[str], environ: Mapping[str, str]) -> str:
    """Return all that a program says. Raises PlatformError."""
    return b"".join(lines(words, environ)).decode(errors="replace")
