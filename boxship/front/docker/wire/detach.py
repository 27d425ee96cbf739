"""Detach keys: the sequence a user types to leave a container without ending it. Pure.

A sequence is written `ctrl-p,ctrl-q` or `a,b,ctrl-@`; bytes of a sequence begun but not finished belong to the
process and are released to it.
"""

from boxship.base.errors import Invalid

DEFAULT = b"\x10\x11"
_CONTROL = {"@": 0, "[": 27, "\\": 28, "]": 29, "^": 30, "_": 31}


def parse(text: str) -> bytes:
    """Return the bytes of a sequence; the default for "". Raises Invalid for a key that is not a character,
    ctrl-a … ctrl-z or ctrl- with one of @ [ \\ ] ^ _."""
    return b"".join(_key(word, text) for word in text.split(",")) if text else DEFAULT


def _key(word: str, text: str) -> bytes:
    if len(word) == 1:
        return word.encode()
    name = word[5:].lower() if word.lower().startswith("ctrl-") else ""
    if len(name) == 1 and "a" <= name <= "z":
        return bytes([ord(name) - ord("a") + 1])
    if name in _CONTROL:
        return bytes([_CONTROL[name]])
    raise Invalid(f"Invalid detach keys ({text}) provided: Unknown character: '{word}'")


class Detacher:
    """Looks for a sequence in what a user types, in any chunks."""

    def __init__(self, keys: bytes) -> None:
        self._keys = keys
        self._matched = 0

    def feed(self, chunk: bytes) -> tuple[bytes, bool]:
        """Return what the process shall read, and whether the sequence is complete; what follows it is dropped."""
        if not self._matched and self._keys[:1] not in chunk:
            return chunk, False
        held = self._keys[: self._matched] + chunk
        found = held.find(self._keys)
        if found >= 0:
            return held[:found], True
        self._matched = self._overlap(held)
        return held[: len(held) - self._matched], False

    def _overlap(self, held: bytes) -> int:
        """Return how many last bytes of `held` could begin the sequence."""
        longest = min(len(held), len(self._keys) - 1)
        return next((n for n in range(longest, 0, -1) if held.endswith(self._keys[:n])), 0)

    def rest(self) -> bytes:
        """Return the bytes held back, at the end of the input."""
        held, self._matched = self._keys[: self._matched], 0
        return held
