"""API versions in paths: `/v1.41/containers/json`. Pure."""

import re

from boxship.base.errors import Invalid

Version = tuple[int, int]

NEWEST: Version = (1, 51)
OLDEST: Version = (1, 24)
_PREFIX = re.compile(r"/v(\d+)\.(\d+(?:\.\d+)?)(?=/|\?|$)")


def show(version: Version) -> str:
    return f"{version[0]}.{version[1]}"


def split(path: str) -> tuple[Version | None, str]:
    """Return the version a path begins with, None without one, and the path behind it."""
    match = _PREFIX.match(path)
    if not match:
        return None, path
    return (int(match[1]), int(match[2].partition(".")[0])), path[match.end() :] or "/"


def check(version: Version) -> None:
    """Raise Invalid, in dockerd's words, for a version that we do not speak."""
    if version < OLDEST:
        raise Invalid(
            f"client version {show(version)} is too old. Minimum supported API version is {show(OLDEST)}, "
            "please upgrade your client to a newer version"
        )
    if version > NEWEST:
        raise Invalid(f"client version {show(version)} is too new. Maximum supported API version is {show(NEWEST)}")
