"""Boards that are made with few actions, in a real browser: from the live page, and by typing queries."""

from typing import Any

import pytest

from logsrv.kit.testing import wait_until
from tests.linelog.http.page.answers import answer
from tests.linelog.http.page.fake import Logs
from tests.linelog.http.page.looks import CONTRAST, found_by_axe
from tests.parts.chromium import Page

pytestmark = pytest.mark.long
PANELS = "document.querySelectorAll('.board-panel').length"
LIVE = "document.querySelector('#connection.live')"
DIALOG = "document.querySelector('#saved').open"
# A closed dialog keeps the focus, and with it the next key, up to the next frame.
CLOSED = f"!{DIALOG} && !document.activeElement.closest('dialog')"
ERROR = "#new-panel-error"
QUERIES = (
    "level>=error",
    "| count every auto by app",
    "| p95 ms every auto",
    "| count",
    "| count by host",
    "| patterns",
)
SHAPES = ["bars", "bars", "lines", "number", "bars", "bars"]
ALLOWED = 15


class Reader:
    """A person at a page. actions: how often they have clicked, pressed a key, or typed a text."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.actions = 0

    def click(self, selector: str) -> None:
        self.page.click(selector)
        self.actions += 1

    def press(self, key: str) -> None:
        self.page.press(key)
        self.actions += 1

    def type(self, selector: str, text: str, *, enter: bool = True) -> None:
        self.page.fill(selector, text)
        if enter:
            self.page.press("Enter")
        self.actions += 1


@pytest.fixture
def saving(logs: Logs) -> Logs:
    logs.saved = []
    logs.send("hello", level="error")
    logs.table = answer(["count"], [(1,)], (), None)
    return logs


def panels_of(logs: Logs, board: str = "shop") -> list[dict[str, Any]]:
    panels: list[dict[str, Any]] = logs.boards.get(board, {}).get("panels", [])
    return panels


def test_a_board_of_six_is_made_by_typing_six_queries_with_names(saving, visit):
    page = visit(ready=LIVE)
    reader = Reader(page)
    reader.press("o")
    page.wait("document.querySelector('#boards-link').checkVisibility()")
    reader.click("#boards-link")
    page.wait("document.querySelector('#board-name')?.checkVisibility()")
    reader.type("#board-name", "shop")
    page.wait("document.querySelector('#new-query')?.checkVisibility()")
    for number, query in enumerate(QUERIES):
        reader.type("#new-name", f"panel {number}", enter=False)
        reader.type("#new-query", query)
        page.wait(f"{PANELS} === {number + 1} && document.activeElement.id === 'new-query'")
    assert reader.actions <= ALLOWED
    names = [f"panel {number}" for number in range(6)]
    assert [one["search"] for one in panels_of(saving)] == names
    assert [one["as"] for one in panels_of(saving)] == SHAPES
    assert saving.saved == [{"name": name, "q": q} for name, q in zip(names, QUERIES, strict=True)]


def test_a_board_of_six_is_made_from_the_live_page_with_each_query_typed_there(saving, visit):
    page = visit(ready=LIVE)
    reader = Reader(page)
    for number, query in enumerate(QUERIES):
        page.fill("#q", query)
        page.press("Enter")
        page.wait("location.search.length > 1")
        page.run("document.activeElement.blur()")
        reader.press("o")
        page.wait(f"{DIALOG} && document.querySelector('#saved-board').checkVisibility()")
        if not number:
            reader.type("#saved-board", "shop", enter=False)
        reader.type("#saved-name", f"panel {number}")
        page.wait(CLOSED)
        assert page.text("#notice") == f"Saved: panel {number}, on the board shop"
    reader.press("o")
    page.wait(f"{DIALOG} && document.querySelector('#boards-link').checkVisibility()")
    assert page.text("#boards-link") == "Open the board shop"
    reader.click("#boards-link")
    page.wait(f"location.search === '?name=shop' && {PANELS} === 6")
    assert reader.actions <= ALLOWED
    assert [one["q"] for one in saving.saved or []] == [*QUERIES]
    assert [one["as"] for one in panels_of(saving)] == SHAPES


def open_empty(visit: Any, **how: Any) -> Page:
    ready = "document.querySelector('#new-query')?.checkVisibility()"
    page: Page = visit("board?name=shop", ready=ready, **how)
    return page


def test_a_query_alone_is_the_name_of_its_panel(saving, visit):
    page = open_empty(visit)
    assert "Type a query below." in page.text("#board-note")
    page.fill("#new-query", "level>=error")
    page.press("Enter")
    page.wait(f"{PANELS} === 1")
    assert panels_of(saving) == [{"search": "level>=error", "as": "bars"}]
    # Once more it stays one panel, of the same search.
    page.fill("#new-query", "level>=error")
    page.press("Enter")
    page.wait("document.querySelector('#new-query').value === ''")
    assert page.run(PANELS) == 1 and len(saving.saved or []) == 1


def test_a_name_of_another_search_is_refused(saving, visit):
    saving.saved = [{"name": "errors", "q": "level>=error"}]
    page = open_empty(visit)
    page.fill("#new-name", "errors")
    page.fill("#new-query", "x")
    page.press("Enter")
    page.wait(f"document.querySelector('{ERROR}').checkVisibility()")
    assert "“errors” with another query" in page.text(ERROR)
    assert page.run("document.activeElement.id") == "new-name"
    assert not panels_of(saving) and len(saving.saved) == 1
    assert found_by_axe(page, "moderate", "serious", "critical") == []
    page.fill("#new-name", "x")
    page.press("Enter")
    page.wait(f"{PANELS} === 1 && !document.querySelector('{ERROR}').checkVisibility()")


def test_what_the_server_refuses_is_said_and_stays_in_the_box(saving, visit):
    page = open_empty(visit)
    page.run(
        "void (globalThis.fetched = fetch, globalThis.fetch = async (url, more) => more.method === 'PUT'"
        '? new Response(\'{"error": "banana is no level"}\', {status: 400}) : fetched(url, more))'
    )
    page.fill("#new-query", "level>=banana")
    page.press("Enter")
    page.wait(f"document.querySelector('{ERROR}').checkVisibility()")
    assert page.text(ERROR) == "banana is no level"
    assert page.run("document.querySelector('#new-query').value") == "level>=banana"
    assert page.run("document.querySelector('#new-query').ariaInvalid") == "true"


def test_nothing_typed_adds_nothing(saving, visit):
    page = open_empty(visit)
    page.click("#new-panel button")
    page.wait(f"document.querySelector('{ERROR}').checkVisibility()")
    assert not panels_of(saving)


def test_fields_and_stages_are_completed(saving, visit):
    page = open_empty(visit)
    page.fill("#new-query", "lev")
    page.wait("document.querySelector('#completions li')")
    assert page.texts("#completions li span:first-child")[0] == "level"
    page.press("Tab")
    page.wait("document.querySelector('#new-query').value.startsWith('level')")
    page.fill("#new-query", "| cou")
    page.wait("document.querySelector('#completions li')")
    assert "count" in page.texts("#completions li span:first-child")[0]
    page.press("Escape")
    page.wait("!document.querySelector('#completions').checkVisibility()")
    assert page.run("document.querySelector('#new-query').value") == "| cou"


def test_a_name_that_is_whole_is_not_offered_over_the_answer(saving, visit):
    saving.send("x", app="shop", apple="1")
    page = visit(ready=LIVE)
    offers = "[...document.querySelectorAll('#completions li > span:first-child')]"
    page.fill("#q", "| count by ap")
    page.wait(f"{offers}.map((one) => one.textContent).join() === 'app,apple'")
    page.write("p")
    page.wait(f"{offers}.map((one) => one.textContent).join() === 'apple'")
    page.fill("#q", "| count by apple")
    page.wait(
        "document.querySelector('#completions').hidden && document.querySelector('#table tbody')"
    )
    # Before a comparison it is: with its operator.
    page.fill("#q", "apple")
    page.wait(f"{offers}.map((one) => one.textContent).join() === 'apple'")


def test_a_full_board_takes_no_more(saving, visit):
    names = [f"s{number}" for number in range(12)]
    saving.saved = [{"name": name, "q": name} for name in names]
    saving.boards["shop"] = {"panels": [{"search": name, "as": "bars"} for name in names[:11]]}
    page = open_empty(visit)
    page.fill("#new-query", "s11")
    page.press("Enter")
    page.wait(f"{PANELS} === 12 && !document.querySelector('#new-panel').checkVisibility()")


def test_a_search_that_is_on_the_board_stays_as_it_is(saving, visit):
    saving.boards["shop"] = {
        "panels": [{"search": "mine", "as": "lines", "time": "board"}],
        "more": "of a later version",
    }
    page = visit("?q=x", ready=LIVE)
    page.press("o")
    page.wait(f"{DIALOG} && document.querySelector('#saved-board').checkVisibility()")
    assert page.run("document.querySelector('#board-names').options[0].value") == "shop"
    page.fill("#saved-board", "shop")
    where = "document.querySelector('#saved-where')"
    assert page.run(f"[{where}.value, {where}.disabled]") == ["server", True]
    page.fill("#saved-name", "mine")
    page.press("Enter")
    page.wait(CLOSED)
    wait_until(lambda: saving.saved == [{"name": "mine", "q": "x"}], "the search")
    assert panels_of(saving) == [{"search": "mine", "as": "lines", "time": "board"}]
    page.press("o")
    page.wait(DIALOG)
    page.fill("#saved-name", "other")
    page.press("Enter")
    page.wait(CLOSED)
    assert [one["search"] for one in panels_of(saving)] == ["mine", "other"]
    assert saving.boards["shop"]["more"] == "of a later version"


def test_a_server_that_saves_nothing_offers_no_board(logs, visit):
    page = visit(ready=LIVE)
    page.press("o")
    page.wait(DIALOG)
    assert not page.run("document.querySelector('#saved-board').checkVisibility()")


@pytest.mark.parametrize(
    ("scheme", "width", "height"), [("light", 1440, 900), ("dark", 1280, 800), ("light", 390, 844)]
)
def test_the_forms_are_readable_and_accessible(scheme, width, height, saving, visit):
    saving.boards["x" * 200] = {"panels": []}
    page = open_empty(visit, width=width, height=height, prefers_color_scheme=scheme)
    page.fill("#new-query", "level>=error")
    page.press("Enter")
    page.wait(f"{PANELS} === 1 && !document.querySelector('.board-panel.stale')")
    assert found_by_axe(page, "moderate", "serious", "critical") == []
    assert page.run(CONTRAST) == []
    assert page.run("document.documentElement.scrollWidth") == width
    page.go(saving.url)
    page.wait(LIVE)
    page.press("o")
    page.wait(f"{DIALOG} && document.querySelector('#saved-board').checkVisibility()")
    page.fill("#saved-board", "x" * 200)
    assert found_by_axe(page, "serious", "critical") == []
    assert page.run(CONTRAST) == []
    assert page.run("document.querySelector('#saved').scrollWidth") <= width
