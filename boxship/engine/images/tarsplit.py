"""Keep of a layer's tar only what its extracted files do not hold.

host.jobs.splitform tells the form; host.jobs.assemble puts both together again, byte for byte.
"""

from typing import BinaryIO

from isal import isal_zlib

from boxship.base.errors import Invalid
from boxship.engine.images.paths import Paths
from boxship.engine.images.tarhead import BLOCK, HeadReader, padded
from boxship.host.jobs.splitform import Writer


class Splitter:
    """Is fed a tar in pieces of any size and writes its split form. size: bytes in regular files so far."""

    def __init__(self, sink: BinaryIO) -> None:
        self._writer = Writer(sink)
        self._heads = HeadReader()
        self._partial = bytearray()  # a header of which not all has come
        self._copy = 0  # bytes to come that are taken literally
        self._skip = 0  # bytes to come that the extracted file will hold
        self._ended = False
        self._crc = 0  # of the file that is passing
        self._paths = Paths()
        self.size = 0
        self.entries = 0

    def feed(self, data: bytes | memoryview) -> None:
        """Take the next piece. Raises Invalid naming what is wrong with a header."""
        view, at = memoryview(data), 0
        while at < len(view):
            if self._skip:
                step = min(self._skip, len(view) - at)
                self._pass(view[at : at + step])
            elif self._copy or self._ended:
                step = len(view) - at if self._ended else min(self._copy, len(view) - at)
                self._take(view[at : at + step])
            else:
                step = min(BLOCK - len(self._partial), len(view) - at)
                self._partial += view[at : at + step]
                if len(self._partial) == BLOCK:
                    self._block(bytes(self._partial))
                    self._partial.clear()
            at += step

    def _pass(self, piece: memoryview) -> None:
        """Let bytes go that the extracted file will hold; remember how to know them again."""
        self._crc = isal_zlib.crc32(piece, self._crc)
        self._skip -= len(piece)
        if not self._skip:
            self._writer.crc(self._crc)
            self._crc = 0

    def _take(self, piece: memoryview) -> None:
        """Keep bytes as they are; bodies of extended headers are shown to the reader of headers too."""
        self._copy = max(0, self._copy - len(piece))
        self._heads.body(piece)
        self._writer.literal(piece)

    def _block(self, block: bytes) -> None:
        self._writer.literal(block)
        head = self._heads.block(block)
        if head is None:
            self._copy = self._heads.wanted
            self._ended = self._heads.ended
            return
        self.entries += 1
        self._paths.take(head)
        if head.is_file:
            self.size += head.size
        if head.in_tree:
            self._writer.file(head.path.encode(errors="surrogateescape"), head.stored)
            self._skip, self._copy = head.stored, padded(head.stored) - head.stored
        else:
            self._copy = padded(head.stored)

    def close(self) -> None:
        """Write the rest. Raises Invalid when the tar ended in the middle of an entry."""
        if self._partial or self._skip or (self._copy and not self._ended):
            raise Invalid("unexpected EOF: the layer's archive is cut off")
        self._writer.close()
