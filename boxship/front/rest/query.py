"""Values in query strings, read with Docker's own laxness."""

from collections.abc import Mapping

from aiohttp import web

from boxship.base.errors import Invalid
from boxship.base.units import SECOND

_FALSE = frozenset(("", "0", "no", "false", "none"))


def text(request: web.Request, name: str, default: str = "") -> str:
    return request.query.get(name, default)


def boolean(request: web.Request, name: str, default: bool = False) -> bool:
    """Everything is true but nothing, 0, no, false and none. An absent value is `default`."""
    value = request.query.get(name)
    return default if value is None else value.strip().lower() not in _FALSE


def number(request: web.Request, name: str, default: int | None = None) -> int | None:
    """Return a whole number. Raises Invalid, in Go's words, for what is none."""
    value = request.query.get(name)
    if not value:
        return default
    try:
        return int(value)
    except ValueError:
        raise Invalid(f'strconv.Atoi: parsing "{value}": invalid syntax') from None


def required_number(request: web.Request, name: str) -> int:
    value = number(request, name)
    if value is None:
        raise Invalid('strconv.Atoi: parsing "": invalid syntax')
    return value


def many(request: web.Request, name: str) -> tuple[str, ...]:
    """Return all values of a parameter that may be repeated."""
    return tuple(request.query.getall(name, []))


def moment(request: web.Request, name: str) -> int | None:
    """Return a point in time, given as seconds since 1970 up to nine decimals, in nanoseconds; None when absent."""
    return parse_moment(request.query, name)


def parse_moment(query: Mapping[str, str], name: str) -> int | None:
    value = query.get(name, "")
    if not value:
        return None
    whole, _, fraction = value.partition(".")
    try:
        seconds, rest = int(whole), int(fraction[:9].ljust(9, "0")) if fraction else 0
    except ValueError:
        raise Invalid(f'strconv.ParseInt: parsing "{value}": invalid syntax') from None
    return seconds * SECOND + (-rest if whole.startswith("-") else rest)
