"""Chosen columns: only they are shown, numbers at the right; a click on a name sorts."""

import pytest

from logsrv.kit.testing import wait_until
from tests.linelog.http.page.conftest import COUNT, Open

pytestmark = pytest.mark.long
CELLS = "[...document.querySelectorAll('.line')].map((line) => [...line.children]"
SHOWN = f"{CELLS}.filter((one) => one.checkVisibility()).map((one) => one.textContent))"
SEARCH = "decodeURIComponent(location.search)"
LABEL = "document.querySelector('#download-now').textContent"


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


def test_the_button_for_the_message_has_its_place_behind_many_columns(logs, visit: Open):
    names = ("app", "client", "method", "path", "status", "vhost", "rt")
    logs.send("one", **dict.fromkeys(names, "long value " * 5))
    page = visit(f"?columns={','.join(names)}", ready=f"{COUNT} === 1", width=1280, height=800)
    left, _, width, height = page.box(".column-names .whole")
    panel = page.box("#fields")
    assert left + width <= panel[0] and height < 30
    cells = "[...document.querySelectorAll('.line > .source')].map((one) => one.offsetLeft)"
    heads = "[...document.querySelectorAll('.column-name')].map((one) => one.offsetLeft)"
    # Lines have a bar at their left.
    apart = [one - other for one, other in zip(page.run(heads), page.run(cells), strict=True)]
    assert set(apart) == {apart[0]} and apart[0] <= 3


def test_one_click_downloads_the_likely_form(logs, visit: Open, tmp_path):
    """CSV of chosen columns; for plain lines JSON, until the reader has chosen another form."""
    logs.send("one", app="shop", ms=5)
    page = visit("?columns=app,ms&q=one", ready=f"{COUNT} === 1")
    link = "document.querySelector('#download-now')"
    page.wait(f"{link}.search.includes('q=one')")
    assert page.run(LABEL) == "Download CSV"
    asked = f"Object.fromEntries(new URLSearchParams({link}.search))"
    assert {"q": "one", "format": "csv", "columns": "app,ms"}.items() <= page.run(asked).items()
    page.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    page.click("#download-now")
    wait_until((tmp_path / "logsrv.csv").exists, "the file")
    assert not page.run("document.querySelector('#downloads').open")
    page = visit("?q=one", ready=f"{COUNT} === 1")
    page.wait(f"{link}.search.includes('q=one')")
    assert page.run(LABEL) == "Download JSON"
    page.run("document.querySelector('#download-button').focus()")
    page.press("Enter")
    page.wait("document.querySelector('#downloads').open")
    page.run(
        "((one) => { one.value = 'text'; one.dispatchEvent(new Event('change')); })"
        "(document.querySelector('#download-format'))"
    )
    assert page.run(LABEL) == "Download text"
    # It is remembered.
    page.run("globalThis.old = true; location.reload()")
    page.wait(f"!globalThis.old && {link}?.search.includes('format=text')")
    assert page.run(LABEL) == "Download text"


def test_a_download_has_the_columns_that_are_seen_and_is_csv_at_first(logs, visit: Open):
    logs.send("one", app="shop", ms=5)
    page = visit("?columns=app,ms", ready=f"{COUNT} === 1")
    link = "new URLSearchParams(document.querySelector('#download').search)"
    page.click("#download-button")
    assert page.run(f"[{link}.get('format'), {link}.get('columns')]") == ["csv", "app,ms"]
    choose = "(one) => { one.value = ''; one.selectedIndex = 0; one.dispatchEvent(new Event('change')); }"
    page.run(f"({choose})(document.querySelector('#download-format'))")
    page.press("Escape")
    page.wait("!document.querySelector('#downloads').open")
    page.click("[title='+ message: show the message too']")
    page.click("#download-button")
    # What was chosen stays.
    assert page.run(f"{link}.get('format')") is None
    page.run(f"({choose.replace('= 0', '= 1')})(document.querySelector('#download-format'))")
    assert page.run(f"{link}.get('columns')") == "app,ms,message"


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
