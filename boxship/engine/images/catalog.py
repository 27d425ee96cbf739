"""Which images there are and what they are called: records in the store, a working copy in memory.

Keys: `images/<hex>` holds a record, `tags/<canonical name>` and `digests/<canonical name>@<digest>` point to one.
A record is one write, so an image is there whole or not at all. Nothing here touches layers.
"""

from collections.abc import Iterable

import msgspec

from boxship.base.codec import decode, encode
from boxship.base.errors import NotFound
from boxship.engine.images import config as image_config
from boxship.engine.images.reference import Reference, parse, parse_any
from boxship.model.image import Described, Image, Statement
from boxship.store.api import Store

RECORDS, TAGS, DIGESTS, STATED = "images/", "tags/", "digests/", "stated/"


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is stored of one image. raw: the configuration, byte for byte.  size: of all layers, bytes.
    made: when it was made here, nanoseconds since 1970; 0 takes what the configuration says. Reproducible images are
    as old as what they are made of, people want to know when they built them.
    manifest: under which a registry gave or took it last."""

    raw: bytes
    size: int = 0
    parent: str = ""
    made: int = 0
    manifest: Described | None = None


class Pointer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A name of an image. time: when it was given, nanoseconds since 1970.
    members: ids of all images of the index that it names, in their order, `image_id` among them; () names no index."""

    image_id: str
    time: int = 0
    members: tuple[str, ...] = ()


class _Stated(msgspec.Struct, frozen=True):
    """All that is stated about one image: read only when it goes somewhere, for a bill of materials may be long."""

    statements: tuple[Statement, ...]


