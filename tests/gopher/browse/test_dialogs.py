"""Questions answered with y only, and the list of downloads as it changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from logsrv.gopher.browse.dialogs import Question, download_text
from logsrv.gopher.browse.downloads import Download, DownloadState
from logsrv.gopher.wire.url import GopherURL
from tests.gopher.browse.conftest import Drive, Driven, until


@pytest.mark.parametrize(("key", "answer"), [("y", True), ("n", False), ("escape", False)])
def test_only_y_is_yes(drive: Drive, key: str, answer: bool) -> None:
    answers: list[bool | None] = []

    async def scenario(driven: Driven) -> None:
        driven.browser.push_screen(Question("Really?", "[b]text[/b]"), answers.append)
        await driven.shows("Really?", "[b]text[/b]", "y  yes")
        await driven.press("enter", "space")
        assert answers == []
        await driven.press(key)
        await until(lambda: answers, "the answer")

    drive(None, scenario)
    assert answers == [answer]


def row(state: DownloadState, **values: object) -> str:
    download = Download(GopherURL("h"), Path("/d/file.bin"), state, ended=2.0, **values)  # type: ignore[arg-type]
    download.began = 0.0
    return download_text(download)


def test_how_far_a_download_is() -> None:
    assert row("running", received=1536) == "file.bin\n  1.5 KiB in 2.0 s"
    half = row("running", received=1024, length=2048)
    assert "━━━━━━━━━━╌╌╌╌╌╌╌╌╌╌ 50%" in half and "1.0 KiB of 2.0 KiB" in half
    assert row("saved", received=1024) == "file.bin\n  saved, 1.0 KiB in 2.0 s"
    assert "nothing was kept" in row("stopped")
    assert row("failed", reason="no room") == "file.bin\n  failed: no room"
