"""Lists that are being put together, where Docker's own client keeps them: a folder for each in `manifests` beside
config.json, a file for each image, named by their references. Until release 28 a dash stands for a colon and an
underscore for a slash, in newer ones % and #; a list that exists keeps the spelling that it has."""

import json
import os
from collections.abc import Mapping

from boxship.base.errors import Invalid, NotFound
from boxship.front.client.contexts import config_folder
from boxship.front.client.manifests.lists import Entry, restored, stored
from boxship.front.client.manifests.names import Named

SPELLINGS = ("-_", "%#")


class ManifestStore:
    """The lists of one user."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._root = os.path.join(config_folder(environ), "manifests")

    def has(self, target: Named) -> bool:
        return os.path.isdir(self._folder(target))

    def find(self, target: Named, name: Named) -> Entry | None:
        """Raises Invalid for a file that cannot be read."""
        return self._read(self._file(target, name))

    def list(self, target: Named) -> list[Entry]:
        """Return the images of a list, by name. Raises NotFound, Invalid."""
        try:
            files = sorted(os.listdir(self._folder(target)))
        except FileNotFoundError:
            raise NotFound(f"No such manifest: {target}") from None
        found = [self._read(os.path.join(self._folder(target), file)) for file in files if not file.startswith(".")]
        return [entry for entry in found if entry is not None]

    def keep(self, target: Named, entries: Mapping[Named, Entry]) -> None:
        """Add images to a list, which is made; each file is written whole or not at all."""
        os.makedirs(self._folder(target), mode=0o755, exist_ok=True)
        for name, entry in entries.items():
            draft = os.path.join(self._folder(target), f".{os.getpid()}")
            with open(draft, "w") as file:
                json.dump(stored(entry), file, separators=(",", ":"), ensure_ascii=False)
            os.replace(draft, self._file(target, name))

    def remove(self, target: Named) -> None:
        """Raises NotFound."""
        if not self.has(target):
            raise NotFound(f"No such manifest: {target}")
        for file in os.listdir(self._folder(target)):
            os.unlink(os.path.join(self._folder(target), file))
        os.rmdir(self._folder(target))

    def _folder(self, target: Named) -> str:
        return os.path.join(self._root, _safe(target, self._spelling(target)))

    def _file(self, target: Named, name: Named) -> str:
        return os.path.join(self._folder(target), _safe(name, self._spelling(target)))

    def _spelling(self, target: Named) -> str:
        there = (one for one in SPELLINGS if os.path.isdir(os.path.join(self._root, _safe(target, one))))
        return next(there, SPELLINGS[0])

    @staticmethod
    def _read(path: str) -> Entry | None:
        try:
            with open(path, "rb") as file:
                return restored(json.load(file), path)
        except FileNotFoundError:
            return None
        except ValueError as e:
            raise Invalid(f"{path}: {e}") from e


def _safe(name: Named, spelling: str) -> str:
    return str(name).translate(str.maketrans(":/", spelling))
