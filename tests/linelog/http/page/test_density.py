"""How much fits on a screen: rows of a line, what a row leaves out, chosen columns, copied values."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.linelog.http.page.conftest import COUNT, LIVE, click_tool
from tests.linelog.http.page.looks import COPIED, SHIFTS
from tests.linelog.http.page.samples import samples
from tests.parts.chromium import Page

pytestmark = pytest.mark.long
# Rows that are wholly between the ends of the list.
VISIBLE = """(() => {
  const box = document.querySelector('#scroller').getBoundingClientRect();
  return [...document.querySelectorAll('.line')].map((one) => one.getBoundingClientRect())
    .filter((at) => at.top >= box.top && at.bottom <= box.bottom).length; })()"""
ROWS = "[...document.querySelectorAll('.line')]"
HEADER = {"facility": "user", "severity": "notice", "timestamp": "Nov 20 06:18:42"}
RELAY = "udp:10.0.0.1:514"


def fits(page: Page, width: int) -> bool:
    return bool(
        page.run(
            f"document.documentElement.scrollWidth === {width}"
            f" && document.querySelector('#scroller').scrollWidth <= {width}"
        )
    )


@pytest.mark.parametrize(("width", "height", "least"), [(1280, 800, 27), (390, 844, 10)])
def test_many_lines_fit_on_a_screen(width, height, least, logs, visit):
    for one in samples(datetime.now(UTC), each=300):
        logs.send(*one.pop("messages"), **one)
    logs.send("word " * 200)
    page = visit(width=width, height=height, ready=f"{LIVE} && {COUNT} > 100")
    page.wait("document.querySelectorAll('#bars .bar').length > 10")
    assert page.run(VISIBLE) >= least
    assert fits(page, width)
    last = f"{ROWS}.at(-1).getBoundingClientRect().height"
    one = page.run(last)
    page.press("r")
    page.wait(f"location.search === '?rows=2' && {last} > {one} + 10 && {last} < {one} + 30")
    click_tool(page, "#rows")
    page.wait(f"location.search === '?rows=all' && {last} > {one} + 30")
    assert page.text("#notice") == "Lines are shown whole."
    assert page.run("document.querySelector('#rows').ariaLabel") == "Rows of a line: all"
    # The choice is kept; an address goes before it.
    page.go(logs.url)
    page.wait("document.querySelector('#lines').dataset.rows === 'all'")
    page.go(f"{logs.url}?rows=1")
    page.wait(f"{LIVE} && {COUNT} > 100 && document.querySelector('#lines').dataset.rows === '1'")
    assert page.run(VISIBLE) >= least and fits(page, width)


def test_the_host_of_a_message_is_shown_and_columns_are_chosen(logs, visit):
    """Not the relay's address; columns by a link, by the fields, by an opened line; gone by their name."""
    about = {**HEADER, "hostname": "<b>web1", "app": "nginx", "text": "hello"}
    logs.send("<13>Nov 20 06:18:42 <b>web1 nginx: hello", source=RELAY, **about)
    logs.send("plain", source=RELAY, status=200)
    page = visit(ready=f"{LIVE} && {COUNT} === 2")
    assert page.texts(".line .source") == ["<b>web1", "10.0.0.1"]
    assert page.run("document.querySelector('.source').title") == f"<b>web1, from {RELAY}"
    assert page.texts(".line .message") == ["nginx: hello", "plain"]
    cells = f"{ROWS}.map((one) => [...one.children].map((cell) => cell.textContent).slice(1))"
    page.go(f"{logs.url}?columns=time,hostname,app,message")
    page.wait(f"{LIVE} && {COUNT} === 2")
    assert page.run(cells) == [["<b>web1", "nginx", "hello"], ["", "", "plain"]]
    assert page.texts("#column-names .link") == ["time", "hostname", "app"]
    page.wait("document.querySelector('.field-entry .column[data-field=status]')")
    page.run("document.querySelector('.field-entry .column[data-field=status]').focus()")
    page.press("Enter")
    page.wait("location.search === '?columns=time,hostname,app,status,message'")
    assert page.run(cells)[1] == ["", "", "200", "plain"]
    page.press("k")
    page.press("Enter")
    page.click(".details [aria-label='Column source']")
    page.wait("location.search.includes('app,status,source,message')")
    logs.send("later", source=RELAY)
    page.click("#pause")
    page.wait(f"{COUNT} === 3 && document.querySelectorAll('#column-names .link').length === 5")
    assert page.run(cells)[2] == ["", "", "", RELAY, "later"]
    for name in ("time", "hostname", "app", "status", "source"):
        page.click(f"[aria-label='Remove the column {name}']")
    page.wait("location.search === '' && document.querySelector('#column-names').hidden")
    assert page.run("document.querySelectorAll('.line')[2].children.length") == 4
    names = ",".join(f"a_rather_long_name_{number}" for number in range(20))
    for width in (1280, 390):
        page.resize(width, 800)
        page.go(f"{logs.url}?columns={names}")
        page.wait(f"{LIVE} && {COUNT} === 3")
        assert fits(page, width)


