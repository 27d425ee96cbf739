"""Sockets that the daemon listens on: made from `--host`, or taken over from systemd. Decides nothing about HTTP."""

import contextlib
import grp
import os
import socket
import stat
from collections.abc import Sequence
from dataclasses import dataclass

from boxship.base.errors import Invalid, KernelError

FIRST_FD = 3  # sd_listen_fds(3)


@dataclass(frozen=True, slots=True)
class Listener:
    """One bound stream socket. secure: speak TLS on it. path: file to remove at the end, "" for none of ours."""

    sock: socket.socket
    shown: str
    secure: bool = False
    path: str = ""

    def forget(self) -> None:
        """Remove the socket's file, if it is still ours."""
        if self.path:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path)


def open_all(hosts: Sequence[str], group: str, secure: bool) -> list[Listener]:
    """Return a listener for each of `hosts`; closes what it has opened when one fails."""
    with contextlib.ExitStack() as undo:
        found: list[Listener] = []
        for host in hosts:
            for listener in _open(host, group, secure):
                undo.callback(listener.sock.close)
                undo.callback(listener.forget)
                found.append(listener)
        undo.pop_all()
        return found


def _open(host: str, group: str, secure: bool) -> list[Listener]:
    scheme, _, rest = host.partition("://")
    if scheme == "unix":
        return [_unix(rest, group)]
    if scheme == "tcp":
        return [_tcp(rest, secure)]
    return _from_systemd(rest)


def _unix(path: str, group: str) -> Listener:
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    _remove_dead(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    old = os.umask(0o177)
    try:
        sock.bind(path)
    except OSError as e:
        sock.close()
        raise KernelError(f"bind {path}: {e.strerror}") from e
    finally:
        os.umask(old)
    if os.geteuid() == 0:
        os.chown(path, 0, _gid(group))
    os.chmod(path, 0o660)
    return Listener(sock, f"unix://{path}", path=path)


def _remove_dead(path: str) -> None:
    """Remove a socket that nobody listens on. Raises Invalid if somebody does, or if it is no socket."""
    try:
        kind = os.stat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise Invalid(f"host: {path} exists and is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        if probe.connect_ex(path) == 0:
            raise Invalid(f"host: somebody listens on {path} already; give another --host, or stop the other daemon")
    os.unlink(path)


def _gid(group: str) -> int:
    """0 where the group does not exist: then only root may use the socket. A number stands for itself."""
    if group.isdecimal():
        return int(group)
    try:
        return grp.getgrnam(group).gr_gid if group else 0
    except KeyError:
        return 0


def _tcp(address: str, secure: bool) -> Listener:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    wanted = int(port) if port.isdecimal() and host else (2376 if secure else 2375)
    name = host or address
    try:
        family, kind, proto, _, where = socket.getaddrinfo(name, wanted, type=socket.SOCK_STREAM)[0]
        sock = socket.socket(family, kind, proto)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(where)
    except OSError as e:
        raise KernelError(f"bind tcp://{address}: {e.strerror}") from e
    return Listener(sock, f"tcp://{name}:{sock.getsockname()[1]}", secure=secure)


def _from_systemd(name: str) -> list[Listener]:
    """Take over the sockets systemd opened; `fd://NAME` only those called NAME. Source: sd_listen_fds(3)."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        raise Invalid("host: fd:// needs sockets from systemd (LISTEN_FDS); start by boxship.socket, or use unix://")
    count = int(os.environ.get("LISTEN_FDS", "0"))
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    found = []
    for index in range(count):
        called = names[index] if index < len(names) else ""
        if name in ("", "*", called, str(FIRST_FD + index)):
            os.set_inheritable(FIRST_FD + index, False)
            found.append(Listener(socket.socket(fileno=FIRST_FD + index), f"fd://{called or FIRST_FD + index}"))
    if not found:
        raise Invalid(f"host: systemd gave no socket called {name!r}")
    return found
