"""The live page of the real daemon in a real browser: lines, log-in, size."""

from __future__ import annotations

import pytest

from tests.chromium import Chromium, Page
from tests.end_to_end.conftest import Start
from tests.end_to_end.web_daemon import HTTP, TOKEN, client_of, send

LIVE = "document.querySelector('#connection.live')"
SHOWN = "document.querySelector('[role=log]').textContent.includes({!r})"

pytestmark = pytest.mark.long


def complaints(page: Page) -> list[str]:
    """Return the complaints of the browser without failed statuses, which the page shows itself."""
    return [one for one in page.complaints if "responded with a status of" not in one]


def test_page_shows_old_and_new_lines_and_filters_them(logger: Start, browser: Chromium) -> None:
    server = logger(*HTTP)
    send(server, "old line level=error user=ann")
    page = browser.page(f"http://127.0.0.1:{client_of(server).place}/")
    page.wait(LIVE)
    page.wait(SHOWN.format("old line"))
    send(server, "new line <b>bold</b>")
    page.wait(SHOWN.format("<b>bold</b>"))
    assert page.run("document.querySelectorAll('[role=log] [data-position]').length") == 2
    page.fill("#q", "user=ann")
    page.wait(f"!{SHOWN.format('new line')} && {SHOWN.format('old line')}")
    page.fill("#q", "level>=banana")
    page.wait("document.querySelector('#query-sentence').textContent.includes('banana')")
    assert complaints(page) == []


def test_the_token_is_asked_for(logger: Start, browser: Chromium) -> None:
    server = logger(*HTTP, "--http-token", TOKEN)
    send(server, "secret line")
    page = browser.page(f"http://127.0.0.1:{client_of(server).place}/")
    page.wait("document.querySelector('#token')")
    page.fill("#token", TOKEN)
    page.press("Enter")
    page.wait(SHOWN.format("secret line"))
    assert complaints(page) == []


def test_a_first_page_takes_few_small_files(logger: Start, browser: Chromium) -> None:
    server = logger(*HTTP)
    page = browser.page(f"http://127.0.0.1:{client_of(server).place}/")
    page.wait(LIVE)
    files = page.run(
        "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
        ".filter((one) => !/\\/(api|metrics|healthz)/.test(one.name))"
        ".map((one) => [one.name, one.encodedBodySize, one.decodedBodySize])"
    )
    assert 3 < len(files) <= 8, files
    assert sum(sent for _, sent, _ in files) < 90_000
    assert all(sent < whole for _, sent, whole in files if whole > 500), files
    assert complaints(page) == []
