"""Headers of tar archives, one 512-byte block at a time: ustar, GNU long names and sparse files, pax. Pure.

Source: POSIX pax, GNU tar's manual, and Go's archive/tar where these leave a choice, since that is what other engines
read layers with: links, devices and directories have no body whatever their size field says.
"""

import msgspec

from boxship.base.errors import Invalid

BLOCK = 512
_ZERO = bytes(BLOCK)
_REGULAR = b"0\0" + b"7"
_BODILESS = b"123456"
_BIGGEST = (1 << 63) - 1  # bytes of a file, as the kernel counts
_DIGITS = len(str(_BIGGEST))
_LONGEST = 4095  # of a name, as the kernel takes it
_NAMES = (b"path", b"linkpath", b"GNU.sparse.name")
_EXTENSION_LIMIT = 1 << 20  # a pax header of more is an attack, not a name


def padded(size: int) -> int:
    """Return `size` rounded up to whole blocks."""
    return -(-size // BLOCK) * BLOCK


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """One entry. path: as in the archive, without leading `/` and `./`.  link: target of links.
    size: of the file, bytes.  stored: bytes of body in the archive.  in_tree: the extracted file holds that body."""

    path: str
    kind: bytes
    size: int
    stored: int
    link: str = ""
    in_tree: bool = False

    @property
    def is_file(self) -> bool:
        return self.kind in (b"0", b"\0", b"7", b"S")

    @property
    def is_dir(self) -> bool:
        return self.kind == b"5"


class HeadReader:
    """Is shown every block that is not a file's body. wanted: bytes that must be shown to `body` (padded) before
    the next block.  ended: the mark of the end has been seen; what follows means nothing."""

    def __init__(self) -> None:
        self.wanted = 0
        self.ended = False
        self._kind = b""
        self._body = bytearray()
        self._body_size = 0
        self._pax: dict[str, str] = {}
        self._name = ""
        self._link = ""
        self._sparse: Head | None = None

    def block(self, block: bytes) -> Head | None:
        """Return the entry whose header `block` completes, None while there is more to see. Raises Invalid."""
        self.wanted = 0
        if self._sparse is not None:
            return self._sparse_part(block, 504)
        if block == _ZERO:
            self.ended = True
            return None
        _check_sum(block)
        kind, size = block[156:157], _number(block[124:136], "size")
        if kind in b"xgLK":
            self._extension(kind, size)
            return None
        return self._entry(block, kind, size)

    def body(self, piece: bytes | memoryview) -> None:
        """Take bytes that follow an extended header; other bodies are passed over."""
        if self._kind:
            self._body += piece
            if len(self._body) >= padded(self._body_size):
                self._learn(bytes(self._body[: self._body_size]))

    def _extension(self, kind: bytes, size: int) -> None:
        if not 0 <= size <= _EXTENSION_LIMIT:
            raise Invalid(f"archive/tar: extended header of {size} bytes")
        self._kind, self._body_size, self.wanted = kind, size, padded(size)
        if not size:
            self._learn(b"")

    def _learn(self, body: bytes) -> None:
        if self._kind == b"L":
            self._name = _string(body)
        elif self._kind == b"K":
            self._link = _string(body)
        elif self._kind == b"x":
            self._pax = _records(body)
        self._kind = b""
        self._body.clear()

    def _entry(self, block: bytes, kind: bytes, size: int) -> Head | None:
        pax, name, link = self._pax, self._name, self._link
        self._pax, self._name, self._link = {}, "", ""
        stored = _decimal(pax["size"]) if "size" in pax else size
        path = pax.get("path") or name or _path(block)
        sparse = kind == b"S" or any(key.startswith("GNU.sparse.") for key in pax)
        if kind in _BODILESS:
            stored = 0
        head = Head(
            path=_relative(pax.get("GNU.sparse.name") or path),
            kind=kind,
            size=_real_size(block, kind, stored, pax),
            stored=stored,
            link=pax.get("linkpath") or link or _string(block[157:257]),
            in_tree=kind in _REGULAR
            and not sparse
            and stored > 0
            and "/.wh." not in f"/{path}"
            and not path.endswith("/"),  # which makes it a directory for some
        )
        _check(head)
        if kind == b"S":
            self._sparse = head
            return self._sparse_part(block, 482)
        return head

    def _sparse_part(self, block: bytes, flag: int) -> Head | None:
        """Old GNU sparse files have further blocks of their map while a flag says so."""
        if block[flag]:
            return None
        head, self._sparse = self._sparse, None
        return head


def _real_size(block: bytes, kind: bytes, stored: int, pax: dict[str, str]) -> int:
    if kind == b"S":
        return _number(block[483:495], "real size")
    for key in ("GNU.sparse.realsize", "GNU.sparse.size"):
        if key in pax:
            return _decimal(pax[key])
    return stored


def _check(head: Head) -> None:
    """Raises Invalid for what no file can be."""
    if not (0 <= head.stored <= _BIGGEST and 0 <= head.size <= _BIGGEST):
        raise Invalid(f"archive/tar: invalid tar header: {head.path[:120]} has no size that can be")
    if len(head.path) > _LONGEST:
        raise Invalid(f"archive/tar: invalid tar header: {head.path[:120]}…: the name is longer than {_LONGEST} bytes")


def _check_sum(block: bytes) -> None:
    """Both readings of the bytes, as old programs summed signed ones."""
    want = _number(block[148:156], "checksum")
    rest = block[:148] + block[156:]
    total = 256 + sum(rest)
    if want != total and want != total - 256 * sum(byte > 127 for byte in rest):
        raise Invalid("archive/tar: invalid tar header")


def _number(field: bytes, name: str) -> int:
    if field[0] in (0x80, 0xFF):
        return int.from_bytes(field[1:], "big")
    text = field.rstrip(b"\0 ").lstrip(b" \0").split(b"\0")[0].strip()
    try:
        return int(text, 8) if text else 0
    except ValueError:
        raise Invalid(f"archive/tar: invalid tar header: {name} is {text[:12]!r}") from None


def _decimal(text: str) -> int:
    if not text.isdecimal() or len(text) > _DIGITS:
        raise Invalid(f"archive/tar: invalid tar header: size is {text[:20]!r}")
    return int(text)


def _string(field: bytes) -> str:
    return field.partition(b"\0")[0].decode(errors="surrogateescape")


def _path(block: bytes) -> str:
    name = _string(block[:100])
    prefix = _string(block[345:500]) if block[257:263] == b"ustar\0" else ""
    return f"{prefix}/{name}" if prefix else name


def _relative(path: str) -> str:
    while path.startswith(("/", "./")):
        path = path.removeprefix("./").lstrip("/")
    return path


def _records(body: bytes) -> dict[str, str]:
    """pax records: `length key=value\\n`. Raises Invalid."""
    found: dict[str, str] = {}
    while body:
        digits, space, rest = body.partition(b" ")
        if not space or not digits.isdigit() or len(digits) > _DIGITS or not len(digits) + 1 < int(digits) <= len(body):
            raise Invalid("archive/tar: invalid tar header: pax record")
        if body[int(digits) - 1 : int(digits)] != b"\n":
            raise Invalid("archive/tar: invalid tar header: pax record")
        key, _, value = rest[: int(digits) - len(digits) - 2].partition(b"=")
        if key in _NAMES and b"\0" in value:
            raise Invalid("archive/tar: invalid tar header: a name ends in the middle")
        found[key.decode(errors="surrogateescape")] = value.decode(errors="surrogateescape")
        body = body[int(digits) :]
    return found
