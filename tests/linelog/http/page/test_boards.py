"""Boards in a real browser: saved searches together, their shapes and order, refreshed as lines arrive."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from logsrv.kit.testing import wait_until
from tests.linelog.http.page.answers import answer
from tests.linelog.http.page.boards import PANELS, SETTLED, open_board, save_board
from tests.linelog.http.page.fake import Logs
from tests.linelog.http.page.looks import BIDI, CONTRAST, CORPUS, found_by_axe, serious
from tests.parts.chromium import Page

pytestmark = pytest.mark.long
NAMES = ".board-panel h2"
NOTE = "#board-note"
CHART = ".board-panel:nth-child(2)"
SORTED = "path=* | sort rt | limit 10"
# Of A4, in pixels.
PAGE_WIDTH, PAGE_HEIGHT = 718, 1046


def names_of(logs: Logs) -> list[str]:
    return [one["search"] for one in logs.boards["shop"]["panels"]]


def requests(logs: Logs, path: str) -> int:
    return sum(one.startswith(path) for one in logs.asked)


def test_searches_are_shown_together_each_in_its_shape(logs, visit):
    logs.send("a x", "b x", level="error")
    save_board(logs, "a", "b", "| count every 10m")
    for panel, shape in zip(logs.boards["shop"]["panels"], ("bars", "table", "lines"), strict=True):
        panel["as"] = shape
    logs.table = answer(["count"], [(0, 1), (1, 2)])
    page = open_board(visit, 3)
    assert page.texts(NAMES) == ["a", "b", "| count every 10m"]
    assert page.text(".board-panel:nth-child(1) .chart-title").startswith("count every")
    assert page.texts(".board-panel:nth-child(1) .legend li") == ["error"]
    assert page.texts(".board-panel:nth-child(2) td")[1:] == ["error", "b x"]
    assert page.run("document.querySelectorAll('.board-panel:nth-child(3) .curve').length") == 1
    assert page.run("document.querySelector('h2 a').search") == "?q=a+x&last=1h"
    assert page.text(".board-panel .note").startswith("last 1h · counted at ")
    assert page.run("document.title") == "shop – logsrv"


def test_what_has_no_times_is_a_table_whatever_its_shape(logs, visit):
    save_board(logs, "| count by app")
    page = open_board(visit, 1)
    assert page.texts(".board-panel td.number") == ["0"]
    states = "[...document.querySelectorAll('.board-tools .choice-button')]"
    assert page.run(f"{states}.map((one) => one.disabled)") == [False, True, True, True]
    assert page.run(f"{states}.map((one) => one.ariaPressed)") == ["true", *["false"] * 3]


def test_panels_are_asked_again_as_lines_arrive_and_not_otherwise(logs, visit):
    logs.send("a x", level="error")
    save_board(logs, "a", shape="table")
    page = open_board(visit, 1)
    page.run("void (globalThis.now_ = performance.now(), performance.now = () => now_ + 30_000)")
    # Two looks at the store, at which nothing is new.
    looks = requests(logs, "/api/stats")
    wait_until(lambda: requests(logs, "/api/stats") > looks + 1, "looks")
    assert requests(logs, "/api/search") == 1
    logs.send("a x again")
    page.wait("document.querySelectorAll('.board-panel tbody tr').length === 2")


def test_few_panels_are_asked_for_at_once_and_a_new_time_replaces_them(logs, visit):
    save_board(logs, *(f"s{number}" for number in range(12)))
    for panel in logs.boards["shop"]["panels"]:
        panel["time"] = "board"
    logs.slow_bars.clear()
    page: Page = visit("board?name=shop", ready=f"{PANELS} === 12")
    wait_until(lambda: requests(logs, "/api/histogram") == 3, "three requests")
    page.run(
        "const last = document.querySelector('#last'); last.value = '24h';"
        "last.dispatchEvent(new Event('change'))"
    )
    wait_until(lambda: requests(logs, "/api/histogram") == 6, "three others")
    assert "since=24h" in logs.asked[-1]
    assert page.run("location.search") == "?name=shop&last=24h"
    logs.slow_bars.set()
    page.wait(SETTLED)
    assert requests(logs, "/api/histogram") == 3 + 12


def test_a_board_is_made_ordered_and_emptied_by_keys(logs, visit):
    save_board(logs, "a", "b", "c")
    logs.boards.clear()
    page: Page = visit(
        "board",
        ready=f"document.querySelector('{NOTE}').textContent",
    )
    page.run("document.querySelector('#board-name').focus()")
    page.write("shop")
    page.press("Enter")
    page.wait(f"document.querySelector('{NOTE}')?.textContent.includes('no such board yet')")
    for panels in (1, 2, 3):
        page.run("document.querySelector('#add-form button').focus()")
        page.press("Enter")
        page.wait(f"{PANELS} === {panels}")
    assert names_of(logs) == ["a", "b", "c"]
    assert page.run("document.querySelector('#add-form button').disabled")
    assert page.texts("#add option") == ["all are here"]
    page.run("document.querySelector(\"[aria-label='Move up: c']\").focus()")
    page.press("Enter")
    wait_until(lambda: names_of(logs) == ["a", "c", "b"], "the order")
    page.wait("document.activeElement.ariaLabel === 'Move up: c'")
    page.press("Enter")
    page.press("Enter")
    wait_until(lambda: names_of(logs) == ["c", "a", "b"], "the order")
    page.wait(f"document.querySelector('{NAMES}').textContent === 'c'")
    page.run("document.querySelector('.choice-group button').focus()")
    page.press("Enter")
    wait_until(lambda: logs.boards["shop"]["panels"][0]["as"] == "table", "the shape")
    page.wait("document.activeElement.textContent === 'Table'")
    page.run("document.querySelector(\"[aria-label='Remove from the board: a']\").focus()")
    page.press("Enter")
    page.wait(f"{PANELS} === 2 && document.activeElement.textContent === 'Undo'")
    assert names_of(logs) == ["c", "b"] and page.text(NOTE) == "Removed: a Undo"
    page.press("Enter")
    page.wait(f"{PANELS} === 3 && document.activeElement.textContent === 'a'")
    assert names_of(logs) == ["c", "a", "b"] and page.text(NOTE) == ""


def test_an_open_board_follows_what_others_change(logs, visit):
    logs.send("a x", "b x", "c x")
    save_board(logs, "a", "b")
    page = open_board(visit, 2)
    logs.saved[0]["q"] = "c"
    logs.boards["shop"]["panels"].reverse()
    page.run("performance.now = () => Date.now()")
    page.wait(f"document.querySelector('{NAMES}').textContent === 'b'")
    page.wait("document.querySelectorAll('h2 a')[1].search === '?q=c&last=1h'")


def test_a_panel_of_patterns_is_a_table_of_them(logs, visit):
    logs.send("full 7", "full 8", app="shop", level="warning")
    logs.send("gone", app="mail", level="error")
    save_board(logs, "all")
    logs.saved[0]["q"] = "| patterns by app"
    page = open_board(visit, 1)
    assert page.texts("th") == ["value", "app", "level", "pattern", "count"]
    assert page.texts("tbody td") == [
        *("shop", "(none)", "warning", "full <n>", "2"),
        *("mail", "(none)", "error", "gone", "1"),
    ]
    disabled = "[...document.querySelectorAll('.choice-group button')].map((one) => one.disabled)"
    assert page.run(disabled) == [False, True, True, True]


def test_a_removed_board_can_be_put_back(logs, visit):
    save_board(logs, "a", "b")
    before = dict(logs.boards)
    page: Page = visit("board", ready="document.querySelectorAll('#board-list li').length === 1")
    page.run("document.querySelector('#board-list .exclude').focus()")
    page.press("Enter")
    page.wait("document.activeElement.textContent === 'Undo'")
    assert not logs.boards and page.text(NOTE) == "Removed: shop Undo"
    page.press("Enter")
    page.wait("document.querySelectorAll('#board-list li').length === 1")
    assert logs.boards == before and page.text(NOTE) == ""


def test_a_search_is_added_from_the_page(logs, visit):
    save_board(logs, "a")
    page: Page = visit(ready="document.querySelector('#connection.live')")
    page.press("o")
    page.wait("document.querySelectorAll('#saved-list a').length === 1")
    assert page.run("document.querySelector('#boards-link').checkVisibility()")
    page.go(page.run("document.querySelector('#saved-list a').href"))
    page.wait("document.querySelectorAll('#board-list li').length === 1")
    assert page.text(NOTE) == "Add “a” to one of these, or to a new one."
    page.fill("#board-name", "other")
    page.press("Enter")
    page.wait(f"location.search === '?name=other' && {PANELS} === 1")
    assert logs.boards["other"] == {"panels": [{"search": "a", "as": "bars"}]}


def test_a_search_that_is_gone_or_no_query_any_more_says_so(logs, visit):
    save_board(logs, "a", "wrong", "refused")
    logs.saved = [
        {"name": "wrong", "q": "status>=", "error": "there is nothing to compare with", "at": 9},
        {"name": "refused", "q": "level>=banana"},
    ]
    page: Page = visit(
        "board?name=shop", ready="document.querySelectorAll('.board-panel > .alarm').length === 2"
    )
    assert page.texts(".board-panel > .alarm") == [
        "there is nothing to compare with",
        "'banana' is no level, such as error",
    ]
    asked = [one for one in logs.asked if "/api/histogram" in one]
    assert asked and all("banana" in one for one in asked)
    assert page.texts(".board-panel .empty .heading") == ["No such search"]
    assert serious(page) == []


def test_a_search_that_is_deleted_meanwhile_says_so_and_offers_to_remove_its_panel(logs, visit):
    logs.send("a x", "b x", level="error")
    save_board(logs, "a", "b", shape="table")
    page = open_board(visit, 2)
    assert logs.saved is not None
    gone = logs.saved.pop(0)
    page.run("performance.now = () => Date.now()")
    page.wait("!document.querySelector('.board-panel .empty').hidden")
    assert page.text(".board-panel .empty .heading") == "No such search"
    assert "“a” was deleted" in page.text(".board-panel .empty p:nth-child(2)")
    assert not page.run("document.querySelector('.board-panel .table').checkVisibility()")
    # It leads nowhere: every line of the store would be another search.
    assert not page.run("document.querySelector('.board-panel h2 a').hasAttribute('href')")
    logs.saved.append(gone)
    page.run("performance.now = () => Date.now() + 60_000")
    page.wait("document.querySelector('.board-panel .empty').hidden")
    assert page.texts(".board-panel:nth-child(1) td")[-1] == "a x"
    logs.saved.pop()
    page.run("performance.now = () => Date.now() + 120_000")
    page.wait("!document.querySelector('.board-panel .empty').hidden")
    page.run("document.querySelector('.board-panel .empty button').focus()")
    page.press("Enter")
    page.wait(f"{PANELS} === 1 && document.activeElement.textContent === 'Undo'")
    assert names_of(logs) == ["b"]


def test_an_unknown_board_and_a_server_that_saves_nothing_say_so(logs, visit):
    page: Page = visit("board?name=x", ready=f"document.querySelector('{NOTE}').textContent")
    assert page.text(NOTE) == "This server saves nothing; --saved FILE lets it."
    logs.saved = []
    page.go(logs.url + "board?name=x")
    page.wait(f"document.querySelector('{NOTE}').textContent")
    assert "There is no such board yet. The server has no saved searches" in page.text(NOTE)


def test_text_of_strangers_is_text_on_a_board(logs, visit):
    """Names of searches, boards and values, however long."""
    long = "x" * 200
    names = [*CORPUS[:10], BIDI]
    save_board(logs, *names, board=long)
    logs.boards[CORPUS[0]] = logs.boards[long]
    logs.send(*(f"{name} x" for name in names), level="error")
    logs.table = answer(["count"], [(name, 1) for name in names], (CORPUS[0],), None)
    assert logs.saved is not None
    for number, one in enumerate(logs.saved):
        one["q"] = "| count by x" if number % 2 else "x"
    page: Page = visit(
        f"board?name={long}", ready=f"{PANELS} === 11 && {SETTLED}", width=390, height=844
    )
    assert page.run("document.documentElement.scrollWidth") == 390
    assert page.run("globalThis.owned ?? null") is None
    assert (
        page.run(
            "document.querySelectorAll('#panels :is(script, img, iframe, style, form)').length"
        )
        == 0
    )
    assert "\u202e" not in page.run("document.body.textContent")
    page.go(f"{logs.url}board?add={long}")
    page.wait("document.querySelectorAll('#board-list li').length === 2")
    assert page.run("document.documentElement.scrollWidth") == 390
    assert page.run("globalThis.owned ?? null") is None


def test_a_search_that_is_on_the_board_already_keeps_its_place_and_shape(logs, visit):
    logs.send("a x")
    save_board(logs, "a", "b", shape="table")
    before = [dict(one) for one in logs.boards["shop"]["panels"]]
    page = visit("board?add=a", ready="document.querySelectorAll('#board-list li').length === 1")
    page.run("document.querySelector('#board-list button').focus()")
    page.press("Enter")
    page.wait(f"location.search === '?name=shop' && {PANELS} === 2")
    assert logs.boards["shop"]["panels"] == before


@pytest.mark.parametrize(
    ("scheme", "width", "height"), [("light", 1440, 900), ("dark", 1280, 800), ("light", 390, 844)]
)
def test_a_board_is_readable_and_accessible(logs, visit, scheme, width, height):
    logs.send("a x", "b x", level="error")
    save_board(logs, "a", "b")
    logs.boards["shop"]["panels"][1]["as"] = "table"
    page = open_board(visit, 2, width=width, height=height, prefers_color_scheme=scheme)
    assert serious(page) == []
    assert page.run(CONTRAST) == []
    assert page.run("document.documentElement.scrollWidth") == width
    assert len([one for one in logs.asked if not one.startswith("/api")]) <= 8


def test_a_printed_board_says_what_it_is_of(logs, visit):
    logs.send("a x", level="error")
    save_board(logs, "a")
    page = open_board(visit, 1, prefers_color_scheme="dark")
    page.call("Page.printToPDF")
    page.call("Emulation.setEmulatedMedia", media="print")
    head = page.text(".print-head")
    for text in ("logsrv", "Board\nshop", "as saved with each search", "Printed"):
        assert text in head
    shown = "[...document.querySelectorAll('button, select')].some((one) => one.checkVisibility())"
    assert not page.run(shown)
    assert page.run("document.querySelector('.board-panel rect.bar').checkVisibility()")


def test_a_board_says_that_the_server_is_away_and_goes_on(logs, visit):
    logs.send("a x")
    save_board(logs, "a")
    page = open_board(visit, 1)
    page.run(
        "void (globalThis.fetched = fetch, globalThis.fetch = () => Promise.reject(new TypeError()))"
    )
    page.wait("!document.querySelector('#banner').hidden")
    page.run("void (globalThis.fetch = fetched)")
    page.wait("document.querySelector('#banner').hidden")


def on_paper(page: Page, width: int = PAGE_WIDTH) -> None:
    """Show the page as it is printed, as tall as its content."""
    page.run("void dispatchEvent(new Event('beforeprint'))")
    page.call("Emulation.setEmulatedMedia", media="print")
    page.resize(width, PAGE_HEIGHT)


@pytest.fixture
def board(logs: Logs, visit: Any) -> Page:
    """A board with sorted lines, and a chart beside them."""
    # The fake server takes the words of stages for words to look for.
    rows = [
        f"| sort rt limit 10 GET /long/path/{number} " + "wrapped " * 40 for number in range(10)
    ]
    logs.send(*rows, path="*")
    for line in logs.lines:
        line["number"] = 1.25
    save_board(logs, SORTED, "| count every 10m")
    assert logs.saved
    logs.saved[0]["q"] = SORTED
    logs.boards["shop"]["panels"][0]["as"] = "table"
    logs.table = answer(["count"], [(0, 10), (1, 20)])
    return open_board(visit, 2, width=1440)


@pytest.mark.parametrize("width", [PAGE_WIDTH, 1047])
def test_panels_stand_one_under_the_other_with_charts_of_one_height(board, width):
    on_paper(board, width)
    first, second = (board.box(f".board-panel:nth-child({number})") for number in (1, 2))
    assert second[1] >= first[1] + first[3] and first[3] < PAGE_HEIGHT
    assert board.box(f"{CHART} .plot")[3] == 160
    assert board.run(f"getComputedStyle(document.querySelector('{CHART}')).breakInside") == "avoid"


def test_the_labels_of_a_chart_are_on_its_gridlines_whatever_its_height(board):
    """Also where no chart is told of its new height."""
    tall = f"""
        for (const part of ['.plot', '.scale'])
            document.querySelector('{CHART} ' + part).style.height = '300px';
        const middles = (selector) => [...document.querySelectorAll('{CHART} ' + selector)].map((one) => {{
            const {{top, height}} = one.getBoundingClientRect();
            return top + height / 2;
        }});
        return [middles('.scale span:not(.unit)'), middles('.plot .grid')];"""
    labels, lines = board.run(f"(() => {{{tall}}})()")
    assert len(labels) == len(lines) > 2
    assert all(abs(one - other) < 2 for one, other in zip(labels, lines, strict=True))


def test_charts_beside_each_other_keep_their_height(logs, visit):
    """Where one has a longer title, the other one is stretched: each drawing must not make both taller."""
    save_board(logs, "| count every 10m", "| count every 10m " + "of a long title " * 20)
    logs.table = answer(["count"], [(0, 10), (1, 20)])
    page = open_board(visit, 2, width=1440)
    heights = "[...document.querySelectorAll('.board-panel')].map((one) => one.offsetHeight)"
    before = page.run(heights)
    frames = "for (let frame = 0; frame < 20; frame++) await new Promise(requestAnimationFrame);"
    page.run(f"(async () => {{ {frames} }})()")
    assert page.run(heights) == before
    page.resize(1440, 900)
    page.run(f"(async () => {{ {frames} }})()")
    assert page.run(heights) == before


def test_a_long_title_has_a_row_of_its_own_and_a_short_one_none(logs, visit):
    query = "hostname=web1 | count, count if (level>=error) as errors every auto by hostname"
    save_board(logs, "errors", query)
    page = open_board(visit, 2, width=1440)
    for number, is_beside in ((1, True), (2, False)):
        panel = f".board-panel:nth-child({number})"
        title, tools = page.box(f"{panel} h2"), page.box(f"{panel} .board-tools")
        assert (tools[1] < title[1] + title[3]) == is_beside
    # Two lines of it are seen; a tip and the link have all.
    assert title[2] > 350 and title[3] < 50
    assert page.run("document.querySelectorAll('h2 a')[1].title") == f"{query} x"


def test_times_of_today_have_their_day_on_paper(board):
    received = ".board-panel tbody td:nth-child(2)"
    assert board.text(received).count(" ") == 0
    board.run("void dispatchEvent(new Event('beforeprint'))")
    assert board.text(received).count(" ") == 2
    board.run("void dispatchEvent(new Event('afterprint'))")
    assert board.text(received).count(" ") == 0


def test_a_board_shows_the_number_by_which_lines_are_sorted_first(board):
    assert board.texts(".board-panel:nth-child(1) th") == ["rt", "received", "level", "message"]
    assert board.text(".board-panel tbody td") == "1.25"


def test_a_sorted_number_is_whole_beside_long_messages(logs, visit):
    logs.send(*(f"| sort rt limit 10 {'wrapped ' * 40}" for _ in range(3)), path="*")
    for line in logs.lines:
        line["number"] = 898984
    save_board(logs, SORTED, shape="table")
    logs.saved[0]["q"] = SORTED  # type: ignore[index]
    page = open_board(visit, 1)
    number = ".board-panel tbody td:first-child"
    assert page.text(number) == "898,984"
    assert page.run(f"getComputedStyle(document.querySelector('{number}')).textAlign") == "right"
    clamped = f"document.querySelector('{number} > *') ?? document.querySelector('{number}')"
    assert page.run(
        f"{clamped}.scrollWidth <= {clamped}.clientWidth".replace(clamped, f"({clamped})")
    )


def test_the_list_of_boards_is_the_main_part_of_its_page(logs, visit):
    save_board(logs, "a")
    page: Page = visit("board", ready="document.querySelectorAll('#board-list li').length === 1")
    mains = """[...document.querySelectorAll('main')].filter((one) => one.checkVisibility())
        .map((one) => one.id)"""
    assert page.run(mains) == ["boards"]
    assert found_by_axe(page, "moderate") == []
    left, _, width, _ = page.box(".board-head .tools a")
    assert page.box("#theme")[0] - left - width >= 8
    page = open_board(visit, 1)
    assert page.run(mains) == ["board"]


def test_a_panel_without_results_says_why(logs, visit):
    logs.send("b only", level="error")
    logs.send("a x", level="error", time=datetime.now(UTC) - timedelta(days=2))
    save_board(logs, "Never", "a")
    page = open_board(visit, 2)
    nothing = ["No results", "Nothing in the last hour."]
    first, second = (page.texts(f".board-panel:nth-child({n}) .empty p") for n in (1, 2))
    assert first[:2] == second[:2] == nothing
    assert first[2].startswith("Never never occurred.x does not occur in the last hour, last at ")
    assert "never" not in second[2]
    assert not page.run("document.querySelector('.board-panel .table').checkVisibility()")


def test_a_click_on_a_chart_of_a_board_leaves_its_figures_and_only_the_title_leads_away(
    logs, visit
):
    logs.send("a x", level="error")
    save_board(logs, "a")
    page = open_board(visit, 1)
    page.click(".board-panel .plot")
    assert page.run("location.pathname") == "/board"
    assert page.run("document.querySelector('.board-panel .tip').checkVisibility()")
    page.click(".board-panel h2 a")
    page.wait("location.pathname === '/'")


def test_a_table_of_a_board_says_how_many_rows_it_shows(logs, visit):
    save_board(logs, "| count by id", "| count every 10m", shape="table")
    logs.table = answer(["count"], [(f"g{group}", 1) for group in range(101)], ("id",), None)
    page = open_board(visit, 2)
    assert "· the first 100 of 101 rows are shown ·" in page.text(".board-panel .note")
    logs.table = answer(["count"], [(step, 1) for step in range(101)])
    page = open_board(visit, 2)
    assert "· the newest 100 of 101 rows are shown ·" in page.text(f"{CHART} .note")


def test_of_few_groups_of_many_a_board_says_how_many_and_which(logs, visit):
    save_board(logs, "| count by app")
    logs.table = answer(["count"], [("a", 3), ("b", 2)], ("app",), None) | {"groups": 400}
    page = open_board(visit, 1)
    assert "2 of 400 groups are used, the first" in page.text(".board-panel .note")


def test_a_board_leads_to_the_alerts(logs, visit):
    save_board(logs, "a")
    page = open_board(visit, 1)
    page.click(".board-head a[href='/alerts']")
    page.wait("location.pathname === '/alerts'")


def test_a_panel_says_of_which_time_it_counts(logs, visit):
    save_board(logs, "a")
    logs.boards["shop"]["panels"][0]["time"] = "board"
    page = open_board(visit, 1)
    logs.slow_bars.clear()
    page.run(
        "const last = document.querySelector('#last'); last.value = '24h';"
        "last.dispatchEvent(new Event('change'))"
    )
    note = "document.querySelector('.board-panel > p').textContent"
    assert page.run(note) == "last 24h"
    page.wait(f"{note} === 'last 24h · counting …'")
    logs.slow_bars.set()
    page.wait(f"{note}.startsWith('last 24h · counted at ')")
    page.run("void (last.value = '', last.dispatchEvent(new Event('change')))")
    page.wait(f"{note}.startsWith('last 1h · counted at ')")
    page.run("new Promise((done) => setTimeout(done, 1100))")
    assert page.run(note).startswith("last 1h · counted at ")


CUT = """[...document.querySelectorAll('.board-panel td.number')].filter((one) => {
    const cell = one.getBoundingClientRect();
    const part = one.closest('.table');
    const edge = part.getBoundingClientRect().right;
    return !part.matches('.more') && cell.right > edge + 0.5;
}).length"""


@pytest.mark.parametrize("width", [1440, 390])
def test_numbers_of_a_table_are_whole_and_texts_give_way(width, logs, visit):
    save_board(logs, "| avg rt by path", "| avg rt by app", shape="table")
    columns = ["count", "avg_rt", "p95_rt"]
    paths = [("/shop/articles/overview/of/all/the/articles", 123_456, 766.381, 1_234.567)]
    logs.table = answer(columns, [*paths, ("/", 1, 1.5, 1.5)], ("path",), None)
    page = open_board(visit, 2, width=width, height=844)
    assert page.run(CUT) == 0
    name = ".board-panel td:first-child > span"
    assert page.run(f"document.querySelector('{name}').title") == paths[0][0]
    assert page.box(f"{name}")[3] < 30
    # Times are whole, whatever stands beside them.
    logs.send("a x " * 40, time=datetime.now(UTC) - timedelta(days=3))
    save_board(logs, "a", shape="table")
    logs.saved[0]["last"] = "7d"  # type: ignore[index]
    page = open_board(visit, 1, width=width, height=844)
    assert not page.run(f"document.querySelector('{name}').title")
    assert page.run("document.querySelector('.board-panel td:last-child > span').title")
    assert not page.run("document.querySelector('.board-panel .table').matches('.more')")
    save_board(logs, "| avg rt by path", shape="table")
    # With too many numbers the last visible ones fade, until they are scrolled to.
    logs.table = answer([f"sum_{n}" for n in range(9)], [("/a", *[123_456.789] * 9)], ("p",), None)
    page = open_board(visit, 1, width=width, height=844)
    table = "document.querySelector('.board-panel .table')"
    page.wait(f"getComputedStyle({table}).maskImage.includes('gradient')")
    page.run(f"void ({table}.scrollLeft = 10_000)")
    page.wait(f"getComputedStyle({table}).maskImage === 'none'")
