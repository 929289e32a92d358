"""Variables of boards in a real browser: choices in the head, values by list and by typing, the address."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from logsrv.kit.testing import wait_until
from tests.linelog.http.page.fake import Logs
from tests.linelog.http.page.looks import CONTRAST, CORPUS, found_by_axe
from tests.parts.chromium import Page

pytestmark = pytest.mark.long
SETTLED = "document.querySelector('.board-panel') && !document.querySelector('.board-panel.stale')"
OPEN = "document.querySelector('#variable').open"
ROWS = "document.querySelectorAll('#variable-values li').length"
NAMES = "#variable-values .name"
NOTE = "document.querySelector('#variable-note').textContent"
CHOICE = "#variables button"


@pytest.fixture
def hosts(logs: Logs) -> Logs:
    """A board with a search for a host, and lines of three."""
    logs.send("a", "b", "c", hostname="web1", level="error")
    logs.send("d", "e", hostname="web2")
    logs.send("f", hostname="db 1")
    logs.saved = [{"name": "lines", "q": "hostname=$host", "last": "1h"}]
    logs.boards["shop"] = {"panels": [{"search": "lines", "as": "table"}]}
    return logs


def open_board(visit: Any, query: str = "name=shop", **how: Any) -> Page:
    page: Page = visit(f"board?{query}", ready=SETTLED, **how)
    return page


def queries(logs: Logs, path: str = "/api/search") -> list[str]:
    """Return the queries that were asked, in order."""
    asked = [urlsplit(one) for one in logs.asked]
    return [parse_qs(one.query).get("q", [""])[0] for one in asked if one.path == path]


def shown(page: Page) -> list[str]:
    rows: list[str] = page.texts(".board-panel tbody td:last-child")
    return rows


def test_a_variable_has_a_choice_of_its_fields_values(hosts, visit):
    """By keyboard alone: all at first, then one, then two, then all again."""
    page = open_board(visit)
    assert page.texts(CHOICE) == ["host: all"]
    assert queries(hosts) == [""] and len(shown(page)) == 6
    page.run(f"document.querySelector('{CHOICE}').focus()")
    page.press("Enter")
    page.wait(f"{OPEN} && {ROWS} === 4")
    assert page.run("document.activeElement.id") == "variable-text"
    assert page.texts(NAMES) == ["All", "web1", "web2", "db 1"]
    assert page.texts("#variable-values .note") == ["3", "2", "1"]
    assert page.run(NOTE) == "3 values."
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", " ", "Enter"):
        page.press(key)
    page.wait(f"!{OPEN} && location.search === '?name=shop&var.host=web2'")
    page.wait("document.querySelectorAll('.board-panel tbody tr').length === 2")
    assert shown(page) == ["e", "d"]
    assert page.texts(CHOICE) == ["host: web2"]
    assert page.run("document.activeElement.textContent") == "host: web2"
    assert page.run(
        "document.querySelector('h2 a').search"
    ) == "?q=hostname%3Dweb2&last=1h".replace("%3D", "=") or "hostname" in page.run(
        "document.querySelector('h2 a').search"
    )
    page.press("Enter")
    page.wait(f"{OPEN} && {ROWS} === 4")
    page.click("#variable-values li:nth-child(4) label")
    page.click("#variable .action")
    page.wait("location.search === '?name=shop&var.host=web2&var.host=db+1'")
    wait_until(lambda: queries(hosts)[-1] == 'hostname in (web2, "db 1")', "the query")
    page.click(CHOICE)
    page.wait(f"{OPEN} && {ROWS} === 4")
    page.click("#variable-values li:first-child label")
    checked = "[...document.querySelectorAll('#variable-values input')].map((one) => one.checked)"
    assert page.run(checked) == [True, False, False, False]
    page.click("#variable .action")
    page.wait("location.search === '?name=shop'")
    page.wait("document.querySelectorAll('.board-panel tbody tr').length === 6")


def test_a_link_shows_the_same_and_back_leads_to_what_was_before(hosts, visit):
    page = open_board(visit, "name=shop&var.host=web2&last=24h&var.other=x")
    assert page.texts(CHOICE) == ["host: web2"] and shown(page) == ["e", "d"]
    page.click(CHOICE)
    page.wait(f"{OPEN} && {ROWS} === 4")
    page.write("web1")
    page.press("Enter")
    page.wait("location.search === '?name=shop&last=24h&var.host=web1&var.other=x'")
    page.wait("document.querySelectorAll('.board-panel tbody tr').length === 3")
    page.run("history.back()")
    page.wait("document.querySelectorAll('.board-panel tbody tr').length === 2")
    assert page.texts(CHOICE) == ["host: web2"]
    page.run(
        "const last = document.querySelector('#last'); last.value = '1h';"
        "last.dispatchEvent(new Event('change'))"
    )
    assert page.run("location.search") == "?name=shop&last=1h&var.host=web2&var.other=x"


def test_escape_changes_nothing(hosts, visit):
    page = open_board(visit)
    page.click(CHOICE)
    page.wait(f"{OPEN} && {ROWS} === 4")
    page.click("#variable-values li:nth-child(2) label")
    page.press("Escape")
    page.wait(f"!{OPEN}")
    assert page.run("location.search") == "?name=shop" and queries(hosts) == [""]
    assert page.run(f"document.activeElement === document.querySelector('{CHOICE}')")


def test_of_very_many_values_some_are_drawn_and_typing_finds_the_others(hosts, visit):
    for number in range(10_000):
        hosts.lines.append(hosts.lines[0] | {"fields": {"hostname": f"host{number:04}"}})
    page = open_board(visit)
    page.click(CHOICE)
    page.wait(f"{OPEN} && {ROWS} === 51")
    assert page.run(NOTE) == "50 of more than 199 values; type a part of one to find others."
    page.write("t987")
    page.wait(f"{NOTE} === '10 values with this text.'")
    assert page.texts(NAMES)[:3] == ["All", "t987", "host9870"]
    assert queries(hosts, "/api/top")[-1] == "hostname:t987"
    page.click("#variable-values li:nth-child(3) label")
    page.fill("#variable-text", "4321")
    page.wait(f"{NOTE} === '1 value with this text.'")
    # What was chosen is still there.
    assert page.texts(NAMES) == ["All", "4321", "host9870", "host4321"]
    page.click("#variable-values li:nth-child(4) label")
    page.click("#variable .action")
    page.wait("location.search === '?name=shop&var.host=host9870&var.host=host4321'")
    assert page.texts(CHOICE) == ["host: host9870, host4321"]


def test_any_value_may_be_typed_and_is_never_syntax(hosts, visit):
    page = open_board(visit)
    value = 'a") OR level>=debug | count'
    page.click(CHOICE)
    page.wait(f"{OPEN} && {ROWS} === 4")
    page.write(value)
    page.press("Enter")
    wait_until(
        lambda: queries(hosts)[-1] == 'hostname="a\\") OR level>=debug | count"', "the query"
    )
    assert page.texts(CHOICE) == [f"host: {value}"]
    assert page.run("new URLSearchParams(location.search).getAll('var.host')") == [value]


@pytest.mark.parametrize("value", [*CORPUS[:11], ""])
def test_values_of_strangers_are_text(hosts, visit, value):
    hosts.send("x", hostname=value)
    page = open_board(visit, width=390, height=844)
    page.click(CHOICE)
    page.wait(f"{OPEN} && {ROWS} === 5")
    at = page.texts(NAMES).index(value or '""')
    page.run(f"document.querySelectorAll('#variable-values input')[{at}].click()")
    page.click("#variable .action")
    page.wait(f"!{OPEN}")
    assert page.run("new URLSearchParams(location.search).getAll('var.host')") == [value]
    assert page.run("globalThis.owned ?? null") is None
    assert (
        page.run("document.querySelectorAll('#variables :is(script, img, iframe, svg)').length")
        == 0
    )
    assert page.run("document.documentElement.scrollWidth") == 390


def test_a_hostile_address_chooses_nothing_strange(hosts, visit):
    long = "x" * 1001
    many = "&".join(f"var.host=h{number}" for number in range(60))
    page = open_board(visit, f"name=shop&var.__proto__=x&var.a-b=1&var.=2&var.host={long}&{many}")
    assert page.texts(CHOICE) == ["host: h0, h1 and 48 more"]
    assert len(queries(hosts)[-1].split(",")) == 50


def test_the_board_says_of_which_field_the_values_are(hosts, visit):
    assert hosts.saved is not None
    hosts.saved[0]["q"] = "message:$host level>=$worst"
    hosts.boards["shop"]["variables"] = {"host": "hostname"}
    page = open_board(visit)
    assert page.texts(CHOICE) == ["host: all", "worst: all"]
    page.click(CHOICE)
    page.wait(f"{OPEN} && {ROWS} === 4")
    assert page.texts("#variable-legend") == ["Values of hostname"]
    # The board keeps that when its panels change.
    page.press("Escape")
    page.run("document.querySelector('.choice-group button:nth-child(2)').click()")
    wait_until(lambda: hosts.boards["shop"]["panels"][0]["as"] == "bars", "the shape")
    assert hosts.boards["shop"]["variables"] == {"host": "hostname"}


def test_a_value_can_be_typed_where_values_cannot_be_counted(hosts, visit):
    page = open_board(visit)
    page.run("void (globalThis.fetched = fetch)")
    page.run(
        "void (globalThis.fetch = (url, ...more) => String(url).startsWith('/api/top') ?"
        " Promise.reject(new TypeError()) : fetched(url, ...more))"
    )
    page.click(CHOICE)
    page.wait(f"{NOTE} === 'The server does not answer. A value can be typed.'")
    page.write("web2")
    page.press("Enter")
    page.wait("document.querySelectorAll('.board-panel tbody tr').length === 2")


def test_an_extracted_field_has_its_values(logs, visit):
    logs.saved = [
        {"name": "u", "q": '| extract "u=<user>" | where user=$user | count', "last": "1h"}
    ]
    logs.boards["shop"] = {"panels": [{"search": "u", "as": "table"}]}
    page = open_board(visit)
    page.click(CHOICE)
    wait_until(lambda: queries(logs, "/api/top") != [], "values")
    assert queries(logs, "/api/top") == ['| extract "u=<user>" | where message=*']


@pytest.mark.parametrize(
    ("scheme", "width", "height"), [("light", 1440, 900), ("dark", 1280, 800), ("light", 390, 844)]
)
def test_a_choice_is_readable_and_accessible(hosts, visit, scheme, width, height):
    page = open_board(visit, width=width, height=height, prefers_color_scheme=scheme)
    impacts = ("minor", "moderate", "serious", "critical")
    before = set(found_by_axe(page, *impacts))
    page.click(CHOICE)
    page.wait(f"{OPEN} && {ROWS} === 4")
    assert set(found_by_axe(page, *impacts)) <= before
    assert [one for one in before if "variable" in one] == []
    assert page.run(CONTRAST) == []
    assert page.run("document.documentElement.scrollWidth") == width
    page.press("Escape")
    page.call("Emulation.setEmulatedMedia", media="print")
    page.run("void dispatchEvent(new Event('beforeprint'))")
    assert "$host\nall" in page.text(".print-head")


def test_the_live_page_says_what_a_variable_is(logs, visit):
    logs.hint = "$host is a variable"
    page = visit(
        "?q=hostname%3D%24host", ready="document.querySelector('.query-hint:not([hidden])')"
    )
    assert "$host is a variable" in page.text(".query-hint")


def test_the_field_of_a_variable_is_chosen_on_the_page(hosts, visit):
    """By keys alone; the values are those of the other field then, and an empty one is the search's."""
    hosts.send("g", hostname="web1", app="shop")
    page = open_board(visit)
    page.run(f"document.querySelector('{CHOICE}').focus()")
    page.press("Enter")
    page.wait(f"{OPEN} && {ROWS} === 4")
    field = "document.querySelector('#variable-field')"
    assert page.run(f"{field}.value") == "hostname"
    assert not page.run("document.querySelector('#variable-field-save').checkVisibility()")
    page.wait("document.querySelectorAll('#variable-fields option').length")
    assert "app" in page.run(
        "[...document.querySelectorAll('#variable-fields option')].map((one) => one.value)"
    )
    page.run(f"{field}.select()")
    page.write("app")
    page.wait("document.querySelector('#variable-field-save').checkVisibility()")
    assert found_by_axe(page, "minor", "moderate", "serious", "critical") == []
    assert page.run(CONTRAST) == []
    page.press("Enter")
    wait_until(lambda: hosts.boards["shop"].get("variables") == {"host": "app"}, "the field")
    page.wait(f"{OPEN} && [...document.querySelectorAll('{NAMES}')].at(-1)?.textContent === 'shop'")
    page.wait("document.activeElement.id === 'variable-field'")
    assert page.text("#variable-legend") == "Values of app"
    assert page.text("#variable-field-note") == "The values of $host are those of app from now on."
    page.run(f"{field}.select()")
    page.press("Backspace")
    page.press("Enter")
    wait_until(lambda: hosts.boards["shop"]["variables"] == {}, "the search's field")
    page.wait(f"{ROWS} === 4 && {field}.value === 'hostname'")


def test_who_may_not_change_the_board_chooses_no_field(hosts, visit):
    hosts.reader["name"] = "ann"
    page = open_board(visit)
    page.run(f"document.querySelector('{CHOICE}').focus()")
    page.press("Enter")
    page.wait(f"{OPEN} && {ROWS} === 4")
    assert not page.run("document.querySelector('#variable-field').checkVisibility()")
