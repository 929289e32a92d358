"""The pages about the kit are true: their examples run, their conversations happen as written."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import pytest_twisted  # type: ignore[import-untyped]
from twisted.internet.threads import deferToThread

from logsrv.kit import Plugin
from logsrv.kit.net.endpoints import parse_endpoint
from logsrv.kit.testing import Running, examples, play, transcripts

pytest_plugins = ["logsrv.kit.testing.fixtures"]

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGES = ["kit.md", "testing.md"]


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The text of a page, with the files that it shows where they can be imported."""
    text = (DOCS / str(request.param)).read_text()
    names = [example.name for example in examples(text) if example.name]
    for example in examples(text):
        if example.name:
            (tmp_path / example.name).write_text(example.code)
    monkeypatch.syspath_prepend(tmp_path)
    for name in names:
        monkeypatch.delitem(sys.modules, name.removesuffix(".py"), raising=False)
    return text


def test_examples(page: str, tmp_path: Path) -> None:
    """Each Python block runs, after the files it may import."""
    for number, example in enumerate(examples(page)):
        path = tmp_path / (example.name or f"example_{number}.py")
        path.write_text("\n" * (example.line - 1) + example.code)
        runpy.run_path(str(path))


@pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
async def test_conversations(page: str, tmp_path: Path, serving: Callable[..., Running]) -> None:
    """Each is had with the plugin on the page that listens at its port."""
    plugins = {
        parse_endpoint(endpoint).port: value
        for example in examples(page)
        if example.name
        for value in runpy.run_path(str(tmp_path / example.name)).values()
        if isinstance(value, Plugin)
        for endpoint in value.listen
    }
    assert transcripts(page)
    for transcript in transcripts(page):
        running = serving(plugins[transcript.port])
        await deferToThread(play, transcript, running.port)
