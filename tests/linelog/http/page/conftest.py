"""A server of the API, and the page in a browser, for each test."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from logsrv.linelog.http.assets import static_folder
from tests.linelog.http.page.fake import Logs
from tests.linelog.http.page.samples import samples
from tests.parts.chromium import Chromium, Page

Open = Callable[..., Page]
# The modules of the live page, in JavaScript: a promise of the script that the page itself has loaded.
MAIN = f"import('{static_folder()}/main.js')"
LIVE = "document.querySelector('#connection.live')"
LAST = "[...document.querySelectorAll('.line .message')].at(-1).textContent"
FIRST = "document.querySelector('.line .message').textContent"
COUNT = "document.querySelectorAll('[role=log] [data-position]').length"


@pytest.fixture
def logs() -> Iterator[Logs]:
    with Logs() as server:
        yield server


@pytest.fixture
def visit(browser: Chromium, logs: Logs) -> Iterator[Open]:
    """`visit("?q=x", width=375)` opens the page and waits until it shows what there is.

    A page that complained (uncaught errors, refused loads) fails the test.
    """
    pages: list[Page] = []

    def open_page(query: str = "", ready: str = LIVE, **how: object) -> Page:
        page = browser.page(logs.url + query, **how)  # type: ignore[arg-type]
        pages.append(page)
        page.wait(ready)
        return page

    yield open_page
    complaints = [complaint for page in pages for complaint in page.complaints]
    browser.close_pages()
    assert [one for one in complaints if "responded with a status of" not in one] == []


def numbered(logs: Logs, count: int, **about: Any) -> None:
    logs.send(*(f"line {number}" for number in range(count)), **about)


def open_list(visit: Open, count: int, **how: Any) -> Page:
    """Open the page of alerts, which lists so many."""
    return visit("alerts", ready=f"document.querySelectorAll('.alert').length === {count}", **how)


def let_time_pass(page: Page, logs: Logs, seconds: int) -> None:
    """Let it be later for everybody: the browser, and the server that dates lines."""
    page.run(f"void (globalThis.clock = Date.now, Date.now = () => clock() + {seconds}000)")
    logs.ahead = timedelta(seconds=seconds)


def click_tool(page: Page, selector: str) -> None:
    """Click a tool of the bar; on a small screen it has to be shown first."""
    if page.run("document.querySelector('#more').checkVisibility()"):
        page.click("#more")
    page.click(selector)


def at_bottom(page: Page) -> bool:
    measure = (
        "(({scrollTop, scrollHeight, clientHeight}) => scrollHeight - scrollTop - clientHeight)"
    )
    return float(page.run(f"{measure}(document.querySelector('#scroller'))")) < 3


@pytest.fixture
def sampled(logs: Logs) -> Logs:
    for one in samples(datetime.now(UTC)):
        logs.send(*one.pop("messages"), **one)
    return logs
