"""The site: the pages of docs/ as they stand, behind a landing page. `make site` builds it.

Sphinx resolves each link and each anchor, and -W makes one that leads nowhere an error.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent

project = "logsrv"
author = "the authors of logsrv"
copyright = author
version = release = re.findall(
    r'^__version__ = "(.+)"', (ROOT / "logsrv/__init__.py").read_text(), re.MULTILINE
)[0]

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
# What stands there beside the pages because they link to it.
exclude_patterns = ["README.md", "logsrv/**", "tests/**"]
myst_heading_anchors = 4
# The first word behind a fence is a language, or for whom the tests type it.
suppress_warnings = ["misc.highlighting_failure", "myst.header"]

html_theme = "furo"
html_title = f"logsrv {version}"
html_static_path = ["static"]
html_css_files = ["landing.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"source_repository": "", "top_of_page_buttons": []}
