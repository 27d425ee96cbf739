"""Images of one node: what there is, what it is called, and what keeps it alive.

Removal rules are in removal.py, the ways in and out in archive_in.py, archive_out.py, imports and commits in making.py.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from boxship.base.clock import Clock
from boxship.base.codec import decode
from boxship.base.errors import Conflict, Invalid, NotFound
from boxship.engine.events import Events
from boxship.engine.images import config as image_config
from boxship.engine.images import removal
from boxship.engine.images.archive_in import ArchiveReader, Found, Progress
from boxship.engine.images.archive_out import Wanted, described, write_archive
from boxship.engine.images.attested import Member, Whole
from boxship.engine.images.catalog import Catalog
from boxship.engine.images.feed import from_thread, through_thread
from boxship.engine.images.lasting import Lasting
from boxship.engine.images.layers import Facts, Layers, Packed, Staged, Trees
from boxship.engine.images.making import ImportWish, check, imported
from boxship.engine.images.manifest import Platform, check_platform, platform_of, suits
from boxship.engine.images.reference import Reference, parse, parse_any
from boxship.engine.images.removal import Delete, Snapshot, Untag, User
from boxship.host.api.files import Assembled, Packing
from boxship.model.image import Described, Image, Statement
from boxship.model.status import Container, State
from boxship.store.api import Store

log = logging.getLogger(__name__)
ALIVE = (State.RUNNING, State.PAUSED, State.RESTARTING)
Containers = Callable[[], Iterable[Container]]


class Images:
    """One per daemon; `start` it before use, close it at the end.

    containers: the node's containers, asked whenever it matters what is in use.
    kept: diff ids of layers that somebody else still needs; a build's cache.
    boot: id of the running kernel, for layers that it may lose by falling; "" trusts all.
    """

    def __init__(
        self,
        store: Store,
        events: Events,
        clock: Clock,
        data_root: Path,
        *,
        trees: Trees,
        containers: Containers,
        kept: Callable[[], Iterable[str]] = tuple,
        boot: str = "",
    ) -> None:
        self._catalog = Catalog(store)
        self._layers = Layers(data_root, trees, boot)
        self._lasting = Lasting(self._layers)
        self._events = events
        self._clock = clock
        self._containers = containers
        self._kept = kept
        # Layers that have become real but belong to no record yet must not be swept: both happen under this lock.
        self._settling = asyncio.Lock()

    async def start(self) -> None:
        """Read what is stored, sweep what an interrupted run left. Images that have lost a layer, as the machine's
        own fall can do it, are given up."""
        self._layers.load()
        await self._catalog.load()
        for image in self._catalog.all():
            if not all(map(self.has_layer, image.layers)):
                log.warning("image %s has lost a layer and is given up: %s", image.id, ", ".join(image.tags))
                for reference in self._catalog.references(image.id):
                    await self._catalog.unpoint(reference)
                await self._catalog.drop(image.id)
        await self.release()
        self._lasting.note()

    async def aclose(self) -> None:
        """Wait until all layers are on disk."""
        await self._lasting.aclose()

    # ---- looking

    def get(self, ref: str) -> Image:
        """Return the image that `ref` names: exact name, then id or its beginning.
        Raises NotFound "No such image: …", Invalid "invalid reference format"."""
        return self._catalog.find(ref)

    def get_for(self, ref: str, platform: Platform | None) -> Image:
        """The same, when it is for `platform`, if one is asked for; of an index the one that suits. Raises NotFound for
        that, too."""
        image = self.get(ref)
        if platform is None or suits(platform_of(image), platform):
            return image
        for each in self.members(ref):
            if suits(platform_of(each), platform):
                return each
        check_platform(image, platform, ref)
        return image

    def members(self, ref: str) -> list[Image]:
        """Return all images of the index that `ref` names, [] where it names none."""
        reference = parse_any(ref).reference
        ids = self._catalog.members(reference) if reference else ()
        return [image for id in ids if (image := self._catalog.by_id(id)) is not None]

    def siblings(self, image: Image) -> list[Image]:
        """Return an image, and those for other platforms under its names."""
        return self._catalog.siblings(image.id)

    async def whole(self, image: Image, reference: Reference | None = None) -> Whole:
        """Return an image with what is stated about it, or the index that `reference` stands for."""
        ids = self._catalog.members(reference) if reference is not None else ()
        members = [await self._member(each) for id in ids if (each := self._catalog.by_id(id)) is not None]
        return Whole(await self._member(image), tuple(members))

    async def _member(self, image: Image) -> Member:
        return Member(image, self._catalog.raw(image.id), await self._catalog.statements(image.id))

    async def state(self, image_id: str, statements: Sequence[Statement]) -> None:
        """Keep what is stated about an image, in the place of what was."""
        await self._catalog.state(image_id, tuple(statements))

    async def resolve(self, ref: str) -> Image:
        """The same for callers that may have to wait for an image."""
        return self.get(ref)

    def find(self, ref: str) -> Image | None:
        """Return the image that `ref` names, None where `get` would raise."""
        try:
            return self._catalog.find(ref)
        except (NotFound, Invalid):
            return None

    def all(self) -> list[Image]:
        """Return all images, newest first."""
        return self._catalog.all()

    def raw_config(self, image_id: str) -> bytes:
        """Return the image's configuration, byte for byte."""
        return self._catalog.raw(image_id)

    def named(self, reference: Reference) -> Image | None:
        """Return the image that is called exactly so."""
        return self._catalog.named(reference)

    def tags_of(self, repository: str) -> list[Reference]:
        """Return all tags of a repository, named in full."""
        return self._catalog.tags_of(repository)

    def document(self, image_id: str) -> dict[str, Any]:
        """Return the image's configuration, decoded: for what Image does not hold."""
        return decode(self._catalog.raw(image_id), dict[str, Any])

    def manifest(self, image: Image) -> Described:
        """Return the manifest under which a registry knows an image, else the one that `save` gives it."""
        return image.manifest or described(image, self._catalog.raw(image.id), self._layers)

    async def describe(self, image_id: str, manifest: Described) -> None:
        """Note under which manifest a registry has an image."""
        await self._catalog.describe(image_id, manifest)

    def references(self, image_id: str) -> list[Reference]:
        return self._catalog.references(image_id)

    def lowers(self, image: Image) -> tuple[str, ...]:
        """Return the directories of an image's layers, lowest first, ready as overlay lowers."""
        return tuple(self._layers.get(diff_id).path for diff_id in image.layers)

    def layer_sizes(self, image: Image) -> tuple[int, ...]:
        """Return the bytes in each layer, lowest first."""
        return tuple(self._layers.get(diff_id).size for diff_id in image.layers)

    def is_parent(self, image_id: str) -> bool:
        return bool(self._catalog.children(image_id))

    def parents(self) -> set[str]:
        """Return the ids of all images that others were made from, or that an index brings besides its main one."""
        brought = {id for ids in self._catalog.indexes().values() for id in ids}
        return {image.parent for image in self._catalog.all() if image.parent} | brought

    def users(self, image_id: str) -> list[Container]:
        """Return the containers made from an image."""
        return [container for container in self._containers() if container.image_id == image_id]

    def in_use(self) -> set[str]:
        """Return the ids of all images that containers were made from."""
        return {container.image_id for container in self._containers()}

    def disk_usage(self) -> int:
        """Return the bytes of all layers, each counted once."""
        return sum(facts.size for facts in self._layers.all())

    def shared_sizes(self) -> dict[str, int]:
        """Return for each image the bytes in layers that others have too."""
        images = self._catalog.all()
        owners = Counter(diff_id for image in images for diff_id in set(image.layers))
        sizes = {facts.diff_id: facts.size for facts in self._layers.all()}
        return {i.id: sum(sizes[d] for d in set(i.layers) if owners[d] > 1) for i in images}

    # ---- layers, for registries

    def has_layer(self, diff_id: str) -> bool:
        return self._layers.find(diff_id) is not None

    def packed_forms(self, diff_id: str) -> tuple[Packed, ...]:
        """Return the compressed forms in which registries may have a layer."""
        facts = self._layers.find(diff_id)
        return facts.packed if facts else ()

    async def remember(self, diff_id: str, packed: Packed) -> None:
        """Note that registries may have this compressed form of a layer."""
        await asyncio.to_thread(self._layers.remember, diff_id, packed)

    def tar_size(self, diff_id: str) -> int:
        facts = self._layers.find(diff_id)
        return facts.tar_size if facts else 0

    def layer_tar(self, diff_id: str) -> Iterator[bytes]:
        """Yield a layer's tar, byte for byte. For a thread."""
        return self._layers.tar(diff_id)

    def packed_layer(self, diff_id: str, level: int) -> Assembled:
        """Give a layer's tar as gzip; 1 is the fastest level but 0."""
        return self._layers.packed(diff_id, level)

    def repositories_with(self, diff_id: str, domain: str) -> list[str]:
        """Return repositories of a registry that should have a layer, since images of that name have it."""
        names = {
            reference.path
            for image in self._catalog.all()
            if diff_id in image.layers
            for reference in self._catalog.references(image.id)
            if reference.domain == domain and reference.digest
        }
        return sorted(names)

    # ---- naming

    async def tag(self, ref: str, name: str, tag: str = "") -> None:
        """Let `name:tag` mean the image `ref` too. Raises NotFound, and Invalid for what cannot be a tag."""
        image = self.get(ref)
        reference = parse(name)
        if reference.digest:
            raise Invalid("refusing to create a tag with a digest reference")
        if reference.familiar_name == "sha256":
            raise Invalid("refusing to create an ambiguous tag using digest algorithm as name")
        named = reference.with_tag(tag) if tag else reference.with_default_tag()
        await self._name(named, image.id, tuple(each.id for each in self.members(ref)))

    async def tag_index(self, image_ids: Sequence[str], main: str, reference: Reference) -> None:
        """Let a name mean several images, one for each platform; who asks for none gets `main`."""
        await self._name(reference.with_default_tag(), main, tuple(image_ids))

    async def _name(self, reference: Reference, image_id: str, members: tuple[str, ...] = ()) -> None:
        await self.point(reference, image_id, members)
        self._announce(image_id, "tag", reference.familiar)

    async def point(self, reference: Reference, image_id: str, members: tuple[str, ...] = ()) -> None:
        """Name an image without a word to anybody, as pulls and pushes do with digests. members: see `tag_index`."""
        await self._catalog.point(reference, image_id, self._clock.now(), members)

    def _announce(self, image_id: str, action: str, name: str = "") -> None:
        image = self._catalog.by_id(image_id)
        labels = image.config.labels if image else {}
        self._events.publish("image", action, image_id, {**labels, "name": name or image_id})

    # ---- removal

    async def remove(self, ref: str, *, force: bool = False, prune: bool = True) -> list[dict[str, str]]:
        """Remove a name, or an image with all it alone needs. Return Docker's list of Untagged and Deleted.
        Raises Conflict with dockerd's sentence when something still needs it."""
        image = self.get(ref)
        digits = image.id.removeprefix("sha256:")
        by_id = image.id.startswith(ref) or digits.startswith(ref)
        plan = removal.plan(image.id, None if by_id else parse(ref), self._snapshot(), force=force, prune=prune)
        return await self._execute(plan)

    def _snapshot(self) -> Snapshot:
        images = self._catalog.all()
        containers = self._containers()
        return Snapshot(
            names={image.id: self._catalog.references(image.id) for image in images},
            parents={image.id: image.parent for image in images},
            users=[User(container_id=c.id, image_id=c.image_id, running=c.status.state in ALIVE) for c in containers],
            indexes=self._catalog.indexes(),
        )

    async def _execute(self, plan: Sequence[removal.Action]) -> list[dict[str, str]]:
        done: list[dict[str, str]] = []
        for action in plan:
            match action:
                case Untag(reference):
                    done.append({"Untagged": reference.familiar})
                    image = self._catalog.named(reference)
                    await self._catalog.unpoint(reference)
                    self._announce(image.id if image else "", "untag")
                case Delete(image_id):
                    done.append({"Deleted": image_id})
                    done += [{"Deleted": chain} for chain in await self._delete(image_id)]
        return done

    async def _delete(self, image_id: str) -> list[str]:
        """Return the chain ids of the layers that went along, highest first."""
        image = self._catalog.by_id(image_id)
        self._announce(image_id, "delete")
        await self._catalog.drop(image_id)
        gone = await self.release()
        chains = zip(image.layers, image.chain, strict=True) if image else ()
        return [chain for diff_id, chain in reversed(list(chains)) if diff_id in gone]

    async def release(self) -> set[str]:
        """Remove the layers that neither an image nor a container needs. Return their diff ids."""
        async with self._settling:
            needed = {diff_id for image in self._catalog.all() for diff_id in image.layers} | set(self._kept())
            mounted = {path for container in self._containers() for path in container.layers}
            idle = [f.diff_id for f in self._layers.all() if f.diff_id not in needed]
            gone = {diff_id for diff_id in idle if self._layers.get(diff_id).path not in mounted}
            for diff_id in gone:
                self._layers.drop(diff_id)
        return gone

    async def prune(
        self, wanted: Callable[[Image], bool], *, dangling: bool = True
    ) -> tuple[list[dict[str, str]], int]:
        """Remove images that no container uses and `wanted` accepts: those without a name, or, with `dangling`
        false, all. Return what was removed and the bytes won."""
        before, done = self.disk_usage(), []
        await self.release()  # layers that only a container held which is gone by now
        used = {container.image_id for container in self._containers()}
        parents = self.parents()
        for image in self.all():
            names = self._catalog.references(image.id)
            if image.id in used or not wanted(image) or (dangling and (names or image.id in parents)):
                continue
            done += await self._prune_one(image, names)
        reclaimed = before - self.disk_usage()
        self._events.publish("image", "prune", "", {"reclaimed": str(reclaimed)})
        return done, reclaimed

    async def _prune_one(self, image: Image, names: Sequence[Reference]) -> list[dict[str, str]]:
        done: list[dict[str, str]] = []
        for target in [name.familiar for name in names] or [image.id]:
            if self.find(target) is not None:
                try:
                    done += await self.remove(target)
                except Conflict:  # somebody began to use it meanwhile, or a child needs it
                    continue
        return done

    # ---- ways in and out

    async def load(
        self, pieces: AsyncIterator[bytes], progress: Progress, platform: Platform | None = None
    ) -> list[str]:
        """Take in a docker-archive or an OCI layout, packed or not. Return the lines dockerd shows.
        `progress(id, current, total)` is called from another thread. Raises Invalid, NotFound when it is not for
        `platform`; then nothing is left."""
        reader = ArchiveReader(self._layers, asyncio.get_running_loop(), progress, platform)
        lines: list[str] = []
        try:
            for found in await through_thread(pieces, reader.read):
                lines += await self._settle(found, reader.staged)
        finally:
            for staged in reader.staged.values():
                self._layers.discard(staged)
        return lines

    async def _settle(self, found: Found, staged: Mapping[str, Staged]) -> list[str]:
        members = found.members or (found,)
        for each in members:
            image = await self.adopt(each.raw, [staged[d] for d in each.image.layers if d in staged])
            await self.state(image.id, each.statements)
            self._announce(image.id, "load")
        image = found.image
        for reference in found.references:
            await self._name(reference, image.id, tuple(each.image.id for each in found.members))
        if found.references:
            return [f"Loaded image: {reference.familiar}\n" for reference in found.references]
        return [f"Loaded image ID: {image.id}\n"]

    async def save(self, refs: Sequence[str]) -> AsyncIterator[bytes]:
        """Return an archive of the named images, in pieces. Raises NotFound before the first one."""
        wanted = await self._wanted(refs)
        for item in wanted:
            self._announce(item.whole.main.image.id, "save")
        return from_thread(write_archive(wanted, self._layers))

    def archive(self, whole: Whole, references: Sequence[Reference]) -> AsyncIterator[bytes]:
        """Return an archive of images that need not be recorded; their layers must be there."""
        return from_thread(write_archive([Wanted(whole, tuple(references))], self._layers))

    async def _wanted(self, refs: Sequence[str]) -> list[Wanted]:
        """A name without a tag means all tags of that repository; an id means the image without its names. Names of the
        same image, or of the same index, go together."""
        names: dict[tuple[str, tuple[str, ...]], list[Reference]] = {}
        for ref in refs:
            asked = parse_any(ref).reference
            tags = self._catalog.tags_of(asked.name) if asked and asked.is_name_only else []
            if asked and not tags and not asked.digest and self._catalog.named(asked):
                tags = [asked.with_default_tag()]
            for reference in tags:
                image = self._catalog.named(reference) or self.get(ref)
                known = names.setdefault((image.id, self._catalog.members(reference)), [])
                if reference not in known:
                    known.append(reference)
            if not tags:
                names.setdefault((self.get(ref).id, ()), [])
        return [
            Wanted(await self.whole(self._catalog.find(id), found[0] if found else None), tuple(found))
            for (id, _), found in names.items()
        ]

    async def import_(self, pieces: AsyncIterator[bytes], wish: ImportWish) -> Image:
        """Make an image of one layer from a file system's archive, packed or not. Raises Invalid."""
        check(wish)
        layer = await self.stage(pieces)
        image = imported(wish, layer.facts.diff_id, self._clock.now())
        return await self.create(image, layer, wish.reference, action="import")

    async def stage(self, pieces: AsyncIterator[bytes]) -> Staged:
        """Extract one layer, packed or not, aside; hand it to `adopt` or `discard`."""
        loop = asyncio.get_running_loop()
        made: list[Staged] = []
        try:
            await through_thread(pieces, lambda read: made.append(self._layers.stage(read, loop)))
        except BaseException:  # the thread may have been done when we were cancelled
            for staged in made:
                self._layers.discard(staged)
            raise
        return made[0]

    async def stage_tree(self, tree: Path, how: Packing) -> Staged:
        """Take an upper directory over as a layer; `how` it would be packed. `keep`, `adopt` or `discard` it."""
        return await self._layers.stage_tree(tree, how)

    def keep(self, staged: Staged) -> Facts:
        """Make a staged layer a real one. The caller sees to it, before the loop goes on, that `kept` names it."""
        facts = self._layers.keep(staged)
        self._layers.discard(staged)
        self._lasting.note()
        return facts

    def layer_size(self, diff_id: str) -> int:
        """Return the bytes in a layer's files. Raises NotFound."""
        return self._layers.get(diff_id).size

    def layer_path(self, diff_id: str) -> str:
        """Return the directory of a layer. Raises NotFound."""
        return self._layers.get(diff_id).path

    def discard(self, staged: Staged) -> None:
        self._layers.discard(staged)

    async def create(
        self,
        image: Image,
        layer: Staged,
        reference: Reference | None,
        *,
        action: str = "create",
        extra: dict[str, Any] | None = None,
    ) -> Image:
        """Make `image` with `layer` as its highest one real, and name it. A failure leaves nothing.
        `extra`: further keys of its configuration."""
        try:
            made = await self.adopt(image_config.render(image, extra), [layer], parent=image.parent)
        finally:
            self._layers.discard(layer)
        self._announce(made.id, action)
        if reference is not None:
            await self._name(reference.with_default_tag(), made.id)
        return self._catalog.by_id(made.id) or made

    async def adopt(
        self,
        raw: bytes,
        staged: Iterable[Staged],
        *,
        parent: str = "",
        made: int = 0,
        manifest: Described | None = None,
    ) -> Image:
        """Keep the staged layers and record the image that `raw` describes; a layer that is there already is not
        kept twice. Every layer must be one or the other. After a crash all of it is there, or nothing.
        made: when it was made here, nanoseconds since 1970, if its configuration does not tell.  manifest: under which
        a registry gave it."""
        async with self._settling:
            for layer in staged:
                self._layers.keep(layer)
            self._lasting.note()
            size = sum(self._layers.get(diff_id).size for diff_id in image_config.parse(raw).layers)
            return await self._catalog.add(raw, size=size, parent=parent, made=made, manifest=manifest)
