"""The time of a board in a real browser: of its panels, From and To, zoomed to, and pointed at."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from logsrv.kit.testing import wait_until
from tests.linelog.http.page.answers import START, answer, time_of
from tests.linelog.http.page.boards import save_board
from tests.linelog.http.page.fake import Logs
from tests.linelog.http.page.looks import CONTRAST, found_by_axe
from tests.parts.chromium import Page

pytestmark = pytest.mark.long
PANELS = "document.querySelectorAll('.board-panel').length"
SETTLED = "!document.querySelector('.board-panel.stale')"
NOTE = "document.querySelector('.board-panel:nth-child({}) > .note').textContent"
STEPS = [(step, 10 * step) for step in range(6)]


def build(logs: Logs, *queries: str, **about: str) -> None:
    """Let the server have searches of these queries, named by them, and a board of them."""
    logs.saved = [{"name": query, "q": query, **about} for query in queries]
    logs.boards["shop"] = {"panels": [{"search": query, "as": "bars"} for query in queries]}


def open_board(visit: Any, panels: int, query: str = "", **how: Any) -> Page:
    ready = f"{PANELS} === {panels} && {SETTLED}"
    page: Page = visit(f"board?name=shop{query}", ready=ready, **how)
    return page


def choose_time(page: Page, value: str) -> None:
    page.run(
        f"void (document.querySelector('#last').value = '{value}',"
        "document.querySelector('#last').dispatchEvent(new Event('change')))"
    )


def note(number: int, text: str) -> str:
    return f"{NOTE.format(number)}.startsWith({json.dumps(text)})"


def drag(page: Page, start: float, end: float, panel: int = 1) -> None:
    """Drag over parts of the width of a panel's chart."""
    left, top, width, height = page.box(f".board-panel:nth-child({panel}) .plot")
    middle = top + height / 2
    page.drag((left + start * width, middle), (left + end * width, middle))


@pytest.fixture
def charts(logs: Logs, visit: Any) -> Page:
    """A board of two charts of an hour, the second with its own time."""
    logs.table = answer(["count"], STEPS) | {"since": time_of(0, 600), "until": time_of(6, 600)}
    build(logs, "| count every 10m", "| count every 5m")
    assert logs.saved
    logs.saved[1]["last"] = "7d"
    return open_board(visit, 2, "&last=1h")


def asked_last(logs: Logs, query: str) -> str:
    return [one for one in logs.asked if query in one][-1]


def test_a_search_that_was_saved_with_a_time_keeps_it_and_says_so(logs, visit):
    logs.send("a", "b", level="error")
    build(logs, "a", "b", "| patterns")
    assert logs.saved
    logs.saved[0]["last"] = "7d"
    logs.saved[2] |= {"since": "2h", "until": "1h"}
    page = open_board(visit, 3)
    assert page.run(NOTE.format(1)).startswith("last 7d · ")
    choose_time(page, "1h")
    page.wait(note(1, "own time: last 7 days · counted"))
    page.wait(note(2, "last 1h · counted"))
    page.wait(note(3, "own time: since 2h ago, until 1h ago · "))
    assert "since=7d" in asked_last(logs, "q=a&") and "since=1h" in asked_last(logs, "q=b&")
    assert page.run("document.querySelectorAll('h2 a')[0].search") == "?q=a&last=7d"


def test_a_panel_follows_the_board_once_it_is_told_to(logs, visit):
    logs.send("a", level="error")
    build(logs, "a", last="7d")
    page = open_board(visit, 1, "&last=1h")
    assert page.run(NOTE.format(1)).startswith("own time: ")
    pressed = "document.querySelector(\"[aria-label='Own time: a']\").ariaPressed"
    assert page.run(pressed) == "true"
    page.run("document.querySelector(\"[aria-label='Own time: a']\").focus()")
    page.press("Enter")
    page.wait(note(1, "last 1h · counted"))
    panel = {"search": "a", "as": "bars", "time": "board"}
    assert logs.boards["shop"]["panels"] == [panel]
    page.wait(f"document.activeElement.ariaLabel === 'Own time: a' && {pressed} === 'false'")
    # Its shape is another part, which leaves it.
    page.click(".choice-group button")
    wait_until(lambda: logs.boards["shop"]["panels"] == [panel | {"as": "table"}], "the shape")
    page.press("Tab")


