"""Walk through an archive that cannot be rewound: entries one by one, bodies in pieces. Reads only forward."""

from collections.abc import Callable, Iterator

from boxship.base.errors import Invalid
from boxship.engine.images.tarhead import BLOCK, Head, HeadReader, padded

CHUNK = 1 << 18


class Body:
    """The contents of one entry; valid until the next entry is asked for."""

    def __init__(self, read: Callable[[int], bytes], size: int) -> None:
        self._read = read
        self._left = size
        self._ahead = b""

    def peek(self, size: int) -> bytes:
        """Return the first bytes without taking them; fewer only if there are no more."""
        while len(self._ahead) < size and self._left:
            self._ahead += self._take(CHUNK)
        return self._ahead[:size]

    def read(self, size: int = CHUNK) -> bytes:
        """Return up to `size` bytes, b"" at the end."""
        if self._ahead:
            piece, self._ahead = self._ahead[:size], self._ahead[size:]
            return piece
        return self._take(size)

    def whole(self) -> bytes:
        """Return all that is left; only for what is known to be small."""
        return b"".join(iter(self.read, b""))

    def _take(self, size: int) -> bytes:
        if not self._left:
            return b""
        piece = self._read(min(size, self._left))
        if not piece:
            raise Invalid("unexpected EOF: the archive is cut off")
        self._left -= len(piece)
        return piece


def entries(read: Callable[[int], bytes]) -> Iterator[tuple[Head, Body]]:
    """Yield the entries of a tar in their order. Raises Invalid for what is none."""
    heads = HeadReader()
    while block := _block(read):
        head = heads.block(block)
        if heads.ended:
            return
        if head is None:
            for _ in range(heads.wanted // BLOCK):
                heads.body(_block(read))
            continue
        body = Body(read, head.stored)
        yield head, body
        while body.read():
            pass
        _skip(read, padded(head.stored) - head.stored)


def _block(read: Callable[[int], bytes]) -> bytes:
    block = b""
    while len(block) < BLOCK:
        piece = read(BLOCK - len(block))
        if not piece and block:
            raise Invalid("unexpected EOF: the archive is cut off")
        if not piece:
            return b""
        block += piece
    return block


def _skip(read: Callable[[int], bytes], size: int) -> None:
    while size:
        piece = read(size)
        if not piece:
            return  # some writers leave the last padding out
        size -= len(piece)
