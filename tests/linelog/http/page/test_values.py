"""A click on a value asks for it too, for it alone, or for all but it; on an id, for its lines anywhere."""

import pytest

from tests.linelog.http.page.conftest import COUNT, Open

pytestmark = pytest.mark.long
QUERY = "document.querySelector('#q').value"
ID = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize("width", [390, 1440])
def test_a_value_of_a_line_is_asked_for_with_the_filter_alone_and_not(width, logs, visit: Open):
    logs.send("one", app="shop", user="ann")
    logs.send("one", app="shop", user="bob")
    logs.send("two", app="mail", user="ann")
    page = visit("?q=one", ready=f"{COUNT} === 2", width=width, height=844)
    page.click(".line:first-child .message")
    page.click("[aria-label='Only lines with user=ann']")
    page.wait(f"{COUNT} === 1 && {QUERY} === 'one user=ann'")
    page.click(".line .message")
    page.click(".details [aria-label^='Nothing but user=ann,']")
    page.wait(f"{COUNT} === 2 && {QUERY} === 'user=ann'")
    page.click(".line:last-child .message")
    page.click("[aria-label='No lines with app=mail']")
    page.wait(f"{COUNT} === 1 && {QUERY} === 'user=ann -app=mail'")
    assert page.run("document.documentElement.scrollWidth") <= width


def test_a_value_of_the_panel_is_asked_for_alone(logs, visit: Open):
    logs.send("one", app="shop", level="error")
    logs.send("two", app="mail", level="error")
    page = visit("?q=one", ready=f"{COUNT} === 1", width=1440, height=900)
    page.wait("document.querySelector('#field-list .only')")
    page.click("#field-list [aria-label^='Nothing but level=error,']")
    page.wait(f"{COUNT} === 2 && {QUERY} === 'level=error'")


def test_an_id_of_a_line_shows_its_lines_of_all_sources(logs, visit: Open):
    logs.send(f"asked {ID}", app="web", request_id="r-17")
    logs.send(f"paid {ID}", source="udp:192.0.2.9:514")
    logs.send("other r-17 line", source="udp:192.0.2.9:514")
    page = visit("?q=app%3Dweb", ready=f"{COUNT} === 1")
    page.click(".line .message")
    assert page.texts(".details dd:first-of-type .add") == ["r-17", ID]
    # Near for the keyboard, too: behind the tools, before the buttons of all fields.
    assert page.texts(".details :is(button, a)").index("r-17") == 6
    page.click(f"[aria-label^='All lines with {ID},']")
    page.wait(f"{COUNT} === 2 && {QUERY} === '\"{ID}\"'")