def test_the_list_of_boards_has_no_time_to_choose(logs, visit):
    build(logs, "a")
    page = visit("board", ready="document.querySelectorAll('#board-list li').length === 1")
    page.run("document.querySelector('#board-list a').focus()")
    page.press("t")
    page.press("Escape")
    assert not page.run("document.querySelector('#times').open")
    assert not page.run("document.querySelector('#times-button').checkVisibility()")


def test_a_search_without_a_time_has_no_control_of_its_own_time(logs, visit):
    logs.send("a", level="error")
    build(logs, "a")
    page = open_board(visit, 1)
    assert not page.run("document.querySelector(\"[aria-label^='Own time']\")")


def test_from_and_to_are_in_the_address_and_the_back_button_undoes_them(logs, visit):
    logs.send("a", level="error")
    build(logs, "a")
    page = open_board(visit, 1)
    page.press("t")
    page.wait("document.querySelector('#times').open")
    page.fill("#since", "2h")
    page.fill("#until", "1h")
    page.press("Enter")
    page.wait("location.search === '?name=shop&since=2h&until=1h'")
    page.wait(note(1, "since 2h ago, until 1h ago"))
    # The note may be there before the request is.
    wait_until(lambda: "since=2h&until=1h" in asked_last(logs, "histogram"), "the request")
    assert page.text("#range-text") == "since 2h ago, until 1h ago"
    assert not page.run("document.querySelector('#last').checkVisibility()")
    page.run("history.back()")
    page.wait("location.search === '?name=shop'")
    page.wait(note(1, "last 15m"))
    assert page.run("document.querySelector('#last').checkVisibility()")


def test_a_typed_time_is_of_the_zone_of_the_page_and_read_from_the_address(logs, visit):
    logs.send("a", level="error")
    build(logs, "a")
    page = open_board(visit, 1)
    page.run("localStorage.setItem('logsrv-utc', '1')")
    page.go(f"{logs.url}board?name=shop")
    page.wait(f"{PANELS} === 1 && {SETTLED}")
    page.click("#times-button")
    page.wait("document.querySelector('#times').open")
    page.fill("#since", "2026-11-20 06:00")
    page.fill("#until", "2026-11-20 05:00")
    page.press("Enter")
    page.wait("!document.querySelector('#times-error').hidden")
    assert page.text("#times-error") == "until: it is not after since"
    page.fill("#until", "2026-11-20 07:30")
    page.press("Enter")
    page.wait("location.search.includes('since=2026-11-20T06:00:00.000Z')")
    assert page.text("#range-text") == "20 Nov 06:00:00 – 07:30:00"
    page.go(page.run("location.href"))
    page.wait(f"{PANELS} === 1 && {SETTLED}")
    assert page.text("#range-text") == "20 Nov 06:00:00 – 07:30:00"
    page.click("#range")
    page.wait("location.search === '?name=shop' && document.activeElement.id === 'last'")


def test_other_parts_of_the_address_stay(logs, visit):
    logs.send("a", level="error")
    build(logs, "a")
    page = open_board(visit, 1, "&last=6h&x=1&x=2")
    choose_time(page, "24h")
    page.wait("location.search === '?name=shop&last=24h&x=1&x=2'")


def test_a_usual_span_is_that_of_the_menu(logs, visit):
    logs.send("a", level="error")
    build(logs, "a")
    page = open_board(visit, 1)
    page.press("t")
    page.click("#times [data-since='15m']")
    page.wait("location.search === '?name=shop&last=15m'")
    assert page.run("document.querySelector('#last').value") == "15m"


def test_a_span_dragged_over_a_chart_is_shown_in_all_panels(charts, logs):
    drag(charts, 0.2, 0.6)
    zoom = f"{START + timedelta(minutes=10):%Y-%m-%dT%H:%M}"
    charts.wait(f"location.search.includes('zoom={zoom}')")
    assert charts.run("location.pathname") == "/board"
    charts.wait("document.querySelector('#zoom-out').checkVisibility()")
    charts.wait(SETTLED)
    # Of three steps of ten minutes there would be little to see.
    for every in ("auto", "5m"):
        assert zoom[:13] in asked_last(logs, f"every+{every}")
    assert "zoomed" in charts.run(NOTE.format(1))
    assert " · zoomed with the board, own time: last 7 days · " in charts.run(NOTE.format(2))
    for link in (1, 2):
        href = charts.run(f"document.querySelector('.board-panel:nth-child({link}) h2 a').href")
        assert f"since={zoom}" in href and "until=" in href and "last" not in href
    assert charts.text("#zoomed").startswith("Zoomed to ")


