"""Figures and groups that are texts, in a table of the page, of a board and of a phone."""

from typing import Any

import pytest

from tests.linelog.http.page.answers import answer
from tests.linelog.http.page.fake import Logs
from tests.parts.chromium import Page

pytestmark = pytest.mark.long
SHOWN = "!document.querySelector('#table').hidden"
LONG = "word " * 400 + "end"
UNBROKEN = "x" * 3000
MESSAGES = [("a", LONG, 2), ("b", UNBROKEN, 1), ("c", None, 3)]


@pytest.fixture
def page(logs: Logs, visit: Any) -> Any:
    """`page(answer, query)` shows a table, on a board if `board`."""

    def show(found: dict[str, Any], query: str, board: bool = False, **how: Any) -> Page:
        logs.table = found
        logs.saved = [{"name": "one", "q": query}, {"name": "two", "q": query}]
        logs.boards["shop"] = {
            "panels": [{"search": name, "as": "table"} for name in ("one", "two")]
        }
        settled = "document.querySelectorAll('.board-panel:not(.stale) tbody').length === 2"
        page: Page = (
            visit("board?name=shop", ready=settled, **how)
            if board
            else visit(f"?q={query.replace(' ', '%20')}", ready=SHOWN, **how)
        )
        return page

    return show


@pytest.mark.parametrize("board", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_texts_are_cut_and_stand_at_the_left(page, board, width):
    found = answer(["last_message", "count"], MESSAGES, ("app",), None)
    shown = page(found, "| last message by app", board, width=width, height=844)
    cells = [one for one in shown.texts(".table:not([hidden]) tbody td:nth-child(2)") if one]
    assert cells[2] == "–"
    for cell, whole in zip(cells, (LONG, UNBROKEN), strict=False):
        assert cell == f"{whole[:300]}…"
    cell = ".table:not([hidden]) tbody td:nth-child(2)"
    assert shown.run(f"document.querySelector('{cell} [title]').title") == LONG
    style = f"getComputedStyle(document.querySelector('{cell}'))"
    assert shown.run(f"{style}.textAlign") in ("left", "start")
    assert (
        shown.run(
            f"getComputedStyle(document.querySelector('{cell.replace('tbody td', 'thead th')}')).textAlign"
        )
        == "left"
    )
    widths = shown.run(f"[...document.querySelectorAll('{cell}')].map((one) => one.offsetWidth)")
    assert all(150 < one < 600 for one in widths)
    # Wrapped: all that is left of the text can be seen.
    assert shown.run(
        f"[...document.querySelectorAll('{cell}')].every((one) => one.scrollWidth <= one.clientWidth)"
    )
    assert shown.run("document.documentElement.scrollWidth") == width


def test_a_long_group_is_cut_and_whole_in_its_title(page):
    groups = [(UNBROKEN, 2), ("y" * 400, 1)]
    shown = page(answer(["count"], groups, ("user",), None), "| count by user")
    cells = [one.removesuffix("−") for one in shown.texts("#table tbody td:first-child")]
    assert cells == [f"{'x' * 300}…", f"{'y' * 300}…"]
    assert shown.run("document.querySelector('#table tbody [title]').title") == UNBROKEN
    shown.click("#table tbody tr:last-child .add")
    shown.wait(f"document.querySelector('#q').value === 'user={'y' * 400}'")


@pytest.mark.parametrize("board", [False, True])
def test_blank_groups_differ(page, board):
    groups = [("  ", 4), (" ", 3), ("\t", 2), ("\xa0", 1), ("", 1)]
    shown = page(answer(["count"], groups, ("user",), None), "| count by user", board)
    cells = [one.removesuffix("−") for one in shown.texts(".table tbody td:first-child")]
    assert cells[:5] == ['"  "', '" "', r'"\t"', r'"\xa0"', "(empty)"]
    cell = ".table tbody tr:nth-child({}) td:first-child > :not(.exclude)"
    ranges = """((one) => { const range = new Range(); range.selectNodeContents(one);
        return range.getBoundingClientRect().width; })(document.querySelector('%s'))"""
    assert shown.run(ranges % cell.format(1)) > shown.run(ranges % cell.format(2)) + 3


def test_lines_without_a_field_can_be_chosen_and_excluded(page):
    found = answer(["count"], [("a", 2), (None, 1)], ("user",), None)
    for selector, query in ((".add", "-user=*"), (".exclude", "user=* | count by user")):
        shown = page(found, "| count by user")
        assert shown.texts("#table tbody .add") == ["a", "(none)"]
        shown.click(f"#table tbody tr:last-child {selector}")
        shown.wait(f"document.querySelector('#q').value === '{query}'")


def test_large_integers_are_numbers(page):
    figures = [("a", "9007199254740993", 3), ("b", 12_345, 4), ("c", "18446744073709551615", 2)]
    shown = page(answer(["sum_n", "count"], figures, ("app",), None), "| sum n, count by app")
    column = "#table tbody td:nth-child(2)"
    assert shown.texts(column) == ["9,007,199,254,740,993", "12,345", "18,446,744,073,709,551,615"]
    assert shown.run(f"getComputedStyle(document.querySelector('{column}')).textAlign") == "right"
    shown.click("#table thead th:nth-child(2) button")
    assert [one[:2] for one in shown.texts(column)] == ["18", "9,", "12"]
    over_time = [(step, str(10**16 + step)) for step in range(3)]
    shown = page(answer(["sum_n"], over_time), "| sum n every 10m")
    assert shown.run("document.querySelectorAll('#table rect.bar').length") == 3


def test_digits_that_are_the_last_text_are_no_number(page):
    found = answer(["last_zip"], [("a", "00123"), ("b", "80331")], ("app",), None)
    shown = page(found, "| last zip by app")
    assert shown.texts("#table tbody td:last-child") == ["00123", "80331"]


@pytest.mark.parametrize("board", [False, True])
def test_figures_of_a_column_have_one_unit_and_agreeing_digits(page, board):
    columns = ["avg_rt", "sum_bytes", "avg_n", "count"]
    figures = [
        ("a", 0.0351, 3 << 20, 2.25, 1234),
        ("b", 1.24, 512, 4, 5),
        ("c", None, None, None, 1),
    ]
    shown = page(answer(columns, figures, ("app",), None), "| avg rt by app", board)
    for number, texts in enumerate(
        (["0.035 s", "1.240 s", "–"], ["3.0000 MiB", "0.0005 MiB", "–"], ["2.25", "4.00", "–"]), 2
    ):
        assert shown.texts(f".table:not([hidden]) tbody td:nth-child({number})")[:3] == texts
    assert shown.texts(".table:not([hidden]) tbody td:last-child")[:3] == ["1,234", "5", "1"]
