"""Users and their passwords in a file that Apache's htpasswd writes, bcrypt only. Nothing here prints a password."""

import asyncio
import hashlib
import hmac
import os
import secrets
import tempfile
import time
from pathlib import Path

from boxship.base.errors import Invalid

_PREFIXES = ("$2y$", "$2b$", "$2a$")
_BELIEVED = 300.0  # seconds a checked password is believed: bcrypt costs up to 0.3 s
_DUMMY = "$2b$10$" + "abcdefghijklmnopqrstuu" + "M" * 31  # checked for users that are not there, so time tells nothing
LIMIT = 72  # bytes of a password that bcrypt looks at


class Passwords:
    """One file, read again when it changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int, int] = (0, 0, 0)
        self._users: dict[str, str] = {}
        self._salt = secrets.token_bytes(16)
        self._believed: dict[str, tuple[bytes, float]] = {}
        self._refresh()

    async def check(self, user: str, password: str) -> bool:
        """Tell whether the password is right; never blocks the loop."""
        self._refresh()
        proof = hmac.digest(self._salt, f"{user}\0{password}".encode(), hashlib.sha256)
        known = self._believed.get(user)
        if known and known[1] > time.monotonic() and hmac.compare_digest(known[0], proof):
            return True
        right = await asyncio.to_thread(_verify, password, self._users.get(user, _DUMMY)) and user in self._users
        if right:
            self._believed[user] = (proof, time.monotonic() + _BELIEVED)
        return right

    def _refresh(self) -> None:
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            if stamp != self._stamp:
                self._users = parse(self._path.read_text())
                self._stamp = stamp
                self._believed.clear()
        except OSError as e:
            raise Invalid(f"htpasswd: cannot read {self._path}: {e.strerror}") from e


def parse(text: str) -> dict[str, str]:
    """Return hash by user. Raises Invalid naming the line for hashes that are not bcrypt's."""
    users = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        user, colon, hashed = line.strip().partition(":")
        if not colon or not user or not hashed.startswith(_PREFIXES):
            raise Invalid(f"htpasswd: line {number} is not `user:bcrypt hash`; write it with `boxship registry passwd`")
        users[user] = hashed
    return users


def _verify(password: str, hashed: str) -> bool:
    import bcrypt

    try:
        return bool(bcrypt.checkpw(password.encode()[:LIMIT], hashed.encode()))
    except ValueError:
        return False


def write(path: Path, users: dict[str, str]) -> None:
    """Replace the file as a whole, readable by its owner only."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.writelines(f"{user}:{hashed}\n" for user, hashed in users.items())
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