def test_zooming_is_undone_step_by_step_by_keys_the_button_and_the_browser(charts):
    before = charts.run("location.search")

    def zoom(start: float, end: float) -> str:
        drag(charts, start, end)
        old = before if not zooms else zooms[-1]
        charts.wait(f"location.search !== {json.dumps(old)} && {SETTLED}")
        zooms.append(charts.run("location.search"))
        return str(zooms[-1])

    for leave in ("Escape", "Backspace", "button", "browser", "chart"):
        zooms: list[str] = []
        first = zoom(0.1, 0.9)
        zoom(0.1, 0.6)
        for search in (first, before):
            if leave == "button":
                charts.click("#zoom-out")
            elif leave == "browser":
                charts.run("history.back()")
            else:
                where = ".plot" if leave == "chart" else "h2 a"
                charts.run(f"document.querySelector('.board-panel {where}').focus()")
                charts.press("Escape" if leave == "chart" else leave)
            charts.wait(f"location.search === {json.dumps(search)} && {SETTLED}")
        assert not charts.run("document.querySelector('#zoom-out').checkVisibility()")
        assert charts.run(NOTE.format(2)).startswith("own time: last 7 days · ")


def test_a_span_is_chosen_by_keys(charts):
    charts.run("document.querySelector('.board-panel .plot').focus()")
    charts.press("Home")
    charts.press("ArrowRight", shift=True)
    charts.press("Enter")
    ends = [f"{START + timedelta(minutes=each):%Y-%m-%dT%H:%M:00.000Z}" for each in (0, 20)]
    charts.wait(f"location.search === '?name=shop&last=1h&zoom={'/'.join(ends)}'")
    assert charts.run("document.activeElement.matches('.plot')")
    charts.press("Escape")
    charts.wait("location.search === '?name=shop&last=1h'")


def test_a_zoom_in_the_address_of_a_link_leads_to_the_time_of_the_board(charts, logs):
    ends = "2026-11-20T06:10:00.000Z/2026-11-20T06:20:00.000Z"
    charts.go(f"{logs.url}board?name=shop&last=6h&zoom={ends}")
    charts.wait(f"{PANELS} === 2 && {SETTLED}")
    charts.press("Escape")
    charts.wait(f"location.search === '?name=shop&last=6h' && {SETTLED}")
    # What is no span of time is none.
    back = "/".join(reversed(ends.split("/")))
    for wrong in ("x", "1/2", "2026-11-20T06:10:00Z", back):
        charts.go(f"{logs.url}board?name=shop&last=6h&zoom={wrong}")
        charts.wait(f"{PANELS} === 2 && {SETTLED}")
        assert not charts.run("document.querySelector('#zoom-out').checkVisibility()")
        assert charts.run(NOTE.format(1)).startswith("last 6h · ")


def test_a_time_that_is_chosen_ends_the_zoom(charts):
    drag(charts, 0.2, 0.6)
    charts.wait("location.search.includes('zoom=')")
    choose_time(charts, "24h")
    charts.wait("location.search === '?name=shop&last=24h'")
    charts.run("history.back()")
    charts.wait("location.search.includes('zoom=')")


