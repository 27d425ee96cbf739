"""From compose files to the canonical project. Everything here is pure but disk.py, which reads files for the rest."""

from boxship.front.compose.load.disk import Disk, Files
from boxship.front.compose.load.options import Options
from boxship.front.compose.load.project import Loaded, Tree, load, load_tree

__all__ = ["Disk", "Files", "Loaded", "Options", "Tree", "load", "load_tree"]
