"""The layout of a board in a browser: panels are dragged, moved by keys, wide; charts keep their figure."""

import pytest

from logsrv.kit.testing import wait_until
from tests.linelog.http.page.answers import answer
from tests.linelog.http.page.boards import PANELS, open_board, save_board
from tests.linelog.http.page.fake import Logs
from tests.linelog.http.page.looks import CONTRAST, found_by_axe
from tests.parts.chromium import Page

pytestmark = pytest.mark.long
NAMES = ".board-panel h2"


def panels_of(logs: Logs) -> list[tuple[str, str]]:
    panels = logs.boards["shop"]["panels"]
    return [(one["search"], one.get("width", "narrow")) for one in panels]


def order(logs: Logs) -> list[str]:
    return [name for name, _ in panels_of(logs)]


def middle(page: Page, selector: str, across: float = 0.5) -> tuple[float, float]:
    left, top, width, height = page.box(selector)
    return left + across * width, top + height / 2


def test_a_panel_is_dragged_to_another_place(logs, visit):
    logs.send("a x", "b x", "c x")
    save_board(logs, "a", "b", "c")
    page = open_board(visit, 3, width=1440, height=900)
    handle = "[aria-label='Move: c']"
    page.drag(middle(page, handle), middle(page, ".board-panel[data-search=a]", 0.2))
    wait_until(lambda: order(logs) == ["c", "a", "b"], "before the first")
    page.wait(f"document.querySelector('{NAMES}').textContent === 'c'")
    page.drag(middle(page, handle), middle(page, ".board-panel[data-search=a]", 0.8))
    wait_until(lambda: order(logs) == ["a", "c", "b"], "after the one beside it")
    page.wait(f"document.querySelector('{NAMES}').textContent === 'a'")
    # Dropped on itself, it stays.
    page.drag(middle(page, handle), middle(page, ".board-panel[data-search=c]"))
    assert order(logs) == ["a", "c", "b"]
    assert not page.run("document.querySelector('.moves, .drop-before, .drop-after')")


def test_a_panel_is_moved_and_made_wide_by_keys(logs, visit):
    logs.send("a x", "b x")
    save_board(logs, "a", "b")
    page = open_board(visit, 2, width=1440, height=900)
    page.run("document.querySelector(\"[aria-label='Move: a']\").focus()")
    page.press("ArrowRight")
    wait_until(lambda: order(logs) == ["b", "a"], "the order")
    page.wait("document.activeElement.ariaLabel === 'Move: a'")
    page.press("ArrowUp")
    wait_until(lambda: order(logs) == ["a", "b"], "the order")
    narrow = page.box(".board-panel")[2]
    page.run("document.querySelector(\"[aria-label='Wide: a']\").focus()")
    page.press("Enter")
    wait_until(lambda: panels_of(logs) == [("a", "wide"), ("b", "narrow")], "the width")
    page.wait("document.activeElement.ariaLabel === 'Wide: a'")
    page.wait("document.activeElement.getAttribute('aria-pressed') === 'true'")
    assert page.box(".board-panel")[2] > 1.9 * narrow
    assert page.box(".board-panel:nth-child(2)")[2] == narrow
    for width in (1440, 390):
        page.resize(width, 844)
        assert found_by_axe(page, "minor", "moderate", "serious", "critical") == []
        assert page.run(CONTRAST) == []
        assert page.run("document.documentElement.scrollWidth") <= width
    page.resize(1440, 900)
    page.run("document.querySelector(\"[aria-label='Wide: a']\").focus()")
    page.press("Enter")
    wait_until(lambda: panels_of(logs) == [("a", "narrow"), ("b", "narrow")], "narrow again")
    # As an older version wrote it: it can read the board.
    assert "width" not in logs.boards["shop"]["panels"][0]


def test_the_chosen_figure_of_a_chart_stays_with_the_board(logs, visit):
    save_board(logs, "| count, p95 ms every 10m", shape="lines")
    logs.saved[0]["q"] = "| count, p95 ms every 10m"  # type: ignore[index]
    logs.table = answer(["count", "p95_ms"], [(0, 1, 20), (1, 2, 30)])
    page = open_board(visit, 1)
    title = "document.querySelector('.chart-title').textContent"
    assert page.run(title).startswith("count every")
    page.click(".chart [aria-label=Figure] button:nth-child(2)")
    wait_until(lambda: logs.boards["shop"]["panels"][0].get("figure") == "p95_ms", "the figure")
    page = open_board(visit, 1)
    assert page.run(title).startswith("p95")
    # Another reader has chosen another one meanwhile.
    logs.boards["shop"]["panels"][0]["figure"] = "count"
    page.run("performance.now = () => Date.now()")
    page.wait(f"{title}.startsWith('count every')")


def test_who_may_not_change_the_board_still_sees_each_figure(logs, visit):
    save_board(logs, "| count, p95 ms every 10m", shape="lines")
    logs.saved[0]["q"] = "| count, p95 ms every 10m"  # type: ignore[index]
    logs.reader["name"] = "ann"
    logs.table = answer(["count", "p95_ms"], [(0, 1, 20), (1, 2, 30)])
    page = open_board(visit, 1)
    page.click(".chart [aria-label=Figure] button:nth-child(2)")
    page.wait("document.querySelector('.chart-title').textContent.startsWith('p95')")
    assert page.run(PANELS) == 1 and "figure" not in logs.boards["shop"]["panels"][0]
    assert not page.run("document.querySelector('#notice').classList.contains('shown')")
