"""One daemon for each data root: the lock, the pid file, and word to systemd that we are ready."""

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator

from boxship.base.errors import Conflict


@contextlib.contextmanager
def lock(data_root: str) -> Iterator[None]:
    """Hold `data_root` for ourselves. Raises Conflict naming the daemon that has it.

    The kernel lets go of the lock when we die, however that happens."""
    os.makedirs(data_root, mode=0o711, exist_ok=True)
    fd = os.open(os.path.join(data_root, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.pread(fd, 32, 0).decode().strip() or "unknown"
        os.close(fd)
        raise Conflict(
            f"{data_root} belongs to a running daemon (process {holder}); stop it, or give another --data-root"
        ) from None
    try:
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(fd)


@contextlib.contextmanager
def pidfile(path: str) -> Iterator[None]:
    """Keep our process id in `path`. Raises Conflict if the process named there runs a daemon."""
    _refuse_living(path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(str(os.getpid()))
    try:
        yield
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def _refuse_living(path: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        with open(path) as file:
            pid = int(file.read())
        with open(f"/proc/{pid}/cmdline", "rb") as cmdline:
            words = cmdline.read().split(b"\0")
        if pid != os.getpid() and b"daemon" in words and any(b"boxship" in word for word in words):
            raise Conflict(f"the daemon with process id {pid} has {path}; stop it, or give another --pidfile")


def notify(state: str) -> None:
    """Tell systemd `READY=1`, `STOPPING=1`, `RELOADING=1`; nothing when it does not ask. Source: sd_notify(3)."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock, contextlib.suppress(OSError):
        sock.connect("\0" + address[1:] if address.startswith("@") else address)
        sock.sendall(state.encode())
