"""User namespaces: made with a map of ids, found by what they own, put behind views of file trees.

A namespace lives as long as somebody holds a descriptor, a mount or a process of it. To make one takes a process of
its own, since the kernel lets no thread of ours enter one; util-linux has the program.
"""

import fcntl
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from boxship.base.errors import KernelError, Unsupported
from boxship.base.facts import IdMap
from boxship.host import mounts

NS_GET_USERNS = 0xB701  # ioctl_nsfs(2)
_WAITING = ("sh", "-c", "echo; read line")  # tells that it is there, and ends when we hang up
_KERNEL = "Linux 5.19 or later, and a file system as ext4, xfs or btrfs (tmpfs from Linux 6.3 on)"


def network_space(uid_map: Sequence[IdMap], gid_map: Sequence[IdMap]) -> int:
    """Return a descriptor of a new network namespace, owned by a new user namespace with these maps."""
    with _process("unshare", "--user", "--net", "--") as pid:
        _write_maps(pid, uid_map, gid_map)
        return os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def network_space_beside(path: str) -> int:
    """Return a descriptor of a new network namespace, owned by the user namespace that owns the one at `path`."""
    with owner(path) as users:
        enter = f"--user=/proc/{os.getpid()}/fd/{users}"
        with _process("nsenter", enter, "unshare", "--net", "--") as pid:
            return os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)


@contextmanager
def owner(path: str) -> Iterator[int]:
    """Give a descriptor of the user namespace that owns the namespace at `path`. Raises KernelError."""
    try:
        space = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as e:
        raise KernelError(f"open {path}: {e.strerror}", e.errno or 0) from e
    try:
        users = fcntl.ioctl(space, NS_GET_USERNS)
    except OSError as e:
        raise KernelError(f"user namespace of {path}: {e.strerror}", e.errno or 0) from e
    finally:
        os.close(space)
    try:
        yield users
    finally:
        os.close(users)


def is_ours(users: int) -> bool:
    """Tell whether a user namespace is the one that we are in."""
    return os.readlink(f"/proc/self/fd/{users}") == os.readlink("/proc/self/ns/user")


def show_mapped(source: str, target: str, uid_map: Sequence[IdMap], gid_map: Sequence[IdMap]) -> None:
    """Let `source` appear at `target` with ids translated: what is 0 on disk is there what 0 is mapped to, and what
    is written there comes to disk untranslated. Nothing happens if it is there already.
    Raises Unsupported where kernel or file system cannot."""
    if mounts.is_mounted(target):
        return
    os.makedirs(target, mode=0o711, exist_ok=True)
    try:
        bind_mapped(source, target, uid_map, gid_map)
    except Unsupported as e:
        raise Unsupported(f"userns-remap: {e}") from e


def bind_mapped(source: str, target: str, uid_map: Sequence[IdMap], gid_map: Sequence[IdMap]) -> None:
    """Bind one mount so that what is `container` on disk is `host` there, and the reverse when it is written; ids of
    no map are nobody's. Raises Unsupported where kernel or file system cannot."""
    with _process("unshare", "--user", "--") as pid:
        _write_maps(pid, uid_map, gid_map)
        users = os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    try:
        mounts.bind(source, target, id_map=users)
    except KernelError as e:
        raise Unsupported(f"ids cannot be mapped below {source}: {e} (want {_KERNEL})") from e
    finally:
        os.close(users)


@contextmanager
def _process(*command: str) -> Iterator[int]:
    """Run a program in new namespaces until the block ends; give its process id."""
    words = (*command, *_WAITING)
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        if child.stdout.read(1) != b"\n":
            raise KernelError(child.stderr.read().decode(errors="replace").strip() or f"{command[0]} ended early")
        try:
            yield child.pid
        finally:
            child.stdin.close()


def _write_maps(pid: int, uid_map: Sequence[IdMap], gid_map: Sequence[IdMap]) -> None:
    for name, id_map in (("uid_map", uid_map), ("gid_map", gid_map)):
        text = "\n".join(f"{m.container} {m.host} {m.size}" for m in id_map)
        try:
            with open(f"/proc/{pid}/{name}", "w") as file:
                file.write(text)
        except OSError as e:
            raise KernelError(f"write {name}: {e.strerror}", e.errno or 0) from e
