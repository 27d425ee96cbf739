"""Which images `docker images` and `docker image prune` mean. Pure: time is an argument.

Source: Docker Engine API, ImageList and ImagePrune.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import msgspec

from boxship.base.errors import Invalid
from boxship.front.docker.wire.select import until
from boxship.front.rest.filters import Filters
from boxship.model.image import Image

LIST_KEYS = frozenset(("before", "dangling", "label", "label!", "reference", "since", "until"))
PRUNE_KEYS = frozenset(("dangling", "label", "label!", "until"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What a list request asks for. before, since: images.  parents: ids of images that others were made from."""

    filters: Filters = field(default_factory=Filters)
    all: bool = False
    before: Image | None = None
    since: Image | None = None
    parents: frozenset[str] = frozenset()
    now: int = 0


def select(images: Iterable[Image], query: Query) -> list[Image]:
    """Return what `query` asks for, in the order given, each with the names that match. Raises Invalid."""
    filters = query.filters
    moment = until(filters, query.now)
    matches = matcher(filters.get("reference"))
    found = []
    for image in images:
        if not _is_shown(image, query) or not _is_between(image, query):
            continue
        if moment is not None and image.created > moment:
            continue
        if not (filters.labels(image.config.labels) and filters.not_labels(image.config.labels)):
            continue
        kept = _named(image, matches) if "reference" in filters else image
        if kept is not None:
            found.append(kept)
    return found


def _is_shown(image: Image, query: Query) -> bool:
    """Images without a name show if nothing was made from them, or all are wanted."""
    dangling_only = query.filters.boolean("dangling") if "dangling" in query.filters else None
    if image.tags or image.digests:
        return not (dangling_only and image.tags)
    if not query.all and image.id in query.parents:
        return False
    return dangling_only is not False


def _is_between(image: Image, query: Query) -> bool:
    if query.before is not None and not image.created < query.before.created:
        return False
    return query.since is None or image.created > query.since.created


def _named(image: Image, matches: Callable[[str], bool]) -> Image | None:
    tags = tuple(name for name in image.tags if matches(name))
    digests = tuple(name for name in image.digests if matches(name))
    return msgspec.structs.replace(image, tags=tags, digests=digests) if tags or digests else None


def matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Return the test for a familiar name against shell patterns: with its tag or without, `*` within one part."""
    compiled = [_compile(pattern) for pattern in patterns]

    def matches(name: str) -> bool:
        bare = re.sub(r"(:[^:/@]*)?(@.*)?$", "", name)
        return any(p.fullmatch(name) or p.fullmatch(bare) for p in compiled)

    return matches


def _compile(pattern: str) -> re.Pattern[str]:
    """Go's path.Match as a regular expression. Raises Invalid."""
    found, at = "", 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "*":
            found += "[^/]*"
        elif char == "?":
            found += "[^/]"
        elif char == "[":
            end = pattern.find("]", at + 1)
            if end < 0:
                raise Invalid("syntax error in pattern")
            body = pattern[at:end].replace("\\", "\\\\").replace("[", "\\[")
            found, at = f"{found}[{body}]", end + 1
        elif char == "\\" and at < len(pattern):
            found, at = found + re.escape(pattern[at]), at + 1
        else:
            found += re.escape(char)
    try:
        return re.compile(found)
    except re.error:
        raise Invalid("syntax error in pattern") from None


def prunable(filters: Filters, now: int) -> Callable[[Image], bool]:
    """Return the test for what a prune with `filters` removes. `now`: nanoseconds since 1970. Raises Invalid."""
    moment = until(filters, now)

    def test(image: Image) -> bool:
        if moment is not None and image.created > moment:
            return False
        return filters.labels(image.config.labels) and filters.not_labels(image.config.labels)

    return test
