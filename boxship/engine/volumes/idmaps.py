"""Whose files are whose in an id-mapped mount: the mode `idmap` of `-v`. Pure.

`idmap=uids=DISK-SEEN-COUNT#…;gids=…` says it number by number: ids from DISK on are seen as SEEN on. Ids that no part
names belong to nobody, and cannot write. Without `gids` groups go as users do.

`idmap` alone lets the owner of the source and the container's user change places, and all others stay who they are.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from boxship.base.errors import Invalid
from boxship.base.facts import IdMap

WORD = "idmap"
EVERY = (1 << 32) - 1
MOST = 340  # extents of a map, user_namespaces(7)
Maps = tuple[tuple[IdMap, ...], tuple[IdMap, ...]]
_WANT = "want idmap=uids=DISK-SEEN-COUNT#…;gids=DISK-SEEN-COUNT#…, or idmap alone"


def of_mode(mode: str) -> str:
    """Return the part of a mode that is about ids, "" for none. Raises Invalid for one that makes no sense."""
    found = next((word for word in mode.split(",") if word.partition("=")[0] == WORD), "")
    if found:
        parse(found)
    return found


def parse(text: str) -> Maps | None:
    """Return (users, groups) of what `of_mode` gave; IdMap.container is the id on disk, .host the one seen.
    None means that owner and user change places. Raises Invalid."""
    if text == WORD:
        return None
    found: dict[str, tuple[IdMap, ...]] = {}
    for part in text.removeprefix(f"{WORD}=").split(";"):
        kind, equals, triples = part.partition("=")
        if not equals or kind not in ("uids", "gids") or kind in found:
            raise Invalid(f"invalid mode: {text}: {_WANT}")
        found[kind] = _checked([_triple(triple, text) for triple in triples.split("#")], text)
    if "uids" not in found:
        raise Invalid(f"invalid mode: {text}: {_WANT}")
    return found["uids"], found.get("gids", found["uids"])


def _triple(triple: str, text: str) -> IdMap:
    numbers = triple.split("-")
    if len(numbers) != 3 or not all(number.isascii() and number.isdecimal() for number in numbers):
        raise Invalid(f"invalid mode: {text}: {_WANT}")
    disk, seen, count = map(int, numbers)
    if not count or disk + count > EVERY or seen + count > EVERY:
        raise Invalid(f"invalid mode: {text}: ids go from 0 to {EVERY - 1}, and {triple} leaves that or names none")
    return IdMap(container=disk, host=seen, size=count)


def _checked(parts: Sequence[IdMap], text: str) -> tuple[IdMap, ...]:
    for side in ("container", "host"):
        spans = sorted((getattr(part, side), part.size) for part in parts)
        if any(first + size > following for (first, size), (following, _) in pairwise(spans)):
            raise Invalid(f"invalid mode: {text}: an id is named twice")
    if len(parts) > MOST:
        raise Invalid(f"invalid mode: {text}: {len(parts)} parts, the kernel takes {MOST}")
    return tuple(parts)


def user_of(text: str) -> tuple[int, int]:
    """Return uid and gid of a container's `user`, "1000:1000"; a missing group is the user's own, of the same number.
    Raises Invalid for names: what they stand for is known only once the container is put together."""
    uid, _, gid = (text or "0").partition(":")
    gid = gid or uid
    if not (uid.isdecimal() and gid.isdecimal()):
        raise Invalid(f"idmap: the container's user {text!r} is a name; give its number, or idmap=uids=…")
    return int(uid), int(gid)


def exchanged(owner: tuple[int, int], user: tuple[int, int]) -> Maps:
    """Return the maps that let the owner on disk be seen as `user`, and the reverse."""
    return _exchange(owner[0], user[0]), _exchange(owner[1], user[1])


def _exchange(one: int, other: int) -> tuple[IdMap, ...]:
    low, high = sorted((one, other))
    if low == high:
        return (IdMap(container=0, host=0, size=EVERY),)
    parts = ((0, 0, low), (low, high, 1), (low + 1, low + 1, high - low - 1), (high, low, 1))
    last = (high + 1, high + 1, EVERY - high - 1)
    return tuple(IdMap(container=disk, host=seen, size=size) for disk, seen, size in (*parts, last) if size)


def beyond(maps: Sequence[IdMap], outer: Sequence[IdMap]) -> tuple[IdMap, ...]:
    """Return `maps` with what they are seen as translated once more, by the map of a user namespace. () is none."""
    return tuple(_composed(maps, outer)) if outer else tuple(maps)


def _composed(maps: Sequence[IdMap], outer: Sequence[IdMap]) -> Iterator[IdMap]:
    for part in maps:
        for span in outer:
            first = max(part.host, span.container)
            end = min(part.host + part.size, span.container + span.size)
            if first < end:
                disk, host = part.container + first - part.host, span.host + first - span.container
                yield IdMap(container=disk, host=host, size=end - first)
