"""Syslog messages and addresses, in the formats and with the texts of dockerd's syslog driver. Pure.

Sources: RFC 3164, RFC 5424, RFC 6587 (framing over TCP), RFC 5425 (over TLS).
"""

from datetime import UTC, datetime
from urllib.parse import urlsplit

import msgspec

from boxship.base.errors import Invalid
from boxship.base.units import SECOND
from boxship.engine.logs.cri import Line

SEVERITY = {1: 6, 2: 3}  # stdout: informational, stderr: error
FORMATS = ("", "rfc3164", "rfc5424", "rfc5424micro")
_FACILITIES = (
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
    "", "", "", "", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
)  # fmt: skip
_SCHEMES = ("unix", "unixgram", "tcp", "udp", "tcp+tls")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Address(msgspec.Struct, frozen=True):
    """scheme "" is this machine's own syslog; place: path of a socket, or host."""

    scheme: str
    place: str = ""
    port: int = 514

    @property
    def framed(self) -> bool:
        """One message a datagram; else a stream, where messages must be told apart."""
        return self.scheme in ("", "unixgram", "udp")


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """Who speaks. hostname: this machine.  pid: of the daemon."""

    hostname: str
    tag: str
    pid: int
    facility: int = 3
    format: str = ""


def check(config: dict[str, str]) -> None:
    """Raise Invalid for an address, facility or format that is none."""
    address(config.get("syslog-address", ""))
    facility(config.get("syslog-facility", ""))
    if config.get("syslog-format", "") not in FORMATS:
        raise Invalid("Invalid syslog format")


def address(text: str) -> Address:
    if not text:
        return Address("")
    scheme, found, rest = text.partition("://")
    if not found or scheme not in _SCHEMES:
        raise Invalid(f"syslog-address should be in form proto://address, got {text}")
    if scheme in ("unix", "unixgram"):
        return Address(scheme, rest)
    try:
        parts = urlsplit(f"//{rest}")
        return Address(scheme, parts.hostname or "localhost", parts.port or 514)
    except ValueError as e:
        raise Invalid(f"syslog-address should be in form proto://address, got {text}: {e}") from None


def facility(text: str) -> int:
    """Return a facility's number; `daemon` for ""."""
    if text in _FACILITIES:
        return _FACILITIES.index(text or "daemon")
    if text.isdecimal() and int(text) < len(_FACILITIES):
        return int(text)
    raise Invalid("invalid syslog facility")


def message(line: Line, sender: Sender) -> bytes:
    """Return one line as a message, without what separates messages."""
    priority = sender.facility << 3 | SEVERITY[line.stream]
    head = _HEADS[sender.format](priority, line.time, sender)
    return head.encode() + line.text.removesuffix(b"\n").removesuffix(b"\r")


def framed(messages: list[bytes], where: Address, form: str) -> bytes:
    """Return messages ready for a stream: counted over TLS with the newer formats, else one a line."""
    if where.scheme == "tcp+tls" and form.startswith("rfc5424"):
        return b"".join(b"%d %s" % (len(m), m) for m in messages)
    return b"".join(m + b"\n" for m in messages)


def _stamp(time: int) -> str:
    """`Jan _2 15:04:05`, UTC."""
    moment = datetime.fromtimestamp(time // SECOND, UTC)
    return f"{_MONTHS[moment.month - 1]} {moment.day:2d} {moment:%H:%M:%S}"


def _unix(priority: int, time: int, sender: Sender) -> str:
    return f"<{priority}>{_stamp(time)} {sender.tag}[{sender.pid}]: "


def _rfc3164(priority: int, time: int, sender: Sender) -> str:
    return f"<{priority}>{_stamp(time)} {sender.hostname} {sender.tag}[{sender.pid}]: "


def _rfc5424(priority: int, time: int, sender: Sender) -> str:
    moment = datetime.fromtimestamp(time // SECOND, UTC)
    return f"<{priority}>1 {moment:%Y-%m-%dT%H:%M:%S}Z {sender.hostname} {sender.tag} {sender.pid} {sender.tag} - "


def _rfc5424micro(priority: int, time: int, sender: Sender) -> str:
    moment = datetime.fromtimestamp(time // SECOND, UTC)
    stamp = f"{moment:%Y-%m-%dT%H:%M:%S}.{time % SECOND // 1000:06d}Z"
    return f"<{priority}>1 {stamp} {sender.hostname} {sender.tag} {sender.pid} {sender.tag} - "


_HEADS = {"": _unix, "rfc3164": _rfc3164, "rfc5424": _rfc5424, "rfc5424micro": _rfc5424micro}
