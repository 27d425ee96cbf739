"""Looking into what was built or fetched, without building on it."""

import fnmatch
import os
import posixpath
from pathlib import Path

from boxship.base.errors import Invalid
from boxship.engine.build import remote
from boxship.engine.build.seams import Parts
from boxship.engine.build.workspace import Workspace
from boxship.host.api.files import Entry


class Peeking:
    """Paths are as in the tree, links stay inside. `read`, `list` and `stat` block, for a thread."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def fetched(self, url: str, space: Workspace, *, file: str) -> Path:
        """Return a directory with what is at a URL. file: what a plain download is called in it; "" takes an archive
        apart. Raises NotFound, Invalid."""
        if remote.is_git(url) or not file:
            return await remote.directory(url, space, self._parts)
        found = await remote.download(url, space)
        root = space.directory("fetched")
        found.rename(root / posixpath.basename(file))
        return root

    def image(self, image_id: str, space: Workspace) -> Path:
        """Return an image's file system."""
        image = self._parts.images.get(image_id)
        return space.view([self._parts.images.layer_path(layer) for layer in image.layers])

    def read(self, root: Path, path: str, offset: int, length: int) -> bytes:
        """Raises NotFound, Invalid for what is no file."""
        with self._parts.trees.open_in(root, path) as file:
            file.seek(offset)
            return file.read(length)

    def list(self, root: Path, path: str, pattern: str) -> list[tuple[str, Entry]]:
        """Return (name, entry) of a directory's files, by name. pattern: with wildcards, "" for all."""
        inside = self._parts.trees.resolve(root, path or "/")
        if not (root / inside.lstrip("/")).is_dir():
            raise Invalid(f"{path} is no directory")
        names = sorted(os.listdir(root / inside.lstrip("/")))
        chosen = [name for name in names if not pattern or fnmatch.fnmatchcase(name, pattern)]
        return [(name, self._parts.trees.entry(root, f"{inside}/{name}")) for name in chosen]

    def stat(self, root: Path, path: str) -> Entry:
        return self._parts.trees.entry(root, path or "/", follow=True)
