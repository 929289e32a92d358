"""The panel of patterns in a real browser."""

import pytest

from tests.linelog.http.page.conftest import COUNT, LIVE, numbered
from tests.linelog.http.page.looks import CONTRAST, CORPUS, serious

pytestmark = pytest.mark.long
ENTRIES = "document.querySelectorAll('#pattern-list li').length"


def test_patterns_are_counted_and_a_click_shows_their_lines(logs, visit):
    """By keys and by a click; fields and patterns take turns in the same place."""
    numbered(logs, 20)
    logs.send("full 7", "full 8", "gone")
    page = visit(ready=f"{LIVE} && {COUNT} === 23")
    assert page.run("document.querySelector('#fields').hidden") is False
    page.press("p")
    page.wait(f"{ENTRIES} === 3")
    assert page.run("document.querySelector('#fields').hidden") is True
    assert page.texts("#pattern-list .add") == ["20  line <n>", "2  full <n>", "1  gone"]
    assert page.texts("#pattern-list .hole") == ["<n>", "<n>"]
    assert "3 patterns in 23 lines" in page.texts("#pattern-note")[0]
    page.click("#pattern-list li:nth-child(2) button")
    page.wait(f"{COUNT} === 2 && {ENTRIES} === 1")
    assert page.run("document.querySelector('#q').value") == '"full"'
    page.press("p")
    page.wait("document.querySelector('#patterns').hidden")
    page.press("f")
    page.wait("!document.querySelector('#fields').hidden")


def test_new_patterns_are_of_the_chosen_time(logs, visit):
    numbered(logs, 20)
    page = visit(ready=f"{LIVE} && {COUNT} === 20")
    page.press("p")
    logs.send("full 7")
    page.run(
        "((menu) => { menu.value = 'today'; menu.dispatchEvent(new Event('change')); })"
        "(document.querySelector('#patterns-new'))"
    )
    page.wait("document.querySelector('#pattern-note').textContent.includes('since then')")
    assert page.texts("#pattern-list .name") == ["full <n>"]
    page.click("#pattern-list button")
    page.wait(f"{COUNT} === 1 && !document.querySelector('#range').hidden")
    assert "since=" in page.run("location.search")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_hostile_patterns_are_text_and_readable(scheme, logs, visit):
    logs.send(*CORPUS)
    page = visit(width=375, height=800, prefers_color_scheme=scheme)
    page.click("#patterns-button")
    page.wait(f"{ENTRIES} > 10")
    inside = "#patterns :is(script, img, iframe, style, link, form, math, b, template)"
    assert page.run(f"document.querySelectorAll('{inside}').length") == 0
    assert page.run("typeof window.owned") == "undefined"
    assert page.run("document.documentElement.scrollWidth") == 375
    assert page.run(CONTRAST) == []
    assert serious(page) == []
    page.press("Escape")
    page.wait("document.querySelector('#patterns').hidden")
