"""Where one HTTP/1.1 request ends and what a client sends right behind it begins. Pure.

aiohttp's parser takes what follows a request for the next request. Behind a request that takes the connection over
(attach, exec, session) come raw bytes, which the parser must never see. Source: RFC 9112, sections 6 and 7.
"""

import re

TAKES_OVER = re.compile(
    rb"POST (?:http://[^/ ]*)?(?:/v[0-9.]+)?/(?:containers/[^/ ]+/attach|exec/[^/ ]+/start|session|grpc)[ ?]"
)
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[^\r]*chunked[ \t]*\r\n", re.IGNORECASE)
HEAD_LIMIT = 1 << 18


def may_take_over(data: bytes) -> bool:
    """Tell whether `data`, the first bytes of a request, may open one that takes the connection over."""
    line = data.find(b"\r\n")
    if line < 0:
        return b"POST ".startswith(data[:5])
    return TAKES_OVER.match(data, 0, line + 2) is not None


class Boundary:
    """Cuts a connection's bytes behind one request.

    done: the request is complete; all further bytes are behind it.
    refused: the request turned out to be an ordinary one; the caller goes on without a Boundary.
    """

    def __init__(self) -> None:
        self.done = False
        self.refused = False
        self._head = b""
        self._chunked = False
        self._left: int | None = None  # bytes of body or chunk to come; None while the head is incomplete

    def split(self, data: bytes) -> tuple[bytes, bytes]:
        """Return what of `data` (and of what was held back) belongs to the request, and what is behind it."""
        if self.done:
            return b"", data
        if self._left is None:
            return self._split_head(data)
        return self._chunks(data) if self._chunked else self._counted(data)

    def _split_head(self, data: bytes) -> tuple[bytes, bytes]:
        whole, self._head = self._head + data, b""
        end = whole.find(b"\r\n\r\n")
        if not may_take_over(whole) or (end < 0 and len(whole) > HEAD_LIMIT):
            self.refused = True
            return whole, b""
        if end < 0:
            self._head = whole
            return b"", b""
        head, rest = whole[: end + 4], whole[end + 4 :]
        body, behind = self._begin_body(head, rest)
        return head + body, behind

    def _begin_body(self, head: bytes, rest: bytes) -> tuple[bytes, bytes]:
        if _CHUNKED.search(head):
            self._chunked, self._left = True, 0
            return self._chunks(rest)
        length = _LENGTH.search(head)
        self._left = int(length[1]) if length else 0
        return self._counted(rest)

    def _counted(self, data: bytes) -> tuple[bytes, bytes]:
        assert self._left is not None
        mine = data[: self._left]
        self._left -= len(mine)
        self.done = self._left == 0
        return mine, data[len(mine) :]

    def _chunks(self, data: bytes) -> tuple[bytes, bytes]:
        """As `split` for a chunked body. A size line that is cut in two is held back until it is whole."""
        whole, self._head = self._head + data, b""
        at = 0
        while True:
            step = min(self._left or 0, len(whole) - at)
            at, self._left = at + step, (self._left or 0) - step
            line = whole.find(b"\r\n", at)
            if self._left or line < 0:
                self._head = b"" if self._left else whole[at:]
                return whole[:at], b""
            size = _chunk_size(whole[at:line])
            if size == 0:
                return self._last_chunk(whole, at, line)
            at, self._left = line + 2, size + 2  # with the line end behind the chunk

    def _last_chunk(self, whole: bytes, at: int, line: int) -> tuple[bytes, bytes]:
        """The last chunk ends with an empty line, perhaps behind trailer fields."""
        end = whole.find(b"\r\n\r\n", line)
        if end < 0:
            self._head = whole[at:]
            return whole[:at], b""
        self.done = True
        return whole[: end + 4], whole[end + 4 :]


def _chunk_size(line: bytes) -> int:
    """Return the size a chunk line announces; 0, which ends the body, for nonsense that the parser will refuse."""
    try:
        return int(line.partition(b";")[0], 16)
    except ValueError:
        return 0
