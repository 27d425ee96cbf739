"""Log lines as `docker logs` gets them. Pure."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote_plus

from boxship.base.errors import Invalid
from boxship.base.units import SECOND, rfc3339
from boxship.engine.logs.cri import Line
from boxship.front.docker.wire import stdcopy


def tail(text: str) -> int | None:
    """Return how many last lines are wanted; None, which is all, for everything that is no whole number."""
    digits = text.strip().removeprefix("+")
    return int(digits) if digits.isdecimal() else None


def moment(text: str) -> int:
    """Return nanoseconds since 1970 for `seconds[.nanoseconds]`; 0 for "". Raises Invalid otherwise."""
    if not text:
        return 0
    whole, _, fraction = text.partition(".")
    try:
        return int(whole) * SECOND + int(fraction[:9].ljust(9, "0") or "0")
    except ValueError:
        raise Invalid(f'failed to parse value as time or duration: "{text}"') from None


def details(attributes: Mapping[str, str]) -> bytes:
    """Return what `--details` puts before each line."""
    pairs = (f"{quote_plus(key)}={quote_plus(value)}" for key, value in sorted(attributes.items()))
    return ",".join(pairs).encode() + b" "


def render(lines: Sequence[Line], *, framed: bool, timestamps: bool, prefix: bytes = b"") -> bytes:
    """Return a batch of lines, each in a frame of its own unless a terminal wrote them. Times have nine decimals."""
    if not timestamps and not prefix:
        return b"".join(
            [stdcopy.frame(stream, text) for _, stream, text in lines] if framed else [t for *_, t in lines]
        )
    out = []
    for time, stream, text in lines:
        whole = (_stamp(time) + prefix + text) if timestamps else prefix + text
        out.append(stdcopy.frame(stream, whole) if framed else whole)
    return b"".join(out)


def failure(text: str, *, framed: bool) -> bytes:
    """Return an error that came after the first byte."""
    body = f"Error grabbing logs: {text}\n".encode()
    return stdcopy.frame(stdcopy.SYSTEM_ERROR, body) if framed else body


def _stamp(time: int) -> bytes:
    seconds = rfc3339(time - time % SECOND).removesuffix("Z")
    return b"%s.%09dZ " % (seconds.encode(), time % SECOND)