def test_values_and_lines_are_copied(logs, visit):
    logs.send("hello", source=RELAY, user="a b")
    page = visit(ready=f"{LIVE} && {COUNT} === 1")
    page.run(COPIED)
    page.press("k")
    page.press("Enter")
    page.run("document.querySelector(\"[aria-label='Copy the value of user']\").focus()")
    page.press("Enter")
    page.wait("document.querySelector('#notice').textContent === 'The value of user is copied.'")
    page.press("y")
    page.wait("document.querySelector('#notice').textContent === 'Line copied.'")
    value, line = page.run("copied")
    assert value == "a b" and line.endswith(f" {RELAY} hello")


@pytest.mark.parametrize("has_name", [True, False])
def test_neighbours_of_the_same_source(has_name, logs, visit):
    """Twenty more of the line's source, whatever its port, past those of others; they are not dimmed."""
    for number in range(100):
        host = f"2001:db8::{2 if number % 4 else 1}"
        about = {"hostname": f"host {host}"} if has_name else {}
        source = f"tcp:{'[::3]' if has_name else f'[{host}]'}:{number}"
        logs.send(f"line {number}", source=source, **about)
    page = visit("?q=%22line+96%22", ready=f"{COUNT} === 1")
    page.press("k")
    page.press("B")
    page.wait(f"{COUNT} === 21")
    assert page.texts(".line .message") == [f"line {number}" for number in range(16, 97, 4)]
    styles = f"{ROWS}.map((one) => getComputedStyle(one.querySelector('.message')).fontStyle)"
    assert set(page.run(styles)) == {"normal"}
    page.press("k")
    page.press("j")
    page.press("b")
    page.wait(f"{COUNT} === 36")
    assert page.run(styles).count("italic") == 15
    buttons = page.texts(".further button")
    assert buttons[:2] == ["Show 20 more before", "Show 20 before of this source"]
    page.click(".further.before .own")
    page.wait(f"{COUNT} === 40 && document.querySelectorAll('.further.before .own').length === 0")


def test_lines_that_come_shift_nothing(logs, visit):
    page = visit(ready="true")
    page.call("Page.addScriptToEvaluateOnNewDocument", source=SHIFTS)
    logs.send(*(f"line {number}" for number in range(500)), level="info")
    page.go(logs.url)
    page.wait(f"{LIVE} && document.querySelectorAll('#bars .bar').length && {COUNT} > 100")
    page.wait("document.querySelector('#shipped').textContent")
    page.run("void (shift = 0)")
    for number in range(40):
        logs.send(*(f"later {number} {each}" for each in range(25)), level="error")
        page.wait(f"document.querySelector('#lines').textContent.includes('later {number} 24')")
    assert page.run("shift") < 0.01


def test_only_names_of_fields_are_shown_as_such(logs, visit):
    """Of what looks like one: a single pair of a sentence, or a text in quotes, is no field."""
    logs.send('GET "/x a=1" 200 rt=0.123 up="a b" x=y', rt="0.123", up="a b", path="/x a=1")
    logs.send("one pair=only, no field")
    status: dict[str, Any] = {"http.status": 200}
    logs.send('x {"http":{"status":200},"note":"b\\":"}', **status)
    umlaut = {"gr\u00f6\u00dfe": "5", "\u7528\u6237": "bob"}
    logs.send(" ".join(f"{name}={value}" for name, value in umlaut.items()), **umlaut)
    page = visit(ready=f"{LIVE} && {COUNT} === 4")
    found = page.run(
        f"{ROWS}.map((row) => [...row.querySelectorAll('.key')].map((key) => key.textContent))"
    )
    names = [f"{name}=" for name in umlaut]
    assert found == [["rt=", "up="], [], ['"http":', '"status":'], names]
