"""Rows of access logs and imports, on a desk and on a phone; the panel of fields."""

import pytest

from tests.linelog.http.page.conftest import COUNT, LIVE, Open, click_tool
from tests.linelog.http.page.looks import CONTRAST, serious

pytestmark = pytest.mark.long
LONG = "/api/v2/customers/88213/invoices?from=2026-01-01&to=2026-06-30&format=json"
ACCESS = (
    f'198.51.100.7 - ann [20/Nov/2026:06:18:42 +0000] "GET {LONG} HTTP/1.1" 502 26830'
    ' "-" "curl" rt=0.863'
)
FIELDS = {
    "rt": "0.863", "client": "198.51.100.7", "user": "ann", "method": "GET", "path": LONG,
    "protocol": "HTTP/1.1", "status": "502", "bytes": "26830", "agent": "curl", "level": "error",
}  # fmt: skip
IMPORTED = "file:var/log/nginx/access.log"


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_an_access_log_shows_request_and_answer_first(width, height, logs, visit):
    """On one row the path is cut, so that the status is in sight; the client and all else is dimmed."""
    logs.send(ACCESS, source=IMPORTED, **FIELDS)
    page = visit(width=width, height=height, ready=f"{LIVE} && {COUNT} === 1")
    assert page.text(".line .message").replace("\n", "") == (
        f"GET {LONG} 502 26.2 KiB 0.863 s  198.51.100.7 - ann [20/Nov/2026:06:18:42 +0000]"
        ' "-" "curl" rt=0.863'
    )
    assert page.texts(".message .key")[0].startswith(" 198.51.100.7 - ann [20/Nov")
    left, _, wide, _ = page.box(".message")
    status, _, size, _ = page.box(".status-5")
    assert status + size < left + wide
    assert page.text(".line .source") == "access.log"
    assert page.run("document.querySelector('.line .source').title") == IMPORTED
    page.press("k")
    page.press("Enter")
    page.wait("document.querySelector('.details')")
    assert page.text(".open .message") == ACCESS


def test_other_lines_with_such_fields_stay_as_they_are(logs, visit):
    logs.send("method=GET path=/x status=200", method="GET", path="/x", status="200")
    page = visit(ready=f"{LIVE} && {COUNT} === 1")
    assert page.text(".message") == "method=GET path=/x status=200"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_has_room_for_lines(scheme, sampled, visit: Open):
    """At most 120 pixels above them and 32 below; a finger hits what it wants; the levels are named."""
    page = visit(width=390, height=844, prefers_color_scheme=scheme)
    page.wait("document.querySelectorAll('#bars .bar').length > 10")
    assert page.box("#scroller")[1] <= 120
    assert page.box(".foot")[3] <= 32
    small = (
        "[...document.querySelectorAll('button, select, input')]"
        ".filter((one) => one.checkVisibility())"
        ".map((one) => [one.id || one.textContent, one.getBoundingClientRect()])"
        ".filter(([, {width, height}]) => width < 40 || height < 40).map(([name]) => name)"
    )
    assert page.run(small) == []
    assert (
        page.run("document.querySelector('.legend li:last-child').getBoundingClientRect().right")
        < 390
    )
    click_tool(page, "#fields-button")
    page.wait("document.querySelectorAll('#fields li').length > 3")
    assert page.run(small) == []
    assert page.run(CONTRAST) == []
    assert serious(page) == []
    page.press("Escape")
    page.click("#more")
    page.wait("document.querySelector('#help-button').checkVisibility()")
    assert page.run(small) == []
    assert serious(page) == []
    page.press("Escape")
    page.wait("!document.querySelector('#help-button').checkVisibility()")


LEVELS = """(() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const light = (colour) => {
    canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((one) => one / 255)
      .map((one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
  };
  const colours = ['info', 'debug', 'none'].map((name) =>
    light(getComputedStyle(document.querySelector(`.legend .bar-${name}`), '::before').backgroundColor));
  colours.push(light(getComputedStyle(document.body).backgroundColor));
  return colours.slice(1).map((one, at) => Math.max(one / colours[at], colours[at] / one));
})()"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_info_debug_and_other_are_told_apart(scheme, visit):
    page = visit(prefers_color_scheme=scheme)
    assert min(page.run(LEVELS)) >= 3


def test_the_panel_of_fields_is_sifted_and_has_no_empty_ones(logs, visit):
    logs.send("x", order_id="7", order_total="9", user="ann")
    page = visit(ready=f"{LIVE} && {COUNT} === 1")
    page.wait("document.querySelector('[data-field=user]')")
    names = (
        "[...document.querySelectorAll('.field-entry')].filter((one) => one.checkVisibility())"
        ".map((one) => one.innerText.split('\\n')[0])"
    )
    assert page.run(names) == ["level", "app", "order_id", "order_total", "user"]
    page.fill("#field-filter", "Order")
    assert page.run(names) == ["order_id", "order_total"]
    page.fill("#field-filter", "zebra")
    assert page.text("#field-none") == "No field has zebra in its name."
    page.fill("#field-filter", "")
    assert len(page.run(names)) == 5
