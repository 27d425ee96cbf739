"""Platforms in query strings: JSON objects of OCI's form, as newer clients send them, or `linux/arm64`. Pure."""

from collections.abc import Sequence

from boxship.base.codec import decode
from boxship.base.errors import Invalid
from boxship.engine.images.manifest import Platform, parse_platform


def parse(text: str) -> Platform | None:
    """Return a platform, None for "". Raises Invalid."""
    if not text:
        return None
    if not text.startswith("{"):
        return parse_platform(text)
    found = decode(text, Platform)
    if not found.os or not found.architecture:
        raise Invalid("both OS and Architecture must be provided")
    return found


def one(texts: Sequence[str]) -> Platform | None:
    """Return the platform that a parameter names which may come several times: an image here has but one.
    Raises Invalid."""
    named = {parse(text) for text in texts if text}
    if len(named) > 1:
        raise Invalid("multiple platforms are not supported: an image here is of one platform")
    return next(iter(named), None)
