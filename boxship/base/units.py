"""Sizes, durations and times, read and shown the way Docker's tools do."""

import re

from boxship.base.errors import Invalid

SECOND = 1_000_000_000
MILLISECOND = 1_000_000
ZERO_TIME = "0001-01-01T00:00:00Z"

_SIZE = re.compile(r"^(-?\d+(?:\.\d+)?)\s*([kmgtp]?)(i?b)?$", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_NANOSECONDS = {"ns": 1, "us": 1e3, "µs": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9}


def parse_size(text: str) -> int:
    """Return bytes for `64m`, `1.5g`, `10kb`; powers of 1024. Raises Invalid otherwise."""
    match = _SIZE.match(text.strip())
    if not match:
        raise Invalid(f"invalid size: '{text}' (want a number and a unit, as in 512m or 2g)")
    return int(float(match[1]) * 1024 ** _POWERS[match[2].lower()])


def parse_duration(text: str) -> int:
    """Return nanoseconds for Go's duration syntax, `1m30s`, `500ms`. Raises Invalid otherwise."""
    body = text.strip()
    sign, body = (-1, body[1:]) if body.startswith("-") else (1, body.removeprefix("+"))
    if body == "0":
        return 0
    parts = _DURATION_PART.findall(body)
    if not parts or "".join(number + unit for number, unit in parts) != body:
        raise Invalid(f'time: invalid duration "{text}" (want a number with a unit: ms, s, m, h)')
    return sign * round(sum(float(number) * _NANOSECONDS[unit] for number, unit in parts))


def rfc3339(nanoseconds: int) -> str:
    """Return RFC 3339 with nanoseconds as Go prints it: trailing zeros cut; 0 is Go's zero time."""
    if nanoseconds <= 0:
        return ZERO_TIME
    seconds, rest = divmod(nanoseconds, SECOND)
    from datetime import UTC, datetime  # a command line that shows no time does without

    stamp = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{rest:09d}".rstrip("0").rstrip(".")
    return f"{stamp}{fraction}Z"


def parse_rfc3339(text: str) -> int:
    """Return nanoseconds since 1970 for a time with up to nine decimals. Raises Invalid otherwise."""
    match = re.match(r"^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:?\d\d)?$", text.strip())
    if not match:
        raise Invalid(f"invalid time: '{text}' (want 2006-01-02T15:04:05.999999999Z)")
    zone = match[3] or "Z"
    from datetime import datetime

    whole = datetime.fromisoformat(match[1].replace(" ", "T") + zone.replace("Z", "+00:00"))
    return int(whole.timestamp()) * SECOND + int((match[2] or "0").ljust(9, "0"))


def human_size(size: float, base: int = 1000, digits: int = 4) -> str:
    """Return `1.234MB` (base 1000) or `1.206MiB` (base 1024, as docker stats), with so many digits that count."""
    names = ["B", "kB", "MB", "GB", "TB", "PB"] if base == 1000 else ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
    step = 0
    while size >= base and step < len(names) - 1:
        size, step = size / base, step + 1
    return f"{size:.{digits}g}{names[step]}"


def human_duration(seconds: float) -> str:
    """Return `Less than a second`, `3 minutes`, `About an hour`, `2 weeks`: docker ps' way of telling age."""
    whole = int(seconds)
    if whole < 1:
        return "Less than a second"
    if whole == 1:
        return "1 second"
    if whole < 60:
        return f"{whole} seconds"
    minutes = whole // 60
    if minutes == 1:
        return "About a minute"
    if minutes < 60:
        return f"{minutes} minutes"
    hours = int(seconds / 3600 + 0.5)
    if hours == 1:
        return "About an hour"
    for limit, unit, size in ((48, "hours", 1), (336, "days", 24), (1440, "weeks", 168), (17520, "months", 720)):
        if hours < limit:
            return f"{hours // size} {unit}"
    return f"{hours // 8760} years"
