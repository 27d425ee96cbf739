"""What registries say of how often they may be asked: when to try again, and how to tell the user. Pure.

Source: RFC 9110, 10.2.3 (Retry-After); the RateLimit header fields as Docker Hub sends them.
"""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

BUSY = (429, 502, 503, 504)
LONGEST = 10.0  # seconds that are waited for without a word; a user would think we hang
_LIMIT = re.compile(r"(\d+)(?:;w=(\d+))?")


def pause(status: int, headers: Mapping[str, str], usual: float) -> float | None:
    """Return the seconds to wait before asking again, None if that is no use or the registry wants longer."""
    if status not in BUSY:
        return None
    asked = retry_after(headers)
    if asked is None:
        return None if status == 429 else usual
    return asked if asked <= LONGEST else None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of Retry-After, which may be a date; counted from the answer's own Date."""
    text = headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        there, then = parsedate_to_datetime(headers.get("Date", "")), parsedate_to_datetime(text)
        return max(0.0, (then - there).total_seconds())
    except (TypeError, ValueError):
        return None


def explained(text: str, headers: Mapping[str, str]) -> str:
    """Return what a registry said, and in plain words what its headers say of its limits."""
    parts = [text.strip().removeprefix("toomanyrequests:").strip() or "the registry limits how often it may be asked"]
    limit = _LIMIT.match(headers.get("RateLimit-Limit", ""))
    if limit:
        window = f" in {span(float(limit[2]))}" if limit[2] else ""
        parts.append(f"it allows {limit[1]} pulls{window}")
    source = headers.get("Docker-RateLimit-Source", "")
    if source:
        parts.append(f"counted for {source}")
    seconds = retry_after(headers)
    if seconds is not None:
        parts.append(f"try again in {span(seconds)}")
    parts.append("logging in or a mirror (registry-mirrors) raises what you may pull")
    return "; ".join(parts)


def span(seconds: float) -> str:
    """Return a time for people, `6 hours`."""
    for size, name in ((3600, "hour"), (60, "minute"), (1, "second")):
        count = round(seconds / size)
        if seconds >= size or size == 1:
            return f"{count} {name}{'' if count == 1 else 's'}"
    return ""
