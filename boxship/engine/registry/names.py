"""Names of repositories, tags and digests as the distribution specification has them. Pure."""

import hashlib
import re
from typing import Any

from boxship.engine.registry.faults import Fault

NAME_LIMIT = 255
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_PART}(?:/{_PART})*")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_DIGESTS = {"sha256": re.compile(r"[a-f0-9]{64}"), "sha512": re.compile(r"[a-f0-9]{128}")}


def check_name(name: str) -> str:
    """Return `name`. Raises Fault NAME_INVALID."""
    if len(name) > NAME_LIMIT or not _NAME.fullmatch(name):
        raise Fault("NAME_INVALID", "invalid repository name", detail={"name": name[:NAME_LIMIT]})
    return name


def is_tag(text: str) -> bool:
    return _TAG.fullmatch(text) is not None


def is_digest(text: str) -> bool:
    algorithm, _, value = text.partition(":")
    return algorithm in _DIGESTS and _DIGESTS[algorithm].fullmatch(value) is not None


def check_digest(text: str) -> str:
    """Return `text`. Raises Fault DIGEST_INVALID."""
    if not is_digest(text):
        raise Fault("DIGEST_INVALID", "provided digest did not match uploaded content", detail={"digest": text[:200]})
    return text


def check_reference(text: str) -> str:
    """Return a tag or digest. Raises Fault: DIGEST_INVALID for what looks like a digest, else TAG_INVALID."""
    if ":" in text:
        return check_digest(text)
    if not is_tag(text):
        raise Fault("TAG_INVALID", "manifest tag did not match URI", detail={"tag": text[:200]})
    return text


def hasher(digest: str) -> Any:
    """Return a fresh hashlib object for the algorithm of a checked digest."""
    return hashlib.new(digest.partition(":")[0])


def digest_of(content: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"
