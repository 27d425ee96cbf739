"""The helper process that works on trees of files, and the children it forks, one per job.

It is small and has one thread, so that forking is cheap and safe, which the daemon itself is not. Requests come over a
socket, with the descriptors a job works on; each child has what it needs loaded before it changes its root, so
nothing is ever loaded from inside a tree. This module imports little, on purpose: it is what a first job waits for.
"""

import fcntl
import gc
import marshal
import os
import resource
import signal
import socket
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NoReturn

from boxship.base.errors import PlatformError
from boxship.host import syscalls
from boxship.host.jobs import assemble, changes, copy, fingerprint, libarchive, pack, place, select, unpack, usage, ways

CONTROL = 3  # descriptor of the socket requests come from
BIGGEST = 1 << 18  # bytes of a request
MOST_FDS = 8
BEGUN = b"+"  # comes before the answer: who reads it knows that the job was taken up
Answer = tuple[str, Any, int]
"""("", result, 0), or (name of a PlatformError, text, errno)"""


def _unpack(fds: Sequence[int], path: str, rules: tuple[Any, ...]) -> tuple[int, int]:
    source, root = fds
    libarchive.load()
    _enter(root, path)
    return unpack.unpack(source, unpack.Rules(*rules))


def _pack(fds: Sequence[int], path: str, rules: tuple[Any, ...]) -> None:
    sink, root = fds
    _enter(root)
    pack.pack(sink, os.fsencode(path), pack.Rules(*rules))


def _seal(fds: Sequence[int], path: str, rules: tuple[Any, ...]) -> tuple[str, int, int]:
    split, root = fds
    _enter(root)
    with os.fdopen(split, "wb", closefd=False) as file:
        sealed = pack.seal(file, os.fsencode(path), pack.Rules(*rules))
    return sealed.diff_id, sealed.size, sealed.tar_size


def _assemble(fds: Sequence[int], level: int, size: int) -> tuple[str, int]:
    sink, passed, split, root = fds
    packer = assemble.Packer(sink, passed, level, size)
    _enter(root)
    with open(split, "rb", closefd=False) as form:
        assemble.pack(form, packer)
    return packer.digest, packer.size


def _copy(fds: Sequence[int], path: str) -> None:
    root, target = fds
    _enter(root, path)
    copy.copy(b".", target)


def _changes(_: Sequence[int], upper: str, lowers: list[str]) -> list[tuple[str, int]]:
    return changes.changes(upper, lowers)


def _usage(_: Sequence[int], trees: list[str]) -> int:
    return usage.usage(trees)


def _fingerprint(fds: Sequence[int], what: tuple[Any, ...], owned: bool) -> str:
    _enter(fds[0])
    return fingerprint.fingerprint(select.Wish(*what), owned)


def _sources(fds: Sequence[int], what: tuple[Any, ...]) -> list[str]:
    _enter(fds[0])
    found = select.Selector(select.Wish(*what)).sources()
    return [f"{one.path.rstrip('/')}/" if stat.S_ISDIR(one.seen.st_mode) else one.path for one in found]


def _place(fds: Sequence[int], what: tuple[Any, ...], how: tuple[Any, ...]) -> None:
    root, target, *upper = fds
    past = ways.Upper(upper[0], ways.Names()) if upper else None
    _enter(root)
    place.place(select.Wish(*what), place.Rules(*how), target, past)


JOBS: dict[str, Callable[..., Any]] = {
    "unpack": _unpack, "pack": _pack, "seal": _seal, "assemble": _assemble, "copy": _copy, "changes": _changes,
    "usage": _usage,
    "fingerprint": _fingerprint, "sources": _sources, "place": _place,
}  # fmt: skip


def _enter(root: int, path: str = "/") -> None:
    """Make the directory behind the descriptor the root, and `path` in it the working directory. For good: a child
    does one job."""
    os.fchdir(root)
    os.chroot(".")
    os.chdir("/")
    if path not in ("", "/"):
        os.chdir(os.fsencode(path))


def answer(job: str, fds: Sequence[int], arguments: Sequence[Any]) -> Answer:
    """Do a job; whatever goes wrong becomes an answer."""
    try:
        return "", JOBS[job](fds, *arguments), 0
    except PlatformError as e:
        return type(e).__name__, str(e), getattr(e, "code", 0)
    except (FileNotFoundError, NotADirectoryError) as e:
        return "NotFound", _sentence(e), e.errno or 0
    except OSError as e:
        return "KernelError", _sentence(e), e.errno or 0
    except Exception as e:  # the daemon must hear of it; it logs what is a bug
        return "PlatformError", f"{job}: {type(e).__name__}: {e}", 0


def _sentence(error: OSError) -> str:
    name = error.filename
    about = os.fsdecode(name) if isinstance(name, (str, bytes)) else ""
    return f"{about}: {error.strerror or error}".removeprefix(": ")


def _child(control: socket.socket, request: bytes, fds: Sequence[int]) -> NoReturn:
    """Do the request and write its answer. Whoever asked hangs up to end us: the kernel then sends SIGIO."""
    reply, *rest = fds
    try:
        control.close()
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
        fcntl.fcntl(reply, fcntl.F_SETOWN, os.getpid())
        flags = fcntl.fcntl(reply, fcntl.F_GETFL)
        fcntl.fcntl(reply, fcntl.F_SETFL, flags | os.O_ASYNC)
        os.write(reply, BEGUN)
        job, arguments = marshal.loads(request)
        text = memoryview(marshal.dumps(answer(job, rest, arguments)))
        fcntl.fcntl(reply, fcntl.F_SETFL, flags & ~os.O_NONBLOCK)
        while text:
            text = text[os.write(reply, text) :]
    finally:
        os._exit(0)


def main() -> None:
    """Serve requests until the daemon's end of the socket is closed."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel collects our children
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    syscalls.prctl(syscalls.PR_SET_NAME, b"boxship-files")
    control = socket.socket(fileno=CONTROL)
    with suppress(OSError):  # who needs it will say so
        libarchive.load()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    gc.freeze()
    while True:
        request, fds, _, _ = socket.recv_fds(control, BIGGEST, MOST_FDS)
        if not request:
            return
        if os.fork() == 0:
            _child(control, request, fds)
        for fd in fds:
            os.close(fd)
