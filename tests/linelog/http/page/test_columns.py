"""Chosen columns: only they are shown, numbers at the right; a click on a name sorts."""

import pytest

from tests.linelog.http.page.conftest import COUNT, Open

pytestmark = pytest.mark.long
CELLS = "[...document.querySelectorAll('.line')].map((line) => [...line.children]"
SHOWN = f"{CELLS}.filter((one) => one.checkVisibility()).map((one) => one.textContent))"
SEARCH = "decodeURIComponent(location.search)"


@pytest.mark.parametrize("width", [390, 1440])
def test_only_chosen_columns_are_shown(width, logs, visit: Open):
    logs.send("one", app="shop", ms=5)
    page = visit("?columns=app,ms", ready=f"{COUNT} === 1", width=width, height=844)
    assert page.run(SHOWN) == [["shop", "5"]]
    page.click("[title='+ message: show the message too']")
    page.wait(f"{SEARCH} === '?columns=app,ms,message'")
    assert page.run(SHOWN) == [["shop", "5", "one"]]
    page.click("[aria-label='Remove the column message']")
    page.wait(f"{SEARCH} === '?columns=app,ms'")
    page.click(".line")
    page.wait("document.querySelector('.details')")
    assert page.run("document.querySelector('.open .message').checkVisibility()")
    assert page.run("document.documentElement.scrollWidth") <= width


def test_numbers_stand_at_the_right_and_a_click_on_their_name_sorts(logs, visit: Open):
    logs.send("one", app="shop", ms=5)
    page = visit("?columns=app,ms,message", ready=f"{COUNT} === 1", width=1440, height=900)
    align = (
        "[...document.querySelectorAll('.line .source')]"
        ".map((one) => getComputedStyle(one).textAlign)"
    )
    assert page.run(align) == ["start", "right"]
    assert page.texts(".column-name.right .link") == ["ms"]
    page.click("[title='Sort by app']")
    page.wait(
        "document.querySelector('#notice').textContent.includes('no numbers here to sort by')"
    )
    for query in ("| sort ms", "| sort ms asc", ""):
        page.click("[title='Sort by ms']")
        page.wait(f"document.querySelector('#q').value === '{query}'")
