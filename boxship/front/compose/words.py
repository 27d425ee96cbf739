"""Numbers and durations in the words of Go's tools, as docker compose prints and hashes them. Pure."""

import struct
from typing import Any

_HOUR, _MINUTE, _SECOND = 3_600_000_000_000, 60_000_000_000, 1_000_000_000


def duration(nanoseconds: int) -> str:
    """Return `1h0m30s`, `1.5s`, `500ms`. Source: Go, time.Duration.String."""
    if nanoseconds < 0:
        return f"-{duration(-nanoseconds)}"
    if nanoseconds == 0:
        return "0s"
    for unit, size in (("ns", 1_000), ("µs", 1_000_000), ("ms", _SECOND)):
        if nanoseconds < size:
            return f"{_fraction(nanoseconds, size // 1000)}{unit}"
    hours, rest = divmod(nanoseconds, _HOUR)
    minutes, rest = divmod(rest, _MINUTE)
    shown = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{shown}{_fraction(rest, _SECOND)}s"


def _fraction(count: int, size: int) -> str:
    whole, rest = divmod(count, size)
    if not rest:
        return str(whole)
    return f"{whole}.{str(rest).rjust(len(str(size)) - 1, '0').rstrip('0')}"


def _digits(value: float, bits: int) -> str:
    """Return the shortest `d.ddde±x` that reads back as the same number of 32 or 64 bits."""
    if bits == 64:
        return _scientific(repr(value))
    wanted = struct.pack("f", value)
    for places in range(9):
        text = f"{value:.{places}e}"
        if struct.pack("f", float(text)) == wanted:
            return text
    return f"{value:.9e}"


def _scientific(text: str) -> str:
    """Return Python's shortest form, `0.00012` or `1e+22`, with one digit before the point and an exponent."""
    sign, text = ("-", text[1:]) if text.startswith("-") else ("", text)
    mantissa, _, exponent = text.partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    power = int(exponent or "0") + len(whole) - 1 - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    return f"{sign}{digits[:1]}{'.' if len(digits) > 1 else ''}{digits[1:]}e{power}"


def number(value: float, bits: int = 64) -> str:
    """Return a float as Go's %v and its YAML print it: an exponent below 1e-4 and from 1e6 on. Source: strconv."""
    if value == 0:
        return "0"
    mantissa, _, exponent = _digits(value, bits).partition("e")
    power = int(exponent)
    if power < -4 or power >= 6:
        return f"{mantissa}e{'-' if power < 0 else '+'}{abs(power):02d}"
    return _plain(mantissa, power)


def json_number(value: float, bits: int = 64) -> str:
    """Return a float as Go's JSON prints it: an exponent only below 1e-6 and from 1e21 on."""
    if value == 0:
        return "0"
    mantissa, _, exponent = _digits(value, bits).partition("e")
    power = int(exponent)
    if power < -6 or power >= 21:
        return f"{mantissa}e{'-' if power < 0 else '+'}{abs(power):02d}".replace("e-0", "e-")
    return _plain(mantissa, power)


def _plain(mantissa: str, power: int) -> str:
    sign, mantissa = ("-", mantissa[1:]) if mantissa.startswith("-") else ("", mantissa)
    digits = mantissa.replace(".", "")
    if power < 0:
        return f"{sign}0.{'0' * (-power - 1)}{digits}".rstrip("0")
    digits = digits.ljust(power + 1, "0")
    whole, rest = digits[: power + 1], digits[power + 1 :].rstrip("0")
    return f"{sign}{whole}.{rest}" if rest else f"{sign}{whole}"


def text(value: Any) -> str:
    """Return any scalar as Go's fmt.Sprint shows it; None is the empty string."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return number(value)
    return str(value)
