"""Read images from an archive that comes once and forward only: docker-archive, or OCI layout.

What a file is often shows only at the end, in manifest.json. So files that look like JSON are kept in memory, files
that look like layers are extracted aside as they pass, and the end tells what of it makes an image.
"""

import asyncio
import hashlib
import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from boxship.base.errors import Invalid, NotFound
from boxship.engine.images import config as image_config
from boxship.engine.images import manifest as manifests
from boxship.engine.images.attested import PREDICATE_TYPE, is_statement, statement
from boxship.engine.images.inflate import is_compressed, plain
from boxship.engine.images.layers import Layers, Read, Staged
from boxship.engine.images.manifest import Platform
from boxship.engine.images.reference import Reference, parse
from boxship.engine.images.tarhead import BLOCK, Head
from boxship.engine.images.tarstream import Body, entries
from boxship.model.image import Image, Statement

JSON_LIMIT = 16 << 20  # bytes of one JSON file; configurations are a few kilobytes
JSON_TOTAL = 64 << 20
_HEX = re.compile(r"[a-f0-9]{64}")
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Found:
    """One image of the archive, checked: all its layers are staged or there already. members: all images of the index
    that it stands for, itself among them, () for none."""

    raw: bytes
    image: Image
    references: tuple[Reference, ...]
    statements: tuple[Statement, ...] = ()
    members: "tuple[Found, ...]" = ()


