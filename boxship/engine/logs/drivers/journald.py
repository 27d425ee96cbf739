"""Lines to the systemd journal. Source: systemd, "Native Journal Protocol"."""

import asyncio
import re
import socket
import struct
from collections.abc import Mapping, Sequence

from boxship.base.ids import short
from boxship.engine.logs.cri import Line
from boxship.engine.logs.options import Subject

PATH = "/run/systemd/journal/socket"
PRIORITY = {1: b"6", 2: b"3"}


class Journal:
    def __init__(self, subject: Subject, tag: str, attributes: Mapping[str, str], path: str = PATH) -> None:
        self._path = path
        self._socket: socket.socket | None = None
        self._fields = fields(subject, tag, attributes)

    async def send(self, lines: Sequence[Line]) -> None:
        try:
            if self._socket is None:
                self._socket = _connect(self._path)
            for line in lines:
                await asyncio.get_running_loop().sock_sendall(self._socket, message(line, self._fields))
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _connect(path: str) -> socket.socket:
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        connected.setblocking(False)
        connected.connect(path)
    except OSError:
        connected.close()
        raise
    return connected


def fields(subject: Subject, tag: str, attributes: Mapping[str, str]) -> bytes:
    """Return the part that all messages of a container have in common."""
    known = {
        "CONTAINER_ID": short(subject.id),
        "CONTAINER_ID_FULL": subject.id,
        "CONTAINER_NAME": subject.name,
        "CONTAINER_TAG": tag,
        "IMAGE_NAME": subject.image,
        "SYSLOG_IDENTIFIER": tag,
    }
    chosen = {name: value for key, value in attributes.items() if key != "tag" and (name := field_name(key))}
    return b"".join(_field(name, value.encode()) for name, value in {**known, **chosen}.items())


def field_name(text: str) -> str:
    """Return a name the journal accepts: capitals, digits and underscores, none of these in front."""
    return re.sub(r"[^A-Z0-9]", "_", text.upper()).lstrip("_")


def message(line: Line, common: bytes) -> bytes:
    text = line.text.removesuffix(b"\n")
    stamp = b"SYSLOG_TIMESTAMP=%d\n" % line.time
    partial = b"" if line.text.endswith(b"\n") else b"CONTAINER_PARTIAL_MESSAGE=true\n"
    return _field("MESSAGE", text) + b"PRIORITY=" + PRIORITY[line.stream] + b"\n" + stamp + partial + common


def _field(name: str, value: bytes) -> bytes:
    if b"\n" in value:
        return name.encode() + b"\n" + struct.pack("<Q", len(value)) + value + b"\n"
    return name.encode() + b"=" + value + b"\n"
