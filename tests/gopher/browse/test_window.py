"""Questions answered with y only, and the list of downloads as it changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Input

from logsrv.gopher.browse.downloads import BackgroundDownload
from logsrv.gopher.browse.window import Chooser, QuestionDialog, describe_download
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.testing.patience import PATIENCE
from tests.gopher.conftest import until

pytestmark = pytest.mark.slow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from logsrv.gopher.browse.downloads import DownloadState


@pytest.mark.parametrize(("key", "answer"), [("y", True), ("n", False), ("escape", False)])
async def test_only_y_is_yes(drive, key, answer):
    answers: list[bool | None] = []

    async with drive(None) as driven:
        driven.browser.push_screen(QuestionDialog("Really?", "[b]text[/b]"), answers.append)
        await driven.shows("Really?", "[b]text[/b]", "y  yes")
        await driven.press("enter", "space")
        assert answers == []
        await driven.press(key)
        await until(lambda: answers, "the answer")
    assert answers == [answer]


async def test_a_long_list_shows_the_row_that_is_pointed_at_in_a_small_window(drive):
    async with drive(None, size=(40, 12)) as driven:
        rows = [(f"row {number}\n  more of it", number) for number in range(20)]
        driven.browser.push_screen(Chooser("Rows", rows))
        await driven.shows("row 0")
        await driven.press(*"jjjjjjjjjjjj", "k")
        await driven.shows("row 11")


@pytest.mark.parametrize("keys", [["space"] * 3, ["j"] * 30, ["down"] * 30, ["G"]])
async def test_the_help_is_read_with_the_keys_of_a_page(drive, keys):
    async with drive(None, size=(80, 24)) as driven:
        await driven.press("question_mark")
        await driven.shows("In a page")
        await driven.press(*keys)
        await driven.shows("quit")
        await driven.press("home")
        await driven.shows("In a page")


async def test_a_small_dialog_tells_all_of_its_keys(drive):
    async with drive(None, size=(40, 12)) as driven:
        await driven.press("d")
        await driven.shows("Enter  open   x  stop   Esc  close")


@pytest.mark.parametrize("size", [(40, 12), (80, 24)])
async def test_an_announcement_leaves_a_dialog_readable(drive, size):
    async with drive(None, size=size) as driven:
        question = "https://web.example/of/somebody\n\nOpen this with xdg-open?"
        driven.browser.push_screen(QuestionDialog("A link out of Gopher", question))
        driven.browser.window.say("Saved to /home/somebody/Downloads/packed.tar.gz   d  lists it")
        driven.browser.notify("packed.tar.gz, 25.0 KiB.", title="Saved", timeout=PATIENCE)
        await driven.shows(
            "packed.tar.gz, 25.0 KiB.", "web.example", "Open this with xdg-open?", "y  yes   n  no"
        )
        assert driven.screen().count("25.0 KiB") == 1
        await driven.press("n")
        await driven.shows("Start page", "packed.tar.gz, 25.0 KiB.")
        await driven.shows("Downloads/packed.", "d  lists it")


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (160, 50)])
async def test_an_announcement_leaves_what_is_typed_readable(drive, size):
    async with drive(None, size=size) as driven:
        driven.browser.window.say("Saved to /home/somebody/Downloads/packed.tar.gz   d  lists it")
        driven.browser.notify("packed.tar.gz, 25.0 KiB.", title="Saved", timeout=PATIENCE)
        await driven.shows("packed.tar.gz, 25.0 KiB.")
        await driven.press("g")
        driven.browser.prompt.query_one(Input).value = typed = "x" * (size[0] - 12)
        await driven.shows(f"Go to {typed}", "d  lists it", "25.0 KiB")


def row(state: DownloadState, **values: object) -> str:
    download = BackgroundDownload(GopherURL("h"), Path("/d/file.bin"))
    for name, value in {"state": state, "began": 0.0, "ended": 2.0, **values}.items():
        setattr(download, name, value)
    return describe_download(download)


def test_how_far_a_download_is():
    assert row("running", received=1536) == "file.bin\n  1.5 KiB in 2.0 s"
    half = row("running", received=1024, length=2048)
    assert "━━━━━━━━━━╌╌╌╌╌╌╌╌╌╌ 50%" in half and "1.0 KiB of 2.0 KiB" in half
    assert row("saved", received=1024) == "file.bin\n  saved, 1.0 KiB in 2.0 s"
    assert "nothing was kept" in row("stopped")
    assert row("failed", reason="no room") == "file.bin\n  failed: no room"