@pytest.mark.parametrize("pointed", [1, 2])
def test_the_time_that_is_pointed_at_is_marked_in_all_charts(pointed, logs, visit):
    """Also where the other one has steps of another length."""
    logs.send("a", level="error", time=datetime.now(UTC) - timedelta(minutes=5))
    now = datetime.now(UTC)
    begin = (now - timedelta(minutes=15)).replace(second=0, microsecond=0)
    rows = [((begin + timedelta(minutes=5 * step)).isoformat(), 7 * step) for step in range(3)]
    ends = {"since": begin.isoformat(), "until": (begin + timedelta(minutes=15)).isoformat()}
    steps = [
        [(begin + timedelta(minutes=5 * step)).isoformat() for step in (each, each + 1)]
        for each in range(3)
    ]
    logs.table = answer(["count"], [], every=300) | {"rows": rows, "steps": steps, **ends}
    build(logs, "a", "| count every 5m")
    page = open_board(visit, 2)
    other = f".board-panel:nth-child({3 - pointed})"
    left, top, width, height = page.box(f".board-panel:nth-child({pointed}) .plot")
    page.mouse("mouseMoved", left + 0.5 * width, top + height / 2)
    page.wait(f"document.querySelector('{other} .joint').checkVisibility()")
    assert page.run(f"document.querySelector('{other} .tip').checkVisibility()")
    line = page.box(f"{other} .joint")[0]
    plot = page.box(f"{other} .plot")
    assert 0.3 < (line - plot[0]) / plot[2] < 0.7
    if pointed == 1:
        assert page.texts(f"{other} .tip b") == ["7"]
    own = f".board-panel:nth-child({pointed}) .joint"
    assert not page.run(f"document.querySelector('{own}').checkVisibility()")
    assert page.run(f"document.querySelector('{other} .joint').ariaHidden") == "true"
    assert not page.run(f"document.querySelector('{other} .chart > [role=status]').textContent")
    page.mouse("mouseMoved", 5, 5)
    page.wait(f"!document.querySelector('{other} .joint').checkVisibility()")
    assert not page.run(f"document.querySelector('{other} .tip').checkVisibility()")


def test_what_is_pointed_at_stays_as_charts_are_drawn_again(charts):
    left, top, width, height = charts.box(".board-panel .plot")
    charts.mouse("mouseMoved", left + 0.5 * width, top + height / 2)
    shown = "[...document.querySelectorAll('.tip')].map((one) => one.checkVisibility())"
    charts.wait(f"{shown}.every(Boolean)")
    wide = "document.querySelector('.plot svg').getAttribute('viewBox')"
    before = charts.run(wide)
    charts.resize(1260, 800)
    charts.wait(f"{wide} !== '{before}'")
    assert charts.run(shown) == [True, True]


def test_keys_point_at_a_time_in_all_charts(charts):
    charts.run("document.querySelector('.board-panel .plot').focus()")
    charts.press("End")
    line = "document.querySelector('.board-panel:nth-child(2) .joint')"
    charts.wait(f"{line}.checkVisibility()")
    charts.press("Escape")
    assert not charts.run(f"{line}.checkVisibility()")


@pytest.mark.parametrize(
    ("scheme", "width", "height"), [("light", 1440, 900), ("dark", 1280, 800), ("dark", 390, 844)]
)
def test_a_zoomed_board_is_readable_and_accessible(charts, scheme, width, height):
    charts.resize(width, height)
    charts.media(prefers_color_scheme=scheme)
    charts.run("document.querySelector('.board-panel .plot').scrollIntoView({block: 'center'})")
    drag(charts, 0.2, 0.6)
    charts.wait(f"location.search.includes('zoom=') && {SETTLED}")
    assert found_by_axe(charts, "moderate", "serious", "critical") == []
    assert charts.run(CONTRAST) == []
    assert charts.run("document.documentElement.scrollWidth") == width


def test_fixed_steps_that_do_not_fit_the_time_are_automatic_meanwhile(logs, visit):
    """Zoomed in to ten minutes, or out to a month; undone with the zoom."""
    save_board(logs, "| count every 5m")
    logs.saved = [{"name": "| count every 5m", "q": "| count every 5m"}]
    logs.table = answer(["count"], [(0, 1), (1, 2)])
    note = "document.querySelector('.board-panel .note').textContent"

    def last_query() -> str:
        asked = [one for one in logs.asked if one.startswith("/api/table")][-1]
        return parse_qs(urlsplit(asked).query)["q"][0]

    page = open_board(visit, 1)
    assert last_query() == "| count every 5m"
    page = open_board(visit, 1, "&last=6h")
    assert last_query() == "| count every 5m" and "would be" not in page.run(note)
    page = open_board(visit, 1, "&last=30d")
    assert last_query() == "| count every auto"
    assert "every 5m would be 8,640 steps: every auto" in page.run(note)
    zoom = "zoom=2026-11-20T06:00:00Z/2026-11-20T06:10:00Z"
    page = open_board(visit, 1, f"&last=6h&{zoom}")
    assert last_query() == "| count every auto"
    assert "every 5m would be 2 steps: every auto" in page.run(note)
    page.press("Escape")
    page.wait(f"!{note}.includes('would be') && {note}.includes('counted at')")
    assert last_query() == "| count every 5m"