class ArchiveReader:
    """Reads one archive. staged: layers extracted aside, by diff id; whoever made the reader discards those that were
    not kept, also when reading failed.  platform: of which all its images must be, those of an index one each."""

    def __init__(
        self, layers: Layers, loop: asyncio.AbstractEventLoop, progress: Progress, platform: Platform | None = None
    ) -> None:
        self._layers = layers
        self._platform = platform
        self._loop = loop
        self._progress = progress
        self._documents: dict[str, bytes] = {}
        self._links: dict[str, str] = {}
        self._diff_ids: dict[str, str] = {}  # path of a layer -> diff id
        self.staged: dict[str, Staged] = {}

    def read(self, read: Read) -> list[Found]:
        """Read a whole archive, compressed or not, and return its images. For a thread. Raises Invalid."""
        for head, body in entries(plain(read)):
            self._take(head, body)
        return list(self._images())

    def _take(self, head: Head, body: Body) -> None:
        path = posixpath.normpath(head.path)
        if head.kind in b"12":
            base = posixpath.dirname(path) if head.kind == b"2" else ""
            self._links[path] = posixpath.normpath(posixpath.join(base, head.link))
        elif head.is_file:
            start = body.peek(BLOCK)
            if _is_layer(start):
                self._layer(path, head, body)
            elif start[:1] in b"{[" and start:
                self._document(path, head, body)

    def _document(self, path: str, head: Head, body: Body) -> None:
        total = sum(map(len, self._documents.values())) + head.size
        if head.size > JSON_LIMIT or total > JSON_TOTAL:
            raise Invalid(f"{path}: too large for a JSON document")
        content = body.whole()
        _check_digest(path, "sha256:" + hashlib.sha256(content).hexdigest())
        self._documents[path] = content

    def _layer(self, path: str, head: Head, body: Body) -> None:
        known = self._known(path)
        if known:
            self._diff_ids[path] = known
            return
        shown = (_HEX.findall(path) or [path])[0][:12]
        done = 0

        def read(size: int) -> bytes:
            nonlocal done
            piece = body.read(size)
            done += len(piece)
            self._progress(shown, done, head.size)
            return piece

        staged = self._layers.stage(read, self._loop)
        diff_id = staged.facts.diff_id
        if diff_id in self.staged:
            self._layers.discard(staged)
        else:
            self.staged[diff_id] = staged
        _check_digest(path, staged.digest)
        self._diff_ids[path] = diff_id

    def _known(self, path: str) -> str:
        """Return the diff id that the path of a layer tells, if we have that layer: its bytes can be passed over.
        That the image means this layer is checked against its configuration like for any other."""
        for digits in _HEX.findall(path):
            facts = self._layers.find(f"sha256:{digits}")
            if facts is not None:
                return facts.diff_id
        return ""

    def _images(self) -> Iterator[Found]:
        listed = self._at("manifest.json")
        index = self._at("index.json")
        if listed is not None and not self._has_indexes(index):
            for entry in manifests.parse_entries(listed):
                raw = self._need(entry.config)
                yield self._image(
                    raw, entry.layers or (), tuple(parse(tag).with_default_tag() for tag in entry.repo_tags or ())
                )
        elif index is not None:
            yield from self._layout(manifests.parse_index(index))
        else:
            raise Invalid("open manifest.json: no such file or directory (this is neither docker save's nor an OCI "
                          "layout's archive; docker import takes file systems)")  # fmt: skip

    def _has_indexes(self, index: bytes | None) -> bool:
        """Tell whether the archive has more than docker's list can say: several platforms, or statements."""
        if index is None:
            return False
        listed = manifests.parse_index(index).manifests
        return any(d.media_type in manifests.INDEXES and self._at(_blob(d.digest)) is not None for d in listed)

    def _layout(self, index: manifests.Index) -> Iterator[Found]:
        """Names of the same thing go together."""
        names: dict[str, list[Reference]] = {}
        for descriptor in index.manifests:
            reference = manifests.annotated_name(descriptor)
            names.setdefault(descriptor.digest, []).extend([reference] if reference else [])
        kinds = {descriptor.digest: descriptor.media_type for descriptor in index.manifests}
        for digest, references in names.items():
            if kinds[digest] in manifests.INDEXES:
                yield self._whole(manifests.parse_index(self._need(_blob(digest))), tuple(references))
            else:
                yield self._one(digest, tuple(references))

    def _one(self, digest: str, references: tuple[Reference, ...] = ()) -> Found:
        manifest = manifests.parse_manifest(self._need(_blob(digest)))
        paths = tuple(_blob(layer.digest) for layer in manifest.layers)
        return self._image(self._need(_blob(manifest.config.digest)), paths, references)

    def _whole(self, index: manifests.Index, references: tuple[Reference, ...]) -> Found:
        """Return what an index stands for, as far as it is in the archive: not all images of a name need be saved."""
        wanted = self._platform or manifests.wanted_platform("")
        here = [d for d in index.manifests if not is_statement(d) and self._at(_blob(d.digest)) is not None]
        chosen = manifests.choose(tuple(here), wanted)
        if chosen is None and (self._platform is not None or not here):
            raise NotFound(f"no image of the archive is for the platform {manifests.shown(wanted)}")
        if self._platform is not None:
            assert chosen is not None
            return self._one(chosen.digest, references)
        members = {d.digest: replace(self._one(d.digest), statements=self._stated(index, d.digest)) for d in here}
        main = members[(chosen or here[0]).digest]
        return replace(main, references=references, members=tuple(members.values()) if len(here) > 1 else ())

    def _stated(self, index: manifests.Index, subject: str) -> tuple[Statement, ...]:
        found: list[Statement] = []
        for descriptor in index.manifests:
            raw = self._at(_blob(descriptor.digest)) if is_statement(descriptor, subject) else None
            for layer in manifests.parse_manifest(raw).layers if raw is not None else ():
                kind = (layer.annotations or {}).get(PREDICATE_TYPE, "")
                content = self._at(_blob(layer.digest))
                if kind and content is not None:
                    found.append(statement(kind, content))
        return tuple(found)

    def _image(self, raw: bytes, paths: tuple[str, ...], references: tuple[Reference, ...]) -> Found:
        image = image_config.parse(raw)
        if self._platform is not None:
            names = ", ".join(reference.familiar for reference in references) or image.id
            manifests.check_platform(image, self._platform, names)
        if len(image.layers) != len(paths):
            raise Invalid(f"invalid manifest, layers length mismatch: expected {len(paths)}, got {len(image.layers)}")
        for number, (path, want) in enumerate(zip(paths, image.layers, strict=True)):
            got = self._diff_ids.get(self._resolve(path))
            if got is None:
                raise Invalid(f"open {path}: no such file or directory")
            if got != want:
                raise Invalid(f'invalid diffID for layer {number}: expected "{want}", got "{got}"')
        return Found(raw, image, references)

    def _need(self, path: str) -> bytes:
        content = self._at(path)
        if content is None:
            raise Invalid(f"open {path}: no such file or directory")
        return content

    def _at(self, path: str) -> bytes | None:
        return self._documents.get(self._resolve(path))

    def _resolve(self, path: str) -> str:
        path = posixpath.normpath(path).lstrip("/")
        for _ in range(8):
            if path not in self._links:
                break
            path = self._links[path]
        return path


def _blob(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/", 1)


def _is_layer(start: bytes) -> bool:
    """A tar has its magic at 257, unless it is old or empty; an empty one is zeros."""
    if is_compressed(start) or start[257:262] == b"ustar":
        return True
    return len(start) == BLOCK and not any(start)


def _check_digest(path: str, digest: str) -> None:
    """A blob of an OCI layout is called by its digest. Raises Invalid if it is not what it is called."""
    if path.startswith("blobs/sha256/") and not digest.endswith(posixpath.basename(path)):
        raise Invalid(f"{path}: digest mismatch, the content is {digest}")
