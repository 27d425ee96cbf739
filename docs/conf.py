"""How the documentation is built: `make docs`. Every warning is an error."""

import os
import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util.logging import getLogger

from boxship import __version__

project = "Boxship"
author = "The Boxship developers"
copyright = "The Boxship developers, Apache-2.0"
release = __version__
extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
source_suffix = {".md": "markdown"}
root_doc = "index"
exclude_patterns = ["examples"]
html_theme = "furo"
html_title = f"Boxship {__version__}"
html_extra_path = ["api/openapi.json"]
highlight_language = "none"


def _leave_out(app: Sphinx, docname: str, source: list[str]) -> None:
    """Links to files of the repository outside docs/ become plain text here; one that leads nowhere is a warning."""
    folder = Path(docname).parent

    def text(match: re.Match[str]) -> str:
        path = os.path.normpath(folder / match[2])
        if not path.startswith(".."):
            return match[0]
        if not Path(os.environ["BOXSHIP_DOCS"], path).exists():
            getLogger(__name__).warning("%s: no such file in the repository: %s", docname, match[2])
        return match[1]

    source[0] = re.sub(r"\[([^\]]*)\]\((\.\./[^)#\s]*)[^)]*\)", text, source[0])


def setup(app: Sphinx) -> None:
    app.connect("source-read", _leave_out)