class Catalog:
    """Reads never wait; writes reach the store before they return."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._images: dict[str, Image] = {}
        self._raw: dict[str, bytes] = {}
        self._names: dict[Reference, Pointer] = {}
        self._names_of: dict[str, set[Reference]] = {}

    async def load(self) -> None:
        """Read everything the store holds; once, at the start. Names of images that are gone are forgotten."""
        for entry in (await self._store.list(RECORDS))[0]:
            self._keep(decode(entry.value, Record))
        for prefix in (TAGS, DIGESTS):
            for entry in (await self._store.list(prefix))[0]:
                pointer = decode(entry.value, Pointer)
                members = tuple(id for id in pointer.members if id in self._images)
                if pointer.image_id in self._images:
                    pointer = msgspec.structs.replace(pointer, members=members)
                    self._point(parse(entry.key.removeprefix(prefix)), pointer)
                else:
                    await self._store.delete(entry.key)
        for image_id in self._images:
            self._rename(image_id)

    def all(self) -> list[Image]:
        """Return all images, newest first."""
        return sorted(self._images.values(), key=lambda image: (image.created, image.id), reverse=True)

    def by_id(self, image_id: str) -> Image | None:
        return self._images.get(image_id)

    def named(self, reference: Reference) -> Image | None:
        """Return the image called `reference`; a digest outweighs a tag beside it."""
        if reference.digest:
            reference = reference.with_digest(reference.digest)
        pointer = self._names.get(reference.with_default_tag())
        return self._images.get(pointer.image_id) if pointer else None

    def find(self, text: str) -> Image:
        """Return the image a user means: exact name first, then id or its beginning.
        Raises NotFound with dockerd's sentence, Invalid for what cannot be a name."""
        wanted = parse_any(text)
        found = self.named(wanted.reference) if wanted.reference else None
        if found is None and wanted.digits:
            found = self._by_digits(wanted.digits)
        if found is None:
            raise NotFound(f"No such image: {wanted.shown}")
        return found

    def _by_digits(self, digits: str) -> Image | None:
        exact = self._images.get(f"sha256:{digits}")
        if exact is not None:
            return exact
        matches = [image for key, image in self._images.items() if key.startswith(f"sha256:{digits}")]
        return matches[0] if len(matches) == 1 else None

    def references(self, image_id: str) -> list[Reference]:
        """Return all names of an image, tags and digests, in the order of their texts."""
        return sorted(self._names_of.get(image_id, ()), key=lambda r: r.canonical)

    def tags_of(self, repository: str) -> list[Reference]:
        """Return all tags of a repository, named in full."""
        return sorted((r for r in self._names if r.name == repository and r.tag), key=lambda r: r.tag)

    def members(self, reference: Reference) -> tuple[str, ...]:
        """Return the ids of all images of the index that a name stands for, () where it stands for none."""
        pointer = self._names.get(reference.with_default_tag())
        return pointer.members if pointer else ()

    def indexes(self) -> dict[Reference, tuple[str, ...]]:
        """Return the names of indexes, with the images that they bring besides the one they name."""
        found = ((name, p) for name, p in self._names.items() if p.members)
        return {name: tuple(id for id in p.members if id != p.image_id) for name, p in found}

    def siblings(self, image_id: str) -> list[Image]:
        """Return an image, and those that indexes bring which name it."""
        named = (self._names[name] for name in self.references(image_id))
        ids = dict.fromkeys((image_id, *(id for pointer in named for id in pointer.members)))
        return [self._images[id] for id in ids if id in self._images]

    def children(self, image_id: str) -> list[Image]:
        return [image for image in self._images.values() if image.parent == image_id]

    def raw(self, image_id: str) -> bytes:
        """Return the configuration, byte for byte."""
        return self._raw[image_id]

    async def add(
        self, raw: bytes, *, size: int, parent: str = "", made: int = 0, manifest: Described | None = None
    ) -> Image:
        """Store the image that the configuration `raw` describes. Adding what is there keeps its parent and what
        manifest it had."""
        known = self._images.get(image_config.digest_of(raw))
        if known is not None:
            parent, manifest = parent or known.parent, manifest or known.manifest
        return await self._put(Record(raw=raw, size=size, parent=parent, made=made, manifest=manifest))

    async def describe(self, image_id: str, manifest: Described) -> None:
        """Note under which manifest a registry has an image; nothing happens if it is gone."""
        image = self._images.get(image_id)
        if image is not None and image.manifest != manifest:
            raw = self._raw[image_id]
            own = image_config.parse(raw).created
            made = image.created if image.created != own else 0
            await self._put(Record(raw=raw, size=image.size, parent=image.parent, made=made, manifest=manifest))

    async def _put(self, record: Record) -> Image:
        image = self._keep(record)
        await self._store.put(RECORDS + image.id.removeprefix("sha256:"), encode(record))
        self._rename(image.id)
        return self._images[image.id]

    async def drop(self, image_id: str) -> None:
        """Forget an image; its names must be gone before."""
        await self._store.delete(RECORDS + image_id.removeprefix("sha256:"))
        await self._store.delete(STATED + image_id.removeprefix("sha256:"))
        self._images.pop(image_id, None)
        self._raw.pop(image_id, None)

    async def state(self, image_id: str, statements: tuple[Statement, ...]) -> None:
        """Keep what is stated about an image in the place of what was."""
        key = STATED + image_id.removeprefix("sha256:")
        if statements:
            await self._store.put(key, encode(_Stated(statements)))
        elif await self._store.get(key) is not None:
            await self._store.delete(key)

    async def statements(self, image_id: str) -> tuple[Statement, ...]:
        entry = await self._store.get(STATED + image_id.removeprefix("sha256:"))
        return decode(entry.value, _Stated).statements if entry is not None else ()

    async def point(self, reference: Reference, image_id: str, time: int, members: tuple[str, ...] = ()) -> str:
        """Let `reference` name an image, or an index, from now on. Return the id of the image it named before, "" if
        none."""
        pointer = Pointer(image_id=image_id, time=time, members=members)
        before = self._point(reference, pointer)
        await self._store.put(_key(reference), encode(pointer))
        self._rename(before, image_id)
        return before

    async def unpoint(self, reference: Reference) -> None:
        """Forget a name; forgetting an unknown one changes nothing."""
        before = self._names.pop(reference, None)
        await self._store.delete(_key(reference))
        if before is not None:
            self._names_of[before.image_id].discard(reference)
            self._rename(before.image_id)

    def _keep(self, record: Record) -> Image:
        image = image_config.parse(record.raw)
        created = record.made or image.created
        image = msgspec.structs.replace(
            image, size=record.size, parent=record.parent, created=created, manifest=record.manifest
        )
        self._images[image.id], self._raw[image.id] = image, record.raw
        return image

    def _point(self, reference: Reference, pointer: Pointer) -> str:
        before = self._names.get(reference)
        if before is not None:
            self._names_of[before.image_id].discard(reference)
        self._names[reference] = pointer
        self._names_of.setdefault(pointer.image_id, set()).add(reference)
        return before.image_id if before else ""

    def _rename(self, *image_ids: str) -> None:
        for image_id in image_ids:
            image = self._images.get(image_id)
            if image is not None:
                names = self.references(image_id)
                self._images[image_id] = msgspec.structs.replace(
                    image,
                    tags=_familiar(r for r in names if not r.digest),
                    digests=_familiar(r for r in names if r.digest),
                    last_tagged=max((self._names[r].time for r in names if not r.digest), default=0),
                )


def _familiar(references: Iterable[Reference]) -> tuple[str, ...]:
    return tuple(reference.familiar for reference in references)


def _key(reference: Reference) -> str:
    return (DIGESTS if reference.digest else TAGS) + reference.canonical
