"""DNS as bytes and as decisions: read a question, answer it from what is known, or leave it to others. No I/O.

Source: RFC 1035 (messages), RFC 6891 (EDNS), RFC 2308 (no data). Only questions are parsed; answers of other servers
pass through as they are.
"""

import struct
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import NamedTuple

A, PTR, AAAA, OPT, ANY = 1, 12, 28, 41, 255
IN = 1
TTL = 5  # seconds: a name must not outlive its container for long
NO_ERROR, FORMAT_ERROR, SERVER_FAILURE, NO_NAME, NOT_IMPLEMENTED = 0, 1, 2, 3, 4
TURNS = 32  # orders of the records of one name
PLAIN_SIZE, EDNS_SIZE = 512, 1232

_HEADER = struct.Struct("!HHHHHH")
_ANSWER, _AUTHORITATIVE, _TRUNCATED, _RECURSION, _AVAILABLE, _OPCODE = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080, 0x7800


class Question(NamedTuple):
    """name: lower case, without the last dot.  wire: the question section as it came.
    size: bytes an answer may have over UDP.  edns: whether the asker speaks it."""

    id: int
    flags: int
    name: str
    type: int
    cls: int
    wire: bytes
    size: int = PLAIN_SIZE
    edns: bool = False


class Malformed(ValueError):
    """Not a question we could answer."""


def parse(packet: bytes) -> Question:
    """Read a query of one question. Raises Malformed."""
    try:
        number, flags, questions, answers, authorities, extra = _HEADER.unpack_from(packet)
        if flags & _ANSWER or questions != 1:
            raise Malformed("not a query of one question")
        name, end = _name(packet, _HEADER.size)
        kind, cls = struct.unpack_from("!HH", packet, end)
        question = Question(number, flags, name, kind, cls, packet[_HEADER.size : end + 4])
        if extra and not answers and not authorities:
            return _with_edns(question, packet, end + 4)
        return question
    except (struct.error, IndexError) as e:
        raise Malformed("the message ends too early") from e


def _name(packet: bytes, offset: int) -> tuple[str, int]:
    labels = []
    while length := packet[offset]:
        if length > 63:
            raise Malformed("a compressed name in a question")
        labels.append(packet[offset + 1 : offset + 1 + length].decode("latin-1"))
        offset += 1 + length
    return ".".join(labels).lower(), offset + 1


def _with_edns(question: Question, packet: bytes, offset: int) -> Question:
    if packet[offset : offset + 1] == b"\0" and len(packet) >= offset + 11:
        kind, size = struct.unpack_from("!HH", packet, offset + 1)
        if kind == OPT:
            return question._replace(size=max(PLAIN_SIZE, size), edns=True)
    return question


def encode_name(name: str) -> bytes:
    """Return the labels of a dotted name. Raises Malformed for one that DNS cannot say."""
    labels = [label.encode("latin-1", errors="replace") for label in name.split(".") if label]
    if any(len(label) > 63 for label in labels):
        raise Malformed(f"{name}: a part of a name has 63 characters at most")
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"


def query(name: str, kind: int, number: int = 0) -> bytes:
    """Return a query, for tests and health checks."""
    return _HEADER.pack(number, _RECURSION, 1, 0, 0, 0) + encode_name(name) + struct.pack("!HH", kind, IN)


def respond(question: Question, records: Sequence[bytes] = (), code: int = NO_ERROR, udp: bool = True) -> bytes:
    """Return an answer with `records`, values of the type asked for. Over UDP, too many of them become a truncated
    answer without any, so that the asker comes again over TCP."""
    flags = _ANSWER | _AUTHORITATIVE | _AVAILABLE | (question.flags & (_OPCODE | _RECURSION)) | code
    entry = b"\xc0\x0c" + struct.pack("!HHI", question.type, IN, TTL)
    body = b"".join(entry + struct.pack("!H", len(value)) + value for value in records)
    tail = b"\0" + struct.pack("!HHIH", OPT, EDNS_SIZE, 0, 0) if question.edns else b""
    count = len(records)
    if udp and _HEADER.size + len(question.wire) + len(body) + len(tail) > question.size:
        flags, body, count = flags | _TRUNCATED, b"", 0
    return _HEADER.pack(question.id, flags, 1, count, 0, bool(tail)) + question.wire + body + tail


def refuse(packet: bytes, code: int) -> bytes | None:
    """Return an error for a message we could not read, or None when it is not worth one."""
    if len(packet) < _HEADER.size or packet[2] & 0x80:
        return None
    number, flags = struct.unpack_from("!HH", packet)
    return _HEADER.pack(number, _ANSWER | (flags & (_OPCODE | _RECURSION)) | code, 0, 0, 0, 0)


def failed(answer: bytes) -> bool:
    """Whether another server should be asked: it failed or refused."""
    return len(answer) < _HEADER.size or answer[3] & 0x0F in (SERVER_FAILURE, NOT_IMPLEMENTED, 5)


