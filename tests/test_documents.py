"""What docs/ says about the code is what the code says."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

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


def test_every_counter_of_a_running_service_is_listed() -> None:
    """A catalogue that some service has and the page has not would be missed by who sets up alerts."""
    from logsrv.gopher.service import GatewayService, GopherSettings
    from logsrv.greet.protocol import Greet
    from logsrv.kit.testing import MemoryService
    from logsrv.linelog.service import LoggerService
    from logsrv.linelog.settings import LoggerSettings

    memory = MemoryService(Greet)
    services: list[Any] = [
        memory.service,
        LoggerService(LoggerSettings(), load=LoggerSettings, reactor=memory.clock),
        GatewayService(GopherSettings(), load=GopherSettings, reactor=memory.clock),
    ]
    page = (DOCS / "counters.md").read_text()
    for service in services:
        for metric in service.metrics.catalogue:
            assert f"| `{metric.name}` | {metric.kind} |" in page
