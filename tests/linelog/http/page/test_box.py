"""The search box: rows of a long query, colours under its letters, Escape, names of figures."""

import pytest

from tests.linelog.http.page.answers import answer
from tests.linelog.http.page.conftest import COUNT, Open

pytestmark = pytest.mark.long

LONG = "level>=warning " + "app=shop " * 9 + "| avg ms, count by app every 5m | sort count desc "
SIZES = [(1440, 900), (390, 844)]
COLOURS = """[...document.querySelectorAll("#query-colours span")].map((one) => one.textContent)"""
HEIGHT = "document.querySelector('#q').offsetHeight"
AT = "document.activeElement.id"


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_box_grows_to_three_rows_and_no_more(width, height, visit: Open):
    page = visit(width=width, height=height)
    one = page.run(HEIGHT)
    row = page.run("parseFloat(getComputedStyle(document.querySelector('#q')).lineHeight)")
    page.fill("#q", "short")
    assert page.run(HEIGHT) == one
    page.fill("#q", "level>=warning " * (6 if width > 1000 else 3))
    assert page.run(HEIGHT) == one + row
    page.fill("#q", LONG * 6)
    assert page.run(HEIGHT) == one + 2 * row
    assert page.run("document.documentElement.scrollWidth") <= width
    if width < 1000:
        assert page.box("#q")[2] > 0.9 * width
    page.fill("#q", "")
    assert page.run(HEIGHT) == one


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("times", [1, 8])
def test_colours_lie_under_their_letters(width, height, times, visit: Open):
    """Whatever the rows are, and however far they are scrolled."""
    page = visit(width=width, height=height)
    page.fill("#q", LONG * times)
    for scroll in (0, 15, 10_000):
        page.run(f"void (document.querySelector('#q').scrollTop = {scroll})")
        page.wait(
            "document.querySelector('#q').scrollTop"
            " === document.querySelector('#query-colours').scrollTop"
        )
    # With the same text in the same font and width, both break their lines at the same places.
    for what in ("clientWidth", "clientHeight", "scrollHeight"):
        box, part = (
            page.run(f"document.querySelector('{one}').{what}") for one in ("#q", "#query-colours")
        )
        assert box == part, what
    assert page.run(COLOURS)[:5] == ["|", "avg", "count", "by", "every"]


def test_a_query_is_one_line_however_it_is_pasted(logs, visit: Open):
    logs.send("a b")
    page = visit()
    page.fill("#q", "a\nb")
    page.wait("document.querySelector('#q').value === 'a b'")
    page.press("Enter")
    page.wait(f"{COUNT} === 1")
    assert page.run("document.querySelector('#q').value") == "a b"


def test_escape_leaves_the_box_when_figures_are_shown(logs, visit: Open):
    logs.table = answer(["count"], [("shop", 3)], by=("app",), every=None)
    page = visit("?q=%7C+count+by+app", ready="document.querySelector('#table td')")
    page.press("/")
    assert page.run(AT) == "q"
    page.press("Escape")
    page.press("Escape")
    assert page.run(AT) == "table"
    page.press("t")
    page.wait("document.querySelector('#times').open")
    assert page.run("document.querySelector('#q').value") == "| count by app"


def test_figures_are_offered_behind_them_and_numbers_first_for_their_functions(logs, visit: Open):
    logs.send("x", app="shop", ms=5, mood="good")
    logs.table = answer(["n"], [("shop", 1)], by=("app",), every=None)
    page = visit(ready=f"{COUNT} === 1")
    offered = "document.querySelector('#completions li span')?.textContent"
    for query, first in (
        ("| p95 ", "ms"),
        ("| count as n by app | sort ", "app"),
        ("| count as number by app | where n", "number"),
        ("| count as n by app | let twice = ", "app"),
        ("| count as n by app | let twice = 2 * n | sort tw", "twice"),
    ):
        page.fill("#q", query)
        page.wait(f"{offered} === '{first}'")
