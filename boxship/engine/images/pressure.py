"""Which images may go when the disk fills up: the one nobody has used for longest first. Pure.

Only what can be had again goes: images that came from a registry or went to one, and images without a name. What a
container, a child or a pin needs stays.
"""

import fnmatch
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from boxship.base.units import human_size
from boxship.model.image import Image

PIN = "boxship.pinned"  # a label; whatever it says but "false" keeps the image


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """high: percent of the disk in use from which images go; 0 never removes any.  low: until it is so full.
    age: nanoseconds for which nobody must have used an image.  pinned: names to keep, `*` stands for anything."""

    high: int = 0
    low: int = 0
    age: int = 0
    pinned: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """Bytes."""

    total: int
    free: int

    @property
    def percent(self) -> int:
        return 100 * (self.total - self.free) // self.total if self.total else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """used: image id -> when it was last used, nanoseconds since 1970.  busy: ids of images that containers have.
    sizes: image id -> bytes that go with it alone, at least."""

    images: Sequence[Image]
    used: Mapping[str, int]
    busy: Collection[str]
    sizes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Evict:
    image_id: str
    cause: str


def plan(disk: Disk, seen: Seen, limits: Limits, now: int) -> tuple[Evict, ...]:
    """Return the images to remove, in order; () while the disk has room. It is enough for the low mark by what is
    known of sizes; layers that several of them share may make it more."""
    if not limits.high or disk.percent < limits.high:
        return ()
    wanted = disk.total * (100 - limits.low) // 100 - disk.free
    parents = {image.parent for image in seen.images}
    free = [i for i in seen.images if i.id not in parents and i.id not in seen.busy and _may_go(i, limits)]
    free.sort(key=lambda image: seen.used.get(image.id, 0))
    found: list[Evict] = []
    for image in free:
        used = seen.used.get(image.id, 0)
        if wanted <= 0:
            break
        if now - used >= limits.age:
            found.append(Evict(image.id, _cause(disk, limits, (now - used) // 1_000_000_000)))
            wanted -= seen.sizes.get(image.id, 0)
    return tuple(found)


def _may_go(image: Image, limits: Limits) -> bool:
    if image.config.labels.get(PIN, "false") != "false":
        return False
    if any(fnmatch.fnmatchcase(name, pattern) for name in image.tags for pattern in limits.pinned):
        return False
    return bool(image.digests) or not image.tags


def _cause(disk: Disk, limits: Limits, seconds: int) -> str:
    return (
        f"disk is {disk.percent}% full, {human_size(disk.free)} free, limit {limits.high}%; "
        f"not used for {seconds} s and to be had again"
    )


def render(actions: Sequence[Evict]) -> str:
    """One line per image, for logs and tests."""
    return "\n".join(f"evict {action.image_id}: {action.cause}" for action in actions)
