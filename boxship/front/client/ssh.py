"""`ssh://[user@]host[:port][/socket]`: ssh runs `system dial-stdio` there, whose two streams are the connection."""

import os
import socket
from urllib.parse import unquote, urlsplit

from boxship.base.errors import Invalid

CONNECT_TIMEOUT = 30  # seconds, as docker's own client waits


def command(rest: str) -> tuple[str, ...]:
    """Return the words to spawn for what follows `ssh://`. Raises Invalid."""
    url = urlsplit(f"ssh://{rest}")
    try:
        port = url.port
    except ValueError as e:
        raise Invalid(f"unable to parse docker host `ssh://{rest}`: {e}") from e
    if not url.hostname or url.hostname.startswith("-") or (url.username or "").startswith("-"):
        raise Invalid(f"unable to parse docker host `ssh://{rest}`: want ssh://user@host")
    if url.password:
        raise Invalid("ssh:// must not hold a password: use a key or an agent")
    if url.query or url.fragment:
        raise Invalid(f"unable to parse docker host `ssh://{rest}`: nothing may follow the path of the socket")
    words = ["ssh", "-o", f"ConnectTimeout={CONNECT_TIMEOUT}", "-T"]
    words += ["-l", unquote(url.username)] if url.username else []
    words += ["-p", str(port)] if port else []
    return (*words, "--", url.hostname, _remote(url.path))


def _remote(path: str) -> str:
    """Ours where it is installed, else docker's: both know the words."""
    host = f" --host {_quoted(f'unix://{path}')}" if path not in ("", "/") else ""
    said = f"{host} system dial-stdio"
    return f"if command -v boxship >/dev/null 2>&1; then exec boxship{said}; else exec docker{said}; fi"


def _quoted(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"


def spawn(words: tuple[str, ...]) -> socket.socket:
    """Start the program and return its input and output as one stream socket. Raises OSError. Its complaints go to
    our own standard error. It ends when the socket is closed."""
    ours, theirs = socket.socketpair()
    try:
        actions = [(os.POSIX_SPAWN_DUP2, theirs.fileno(), 0), (os.POSIX_SPAWN_DUP2, theirs.fileno(), 1)]
        os.posix_spawnp(words[0], list(words), os.environ, file_actions=actions)
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
    return ours
