"""A root file system with further directories mounted in it, which nobody else on the host sees.

A thread in a mount namespace of its own holds it. When the thread ends, nothing of it is left, however it ends.
"""

import errno
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import msgspec

from boxship.base.errors import KernelError
from boxship.host import syscalls
from boxship.host.credentials import Owner, acting_as


class Shown(msgspec.Struct, frozen=True):
    """One directory or file of the host that appears in the view. target: absolute, links in it stay in the root."""

    source: str
    target: str


@contextmanager
def view(root: Path, shown: Sequence[Shown], owner: Owner | None = None) -> Iterator[Path]:
    """Give a path that leads to `root` with all of `shown` in it, good for this process and its children.
    owner: of mount points that are made; None is us.

    A missing mount point is made, in `root` itself, as starting a container would; a source that is missing is left
    out. Waits some milliseconds: for a thread. Raises KernelError.
    """
    ready: Future[int] = Future()
    over = threading.Event()
    thread = threading.Thread(target=_hold, args=(root, shown, owner, ready, over), name="view", daemon=True)
    thread.start()
    try:
        yield Path(f"/proc/{os.getpid()}/task/{ready.result()}/root")
    finally:
        over.set()
        thread.join()


def _hold(root: Path, shown: Sequence[Shown], owner: Owner | None, ready: "Future[int]", over: threading.Event) -> None:
    try:
        syscalls.unshare(syscalls.CLONE_FS | syscalls.CLONE_NEWNS)
        syscalls.mount(None, "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)
        with acting_as(owner):
            _assemble(root, shown)
    except BaseException as error:
        ready.set_exception(error)
        return
    ready.set_result(threading.get_native_id())
    over.wait()


def _assemble(root: Path, shown: Sequence[Shown]) -> None:
    """Make the root and what is shown in it this thread's whole world; let all other mounts go."""
    copy = syscalls.open_tree(root, syscalls.OPEN_TREE_CLONE)
    try:
        syscalls.move_mount(copy, root)
    finally:
        os.close(copy)
    os.chdir(root)
    for one in shown:
        if os.path.exists(one.source):
            _show(one)
    syscalls.pivot_root(".", ".")
    syscalls.umount2(".", syscalls.MNT_DETACH)
    os.chdir("/")


def _show(one: Shown) -> None:
    """Mount at the target below the working directory, which is the root."""
    root = os.open(".", os.O_PATH | os.O_DIRECTORY)
    try:
        target = mount_point(root, one.target, os.path.isdir(one.source))
        try:
            syscalls.mount(one.source, f"/proc/thread-self/fd/{target}", None, syscalls.MS_BIND | syscalls.MS_REC)
        finally:
            os.close(target)
    finally:
        os.close(root)


def mount_point(root: int, path: str, directory: bool) -> int:
    """Return a descriptor of `path`, made with all directories above if it is not there."""
    parts = [part for part in path.split("/") if part]
    for depth in range(1, len(parts) + 1):
        name = "/".join(parts[:depth])
        try:
            os.close(_inside(root, name))
        except KernelError as error:
            if error.code != errno.ENOENT:
                raise
            _make(root, "/".join(parts[: depth - 1]), parts[depth - 1], directory or depth < len(parts))
    return _inside(root, "/".join(parts) or ".")


def _make(root: int, above: str, name: str, directory: bool) -> None:
    parent = _inside(root, above or ".")
    try:
        if directory:
            os.mkdir(name, 0o755, dir_fd=parent)
        else:
            os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o644, dir_fd=parent))
    except OSError as e:
        raise KernelError(f"make mount point {above}/{name}: {e.strerror}", e.errno or 0) from e
    finally:
        os.close(parent)


def _inside(root: int, path: str) -> int:
    return syscalls.openat2(root, path, os.O_PATH, resolve=syscalls.RESOLVE_IN_ROOT)
