"""Ports of this host for tests, below those that the kernel lends to whoever connects: nobody comes in between."""

import itertools
import random
import socket

FIRST, COUNT = 10_000, 10_000
_turns = itertools.count(random.randrange(COUNT))


def free_port() -> int:
    """Return a TCP port that nobody has, another one each time."""
    for turn in itertools.islice(_turns, COUNT):
        port = FIRST + turn % COUNT
        with socket.socket() as sock:
            try:
                sock.bind(("", port))
            except OSError:
                continue
            return port
    raise AssertionError(f"no port from {FIRST} to {FIRST + COUNT - 1} is free")
