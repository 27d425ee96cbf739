"""Refuse archives in which a later entry takes an earlier file's place: its bytes could not be given back. Pure."""

import posixpath

from boxship.base.errors import Invalid
from boxship.engine.images.tarhead import Head


class Paths:
    """Is shown the entries of one layer in their order. Keeps a number for each path, not its text: layers with a
    million files are to fit. Directories may come again, as they do; dockerd refuses even these."""

    def __init__(self) -> None:
        self._files: set[int] = set()
        self._above: set[int] = set()  # directories that hold such files
        self._last = ""  # the directory of the file before; its parents are known

    def take(self, head: Head) -> None:
        """Raises Invalid naming an entry that replaces a file, or a directory of files, of the same archive."""
        if not self._files and not head.in_tree:
            return
        path = posixpath.normpath(head.path)
        if hash(path) in self._files or (hash(path) in self._above and not head.is_dir):
            raise _twice(head.path)
        if head.in_tree:
            self._files.add(hash(path))
            self._note(posixpath.dirname(path))

    def _note(self, directory: str) -> None:
        if directory == self._last:
            return
        self._last = directory
        while directory and hash(directory) not in self._above:
            if hash(directory) in self._files:
                raise _twice(directory)
            self._above.add(hash(directory))
            directory = posixpath.dirname(directory)


def _twice(path: str) -> Invalid:
    return Invalid(f"duplicates of file paths not supported: {path} is in the layer's archive twice")
