"""The configuration of the site: the pages of docs/ with a landing page. `make site` builds it.

Sphinx resolves each link and each anchor; with -W a dead one is an error.
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
# Files that are there only because pages link to them.
exclude_patterns = ["README.md", "logsrv/**", "tests/**"]
myst_heading_anchors = 4
# The first word after a code fence is not always a language: some words are for the tests.
suppress_warnings = ["misc.highlighting_failure", "myst.header"]

html_theme = "furo"
html_title = f"logsrv {version}"
html_static_path = ["static"]
html_css_files = ["landing.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"source_repository": "", "top_of_page_buttons": []}
