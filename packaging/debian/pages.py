"""Copies the pages of docs/, and others, to the folder of the package's documents: pages.py FOLDER PAGE …

There all pages are in one folder. A link to a file that the package lacks, such as code, becomes text.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Collection
from pathlib import Path

# Folder in a checkout → folder beside the pages, where dh_installdocs and dh_installexamples put it.
BESIDE = {
    "docs/monitoring": "monitoring",
    "docs/pictures": "pictures",
    "examples/echo": "examples/echo",
}
# Links out of the package have a colon.
LINK = re.compile(r"\[([^\[\]]*)\]\(([^)\s:#]+)(#[^)\s]*)?\)")


def place_of(target: str, pages: Collection[str]) -> str | None:
    """Return the path of a checkout's file in the package, relative to the pages; None if it lacks it."""
    if target in pages:
        return os.path.basename(target)
    for folder, place in BESIDE.items():
        if f"{target}/".startswith(f"{folder}/"):
            return place + target.removeprefix(folder)
    return None


def with_links(page: str, text: str, pages: Collection[str]) -> str:
    """Return the text of a checkout's page with links that work in the package."""

    def link(found: re.Match[str]) -> str:
        words, path, anchor = found.groups(default="")
        target = os.path.normpath(os.path.join(os.path.dirname(page), path))
        if (place := place_of(target, pages)) is not None:
            return f"[{words}]({place}{anchor})"
        return words if target.endswith(words) else f"{words} (`{target}` in the source)"

    return LINK.sub(link, text)


if __name__ == "__main__":
    folder, *pages = sys.argv[1:]
    for page in pages:
        text = with_links(page, Path(page).read_text(), pages)
        (Path(folder) / os.path.basename(page)).write_text(text)
