"""Ranges of bytes as clients write them. Pure."""

import re

from boxship.engine.registry.faults import Fault

_ONE = re.compile(r"bytes=(\d*)-(\d*)")
_SENT = re.compile(r"(?:bytes[ =])?(\d+)-(\d+)(?:/(?:\d+|\*))?")


def wanted(value: str, size: int) -> tuple[int, int] | None:
    """Return start and length of what a Range header asks for, None for the whole: without a header, or where it asks
    for something we need not understand. RFC 9110, 14.2. Raises Fault RANGE_INVALID when nothing of it is there."""
    found = _ONE.fullmatch(value.strip())
    if found is None or found.group(0) == "bytes=-":
        return None
    first, last = found.groups()
    if not first:
        length = min(int(last), size)
        start, end = size - length, size - 1
    else:
        start, end = int(first), min(int(last), size - 1) if last else size - 1
        if last and int(last) < start:
            return None
    if start >= size or end < start:
        raise Fault("RANGE_INVALID", f"range {value[:100]!r} is outside of {size} bytes",
                    headers={"Content-Range": f"bytes */{size}"})  # fmt: skip
    return start, end - start + 1


def sent(value: str, length: int | None) -> int | None:
    """Return where an upload's Content-Range begins, None without one; length: of the body, None where unknown.

    Raises Fault RANGE_INVALID for what is none or disagrees with the length.
    """
    if not value:
        return None
    found = _SENT.fullmatch(value.strip())
    if found is None:
        raise Fault("RANGE_INVALID", f"Content-Range {value[:100]!r} is not first-last", answer=416)
    first, last = (int(part) for part in found.groups())
    if last < first or (length is not None and length != last - first + 1):
        raise Fault("RANGE_INVALID", f"Content-Range {value[:100]!r} does not suit a body of {length} bytes")
    return first


def held(size: int) -> str:
    """Return the Range header that tells how much of an upload has come."""
    return f"0-{max(size - 1, 0)}"
