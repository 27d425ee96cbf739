"""How the documentation is built: `make docs`. Every warning is an error."""

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