def truncated(answer: bytes) -> bool:
    return bool(answer[2] & 0x02)


def with_id(packet: bytes, number: int) -> bytes:
    return struct.pack("!H", number) + packet[2:]


def aged(answer: bytes) -> bytes:
    """Return a remembered answer with every lifetime cut to TTL, for use while nobody else answers."""
    out = bytearray(answer)
    try:
        _, _, questions, *counts = _HEADER.unpack_from(answer)
        offset = _HEADER.size
        for _ in range(questions):
            offset = _skip_name(answer, offset) + 4
        for _ in range(sum(counts)):
            offset = _skip_name(answer, offset)
            kind, _, lifetime, length = struct.unpack_from("!HHIH", answer, offset)
            if kind != OPT:
                struct.pack_into("!I", out, offset + 4, min(lifetime, TTL))
            offset += 10 + length
    except (struct.error, IndexError):
        return answer
    return bytes(out)


def _skip_name(packet: bytes, offset: int) -> int:
    while length := packet[offset]:
        if length >= 0xC0:
            return offset + 2
        offset += 1 + length
    return offset + 1


def reverse_address(name: str) -> str | None:
    """Return the address that an in-addr.arpa or ip6.arpa name stands for, or None."""
    if name.endswith(".in-addr.arpa"):
        parts = name.removesuffix(".in-addr.arpa").split(".")
        text = ".".join(reversed(parts)) if len(parts) == 4 else ""
    elif name.endswith(".ip6.arpa"):
        digits = "".join(reversed(name.removesuffix(".ip6.arpa").split(".")))
        text = ":".join(digits[n : n + 4] for n in range(0, 32, 4)) if len(digits) == 32 else ""
    else:
        return None
    try:
        return str(ip_address(text))
    except ValueError:
        return None


class Record(NamedTuple):
    """One container in one network. names: what it is found by there; the first answers reverse questions."""

    names: tuple[str, ...]
    ipv4: str = ""
    ipv6: str = ""


class Zone:
    """The names of one network."""

    def __init__(self, network: str) -> None:
        self.network = network
        self._records: dict[str, Record] = {}
        self._names: dict[str, dict[str, Record]] = {}
        self._addresses: dict[str, Record] = {}

    def add(self, container_id: str, record: Record) -> None:
        """Enter a container, in place of what it was entered with before."""
        self.drop(container_id)
        self._records[container_id] = record
        for name in record.names:
            self._names.setdefault(name.lower(), {})[container_id] = record
        for address in filter(None, (record.ipv4, record.ipv6)):
            self._addresses[address] = record

    def drop(self, container_id: str) -> None:
        record = self._records.pop(container_id, None)
        if record is None:
            return
        for name in {n.lower() for n in record.names}:
            holders = self._names[name]
            holders.pop(container_id, None)
            if not holders:
                del self._names[name]
        for address in filter(None, (record.ipv4, record.ipv6)):
            if self._addresses.get(address) is record:
                del self._addresses[address]

    def find(self, name: str) -> tuple[Record, ...]:
        return tuple(self._names.get(name, {}).values())

    def owner(self, address: str) -> Record | None:
        return self._addresses.get(address)


class View(NamedTuple):
    """What one container may ask: zones in order of preference, and its own aliases for others' names."""

    zones: tuple[Zone, ...] = ()
    aliases: Mapping[str, str] = {}


def answers(view: View, question: Question, udp: bool = True) -> tuple[bytes, ...]:
    """Return the answer from what is known here; () leaves the question to the servers outside. Several are the same
    with another record in front, so that equal names can take turns in being first."""
    if question.cls not in (IN, ANY):
        return ()
    if question.type == PTR:
        found = _answer_reverse(view, question, udp)
        return (found,) if found is not None else ()
    records = lookup(view, question.name)
    if not records:
        return ()
    values = [ip_address(a).packed for r in records if (a := r.ipv4 if question.type == A else r.ipv6)]
    if question.type not in (A, AAAA):
        values = []
    return tuple(respond(question, values[n:] + values[:n], udp=udp) for n in range(min(len(values), TURNS) or 1))


def lookup(view: View, name: str) -> tuple[Record, ...]:
    """Return the containers called `name`, or `name.network`, in the first network that has one."""
    name = view.aliases.get(name, name)
    for zone in view.zones:
        if found := zone.find(name):
            return found
    for zone in view.zones:
        suffix = f".{zone.network.lower()}"
        if name.endswith(suffix) and (found := zone.find(name.removesuffix(suffix))):
            return found
    return ()


def _answer_reverse(view: View, question: Question, udp: bool) -> bytes | None:
    address = reverse_address(question.name)
    for zone in view.zones if address else ():
        if (record := zone.owner(address or "")) is not None and record.names:
            return respond(question, [encode_name(f"{record.names[0]}.{zone.network}")], udp=udp)
    return None
