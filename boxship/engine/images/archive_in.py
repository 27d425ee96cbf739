"""Read images from an archive that comes once and forward only: docker-archive, or OCI layout.

What a file is often shows only at the end, in manifest.json. So files that look like JSON are kept in memory, files
that look like layers are extracted aside as they pass, and the end tells what of it makes an image.
"""

import asyncio
import hashlib
import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from boxship.base.errors import Invalid, NotFound
from boxship.engine.images import config as image_config
from boxship.engine.images import manifest as manifests
from boxship.engine.images.inflate import is_compressed, plain
from boxship.engine.images.layers import Layers, Read, Staged
from boxship.engine.images.manifest import Platform
from boxship.engine.images.reference import Reference, parse
from boxship.engine.images.tarhead import BLOCK, Head
from boxship.engine.images.tarstream import Body, entries
from boxship.model.image import Image

JSON_LIMIT = 16 << 20  # bytes of one JSON file; configurations are a few kilobytes
JSON_TOTAL = 64 << 20
_HEX = re.compile(r"[a-f0-9]{64}")
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Found:
    """One image of the archive, checked: all its layers are staged or there already."""

    raw: bytes
    image: Image
    references: tuple[Reference, ...]


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
        if listed is not None:
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

    def _layout(self, index: manifests.Index) -> Iterator[Found]:
        for descriptor in index.manifests:
            reference = manifests.annotated_name(descriptor)
            raw = self._need(_blob(descriptor.digest))
            if descriptor.media_type in manifests.INDEXES:
                inner = manifests.parse_index(raw)
                wanted = self._platform or manifests.wanted_platform("")
                chosen = manifests.choose(inner.manifests, wanted)
                if chosen is None:
                    raise NotFound(f"no image of the archive is for the platform {manifests.shown(wanted)}")
                raw = self._need(_blob(chosen.digest))
            manifest = manifests.parse_manifest(raw)
            paths = tuple(_blob(layer.digest) for layer in manifest.layers)
            yield self._image(self._need(_blob(manifest.config.digest)), paths, (reference,) if reference else ())

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
