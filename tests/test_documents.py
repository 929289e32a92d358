"""What docs/ says about the code is what the code says."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"
PAGES = runpy.run_path(str(DOCS / "generate.py"))["PAGES"]


@pytest.mark.parametrize("page", PAGES)
def test_generated_pages_are_current(page: str) -> None:
    """If this fails: `make docs`, and look at what changed."""
    assert (DOCS / page).read_text() == PAGES[page]()


def test_every_link_between_the_pages_leads_somewhere() -> None:
    import re

    for page in [DOCS.parent / "README.md", *DOCS.glob("*.md"), *DOCS.parent.glob("bench/*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
