"""A board of a real daemon in a real browser: made by typing queries, zoomed, its numbers compared."""

import json
import re
from pathlib import Path

import pytest

from tests.parts.chromium import Chromium, Page
from tests.parts.daemons import LOOPBACK, Logger, Start

pytestmark = pytest.mark.long
PANELS = "document.querySelectorAll('.board-panel').length"
SETTLED = "!document.querySelector('.board-panel.stale')"
TITLE = "document.querySelector('.board-panel .chart-title').textContent"


@pytest.fixture
def server(logger: Start, tmp_path: Path) -> Logger:
    return logger("--http", LOOPBACK, "--saved", str(tmp_path / "saved.json"))


def open_board(browser: Chromium, server: Logger, last: str = "1h") -> Page:
    page = browser.page(f"http://127.0.0.1:{server.ports()[1]}/board?name=shop&last={last}")
    page.wait("document.querySelector('#new-query').checkVisibility()")
    return page


def add(page: Page, query: str) -> None:
    before = page.run(PANELS)
    page.fill("#new-query", query)
    page.press("Enter")
    page.wait(f"{PANELS} === {before + 1} && {SETTLED}")


def test_a_typed_board_is_kept_and_its_steps_become_finer_as_it_is_zoomed(
    server, browser, tmp_path
):
    server.send(b"level=error ms=7 app=shop a\nlevel=info ms=9 app=cart b\n")
    page = open_board(browser, server)
    for query in ("| count every auto", "level>=error", "| p95 ms every auto"):
        add(page, query)
    assert page.run(TITLE) == "count every 1 min"
    saved = json.loads((tmp_path / "saved.json").read_text())
    assert [one["search"] for one in saved["shop"]["panels"]] == [
        "| count every auto",
        "level>=error",
        "| p95 ms every auto",
    ]
    left, top, width, height = page.box(".board-panel .plot")
    page.drag((left + 0.9 * width, top + height / 2), (left + width - 1, top + height / 2))
    page.wait(f"location.search.includes('zoom=') && {SETTLED}")
    titles = page.texts(".board-panel .chart-title")
    assert len(titles) == 3 and all(re.search(r"every (1|2|5|10) s\b", one) for one in titles)
    page.press("Escape")
    page.wait(f"!location.search.includes('zoom') && {SETTLED}")
    assert page.run(TITLE) == "count every 1 min"
    assert page.complaints == []


def test_numbers_are_those_of_the_store_and_a_wrong_query_is_refused(server, browser):
    server.send(b"level=error ms=7 a\nlevel=info ms=9 b\nlevel=info ms=11 c\n")
    page = open_board(browser, server)
    share = "| count, count if (level>=error) as errors | let share = errors / count"
    for query in ("| max ms", share, "level>=info | count if (ms>8) as slow"):
        add(page, query)
    assert page.texts(".number-value") == ["11 ms", "33.3 %", "1", "3", "2"]
    assert "the store begins at " in page.text(".board-panel > .note")
    page.fill("#new-query", "status>=")
    page.press("Enter")
    page.wait("document.querySelector('#new-panel-error').checkVisibility()")
    assert "needs a value after it" in page.text("#new-panel-error")
    assert page.run(PANELS) == 3


def test_a_wrong_time_of_the_address_is_said(server, browser):
    server.send(b"level=error a\n")
    page = open_board(browser, server)
    add(page, "level>=error")
    board = f"http://127.0.0.1:{server.ports()[1]}/board?name=shop"
    page.go(f"{board}&since=banana")
    page.wait("document.querySelector('.board-panel > .alarm')")
    assert page.text(".board-panel > .alarm").startswith("since: ")
    page.go(f"{board}&since=2026-11-20T07:00:00Z&until=2026-11-20T06:00:00Z")
    page.wait(f"{PANELS} === 1 && {SETTLED}")
    assert "ends before it begins" in page.text("#board-note")
    page.click("#range")
    page.wait(f"document.querySelector('.board-panel .chart-title') && {SETTLED}")
    assert page.text("#board-note") == ""
