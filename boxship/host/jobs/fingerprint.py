"""What files are, whatever their time stamps: one digest for all that a COPY would take. Runs in a child process."""

import hashlib
import os
import stat
from collections.abc import Iterator

from boxship.host.jobs.select import Item, Selector, Wish

CHUNK = 1 << 20


def fingerprint(wish: Wish, owned: bool) -> str:
    """Return a digest of names, kinds, modes, contents and attributes, and with `owned` of owners.
    Raises NotFound for a source that is not there."""
    whole = hashlib.sha256()
    selector = Selector(wish)
    for found in selector.sources():
        whole.update(b"source\0%s\0%s\0" % (os.fsencode(found.name), os.fsencode(found.under)))
        for item in selector.items(found):
            for piece in _told(item, owned):
                whole.update(b"%d:" % len(piece))
                whole.update(piece)
    return "sha256:" + whole.hexdigest()


def _told(item: Item, owned: bool) -> Iterator[bytes]:
    seen = item.seen
    yield os.fsencode(item.below)
    yield b"%o" % seen.st_mode
    if owned:
        yield b"%d:%d" % (seen.st_uid, seen.st_gid)
    if stat.S_ISREG(seen.st_mode):
        yield _contents(item.path, seen.st_size)
    elif stat.S_ISLNK(seen.st_mode):
        yield os.fsencode(os.readlink(item.path))
    elif stat.S_ISCHR(seen.st_mode) or stat.S_ISBLK(seen.st_mode):
        yield b"%d" % seen.st_rdev
    if not stat.S_ISLNK(seen.st_mode):
        for name in sorted(os.listxattr(item.path)):
            if name == "security.capability" or name.startswith("user."):
                yield os.fsencode(name)
                yield os.getxattr(item.path, name)


def _contents(path: str, size: int) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if size <= CHUNK:
            return hashlib.sha256(os.read(fd, size + 1)).digest()
        found = hashlib.sha256()
        while piece := os.read(fd, CHUNK):
            found.update(piece)
        return found.digest()
    finally:
        os.close(fd)
