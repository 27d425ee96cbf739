"""Signals by name and number, as Docker's tools write them."""

import signal

from boxship.base.errors import Invalid

KILL, TERM = int(signal.SIGKILL), int(signal.SIGTERM)

# Who sends one of these without a stop signal of the container's own wants it to end. Others (HUP, USR1, WINCH, CONT …)
# are messages to a program that is meant to go on.
ENDING = frozenset({KILL, TERM, int(signal.SIGINT), int(signal.SIGQUIT), int(signal.SIGABRT)})

_NAMES = {s.name.removeprefix("SIG"): int(s) for s in signal.Signals} | {"IOT": 6, "CLD": 17, "POLL": 29, "STKFLT": 16}
_LAST = 64


def number(text: str) -> int:
    """Return the number of `9`, `KILL`, `SIGKILL`, `RTMIN+3`. Raises Invalid otherwise."""
    if text.isdecimal() and text.isascii():
        if 0 < int(text) <= _LAST:
            return int(text)
        raise Invalid(f"Invalid signal: {text}")
    name = text.upper().removeprefix("SIG")
    base, sign, offset = name.partition("+") if "+" in name else name.partition("-")
    found = _NAMES.get(base)
    if found is not None and sign and base in ("RTMIN", "RTMAX") and offset.isdecimal():
        found = found + int(offset) if sign == "+" else found - int(offset)
        sign = ""
    if found is None or sign or not 0 < found <= _LAST:
        raise Invalid(f"Invalid signal: {text}")
    return found


def stop_signal(text: str) -> int:
    """Return the number a container is asked to end with; "" is TERM. Never raises: it was checked at creation."""
    return number(text) if text else TERM
