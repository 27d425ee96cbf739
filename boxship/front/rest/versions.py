"""The API version of a request. The rules of versions are in version.py, which is pure."""

from aiohttp import web

from boxship.front.rest.version import NEWEST, OLDEST, Version, check, show, split

__all__ = ["NEWEST", "OLDEST", "VERSION", "Version", "check", "of", "show", "split"]

VERSION: web.RequestKey[Version] = web.RequestKey("version")


def of(request: web.Request) -> Version:
    """Return the version the client asked for; the newest when it asked for none."""
    return request[VERSION]
