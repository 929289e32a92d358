"""The live page shows all records that a query finds, in a window of any size, by keys alone.

The store has lines of a day: among those of five senders, traces of a ledger, a shop and bulk jobs, whose
numbers are known.
"""

import json
import random
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from logsrv.kit.testing.patience import PATIENCE
from logsrv.kit.text.time import rfc3339
from tests.parts.chromium import Chromium, Page
from tests.parts.daemons import LOOPBACK, Logger, starting
from tests.parts.stores import make_store

pytestmark = pytest.mark.long
LEDGER, SHOP, BULK = "LedgerMismatchException", "com.acme.shop", "BulkError"
RECORDS = 30
# So many lines each of them has: 127 in all, and 408 in all.
LEDGER_LINES = [2, 3, 4, 5, 6, 7, 3, 4, 4, 5] * 2 + [2, 3, 5, 4, 4, 6, 3, 5, 4, 5]
SHOP_LINES = [14, 12, 15, 13, 14, 13, 14, 14, 13, 14] * 3
ROWS = ".line:not(.part)"
FOLDS = f"{ROWS} > .fold"
LISTED = "document.querySelector('#listed').textContent"
# Records of so many lines each come in the last hours; more than a window has room for.
BULKS, BULK_LINES = 300, 20
BULK_FOLD = f"+{BULK_LINES - 1}"
COUNT = "document.querySelectorAll('[role=log] [data-position]').length"
SCROLLER = "document.querySelector('#scroller')"
DONE = "document.querySelector('#progress').hidden && !document.querySelector('#lines.stale')"
EDGE = "document.querySelector('#edge-start').textContent"
BELOW = f"({SCROLLER}.scrollHeight - {SCROLLER}.scrollTop - {SCROLLER}.clientHeight)"
# The rows reach beyond the window, or there are no more.
FULL = (
    f"{DONE} && document.querySelector('.fold')"
    f" && ({EDGE}.startsWith('There') || {SCROLLER}.scrollHeight >= {SCROLLER}.clientHeight + 600)"
)
SIZES = {"1440x900": (1440, 900), "1280x800": (1280, 800), "390x844": (390, 844)}
HOUR = 3600.0


class Truth(NamedTuple):
    """A store's server, and the texts of each record of the ledger and of the shop."""

    server: Logger
    ledger: list[list[str]]
    shop: list[list[str]]


def trace(name: str, number: int, lines: int) -> list[str]:
    """A record whose word is in its second line, or in so many lines that it is in 127 of all."""
    if name == LEDGER:
        head = [
            f"ERROR [post-{number}] cannot post {number}",
            f"com.acme.ledger.{LEDGER}: {number}",
        ]
        return [
            *head,
            *(f"\tat com.acme.ledger.Post.f{n}(Post.java:{n})" for n in range(lines - 2)),
        ]
    head = [
        f"ERROR [order-{number}] order {number} failed",
        "java.lang.IllegalStateException: closed",
    ]
    package = ["shop" if n < LEDGER_LINES[number] else "kit" for n in range(lines - 2)]
    return [
        *head,
        *(f"\tat com.acme.{at}.Cart.f{n}(Cart.java:{n})" for n, at in enumerate(package)),
    ]


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Truth]:
    """Lines of two records come in turns, between those of others; three segments are sealed."""
    home = tmp_path_factory.mktemp("day")
    choice = random.Random(71)
    ledger = [trace(LEDGER, n, LEDGER_LINES[n]) for n in range(RECORDS)]
    shop = [trace(SHOP, n, SHOP_LINES[n]) for n in range(RECORDS)]
    now = time.time()
    timed: list[tuple[float, str, str]] = []
    for n in range(6000):
        moment = now - 24 * HOUR + HOUR / 4 + n * (23.6 * HOUR / 6000)
        timed.append((moment, f"tcp:192.0.2.{n % 5}:40000", f"INFO request {n} took {n % 97} ms"))
    for number in range(RECORDS):
        begin = now - 23.5 * HOUR + number * (23.4 * HOUR / RECORDS)
        for source, lines in (("1", ledger[number]), ("2", shop[number])):
            step = 0.0
            for text in lines:
                step += choice.random() / 10
                timed.append((begin + step, f"tcp:198.51.100.{source}:50000", text))
        timed += [(begin + n / 10, "tcp:192.0.2.9:40000", f"INFO beside {n}") for n in range(12)]
    for number in range(BULKS):
        begin = now - 4 * HOUR + number * 40
        texts = [
            f"ERROR [bulk] BulkError {number}",
            *(f"\tat bulk.Job.f{n}(Job.java:{n})" for n in range(1, BULK_LINES)),
        ]
        timed += [(begin + n / 20, "tcp:198.51.100.3:50000", text) for n, text in enumerate(texts)]
    stored = [f"{rfc3339(at)} {source} {text}\n".encode() for at, source, text in sorted(timed)]
    part = len(stored) // 4
    cuts = [
        stored[:part],
        stored[part : 2 * part + 3],
        stored[2 * part + 3 : 3 * part],
        stored[3 * part :],
    ]
    make_store(home / "store", cuts)
    with starting(home) as start:
        yield Truth(start("--http", LOOPBACK), ledger, shop)


def open_page(browser: Chromium, server: Logger, query: str, size: str, **how: str) -> Page:
    width, height = SIZES[size]
    return browser.page(f"http://127.0.0.1:{server.ports()[1]}/{query}", width, height, **how)


def shown(page: Page) -> list[str]:
    found: list[str] = page.run(
        f"[...document.querySelectorAll('{ROWS} .message')].map((one) => one.innerText.trimEnd())"
    )
    return found


def ask(page: Page, query: str) -> None:
    """Type a query, with the keyboard alone, and go to the lines."""
    page.press("/")
    page.write(query)
    page.press("Enter")
    page.wait(f"{FULL} && location.search.includes({json.dumps(query)})")
    page.press("Escape")


# A scheme changes colours only: each is tried with both queries, not in every size.
@pytest.mark.parametrize(("size", "scheme"), [*zip(SIZES, ("light", "dark", "light"), strict=True)])
@pytest.mark.parametrize(("query", "lines", "matching"), [(LEDGER, 127, 30), (SHOP, 408, 127)])
def test_all_records_are_shown_by_keyboard_alone(
    query, lines, matching, size, scheme, truth, browser
):
    page = open_page(browser, truth.server, "?last=24h&rows=1", size, prefers_color_scheme=scheme)
    page.wait("document.querySelector('#connection.live')")
    ask(page, query)
    records = truth.ledger if query == LEDGER else truth.shop
    page.wait(f"document.querySelector('#histogram-total').textContent === '{matching} lines'")
    assert shown(page) == [record[0] for record in records]
    assert page.texts(FOLDS) == [f"+{len(record) - 1}" for record in records]
    # From the newest record to the oldest, each is in sight when it is reached.
    for record in records[::-1]:
        page.press("ArrowUp")
        page.wait(
            f"document.querySelector('[aria-current] .message').innerText === {json.dumps(record[0])}"
        )
        page.wait(
            "((one, all) => one.top > all.top - 1 && one.bottom < all.bottom + 1)"
            "(document.querySelector('[aria-current]').getBoundingClientRect(),"
            f" {SCROLLER}.getBoundingClientRect())"
        )
    page.wait(f"{LISTED} === 'listed: {RECORDS} records, {lines} lines'")
    page.press("r")
    page.press("r")
    page.wait("document.querySelector('#lines').dataset.rows === 'all'")
    assert shown(page) == ["\n".join(record) for record in records]
    assert page.run("document.documentElement.scrollWidth <= innerWidth")
    assert page.complaints == []


def rows(page: Page) -> int:
    """Return how many rows there are, each of which has its whole record."""
    folds = page.texts(FOLDS)
    assert folds == [BULK_FOLD] * len(shown(page)) and page.run(COUNT) == BULK_LINES * len(folds)
    return len(folds)


def grown(page: Page, number: int) -> int:
    """Wait until there are more rows than `number`; return how many."""
    page.wait(f"document.querySelectorAll('{ROWS}').length > {number} && {FULL}")
    return rows(page)


@pytest.mark.parametrize("size", SIZES)
def test_the_window_is_filled_whatever_is_done(size, truth, browser):
    """It grows; records are unfolded and folded."""
    width, height = SIZES[size]
    page = open_page(browser, truth.server, f"?last=6h&rows=1&q={BULK}", size)
    page.wait(FULL)
    number = rows(page)
    assert height / 50 < number < BULKS
    assert page.run(LISTED) == f"listed so far: {number} records, {BULK_LINES * number:,} lines"
    page.resize(width, 3 * height)
    number = grown(page, number)
    page.press("r")
    page.press("r")
    page.wait("document.querySelector('#lines').dataset.rows === 'all'")
    page.press("r")
    page.wait(f"document.querySelector('#lines').dataset.rows === '1' && {FULL}")
    number = rows(page)
    page.resize(width, height)
    page.wait(f"{BELOW} < 3")
    assert page.complaints == []


def swipe(page: Page, direction: int) -> None:
    """Draw a finger over the lines: with -1 downwards, to the older lines."""
    left, top, width, height = page.box("#scroller")
    for step in range(6):
        at = 0.2 + 0.12 * (5 - step if direction > 0 else step)
        page.call(
            "Input.dispatchTouchEvent",
            type="touchMove" if step else "touchStart",
            touchPoints=[{"x": left + width / 3, "y": top + height * at}],
        )
    page.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])


WAYS: dict[str, Callable[[Page, int], None]] = {
    "the wheel": lambda page, direction: page.scroll("#scroller", direction * 3000),
    "Page Up and Page Down": lambda page, direction: page.press(
        "PageUp" if direction < 0 else "PageDown"
    ),
    "the arrow keys": lambda page, direction: page.press(
        "ArrowUp" if direction < 0 else "ArrowDown"
    ),
    "a finger": swipe,
}


def move(page: Page, way: str, direction: int) -> None:
    """Move until there are more rows, and no longer: there are only so many."""
    number, end = rows(page), time.monotonic() + PATIENCE
    while not page.run(f"document.querySelectorAll('{ROWS}').length > {number}"):
        assert time.monotonic() < end, f"{way} moved nothing: {page.run(LISTED)}"
        WAYS[way](page, direction)
        # What is done while lines are being loaded, at the end of those that there are, moves nothing.
        page.wait(DONE)
    grown(page, number)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("way", WAYS)
def test_more_records_come_wherever_the_user_moves(way, size, truth, browser):
    """Upwards from the newest record; then down from the oldest one, where Home leads."""
    page = open_page(browser, truth.server, f"?last=6h&rows=1&q={BULK}", size)
    page.call("Emulation.setTouchEmulationEnabled", enabled=way == "a finger")
    page.wait(FULL)
    move(page, way, -1)
    page.press("Home")
    page.wait(
        f"document.querySelector('{ROWS} .message').innerText === 'ERROR [bulk] BulkError 0' && {FULL}"
    )
    move(page, way, 1)
    page.call("Emulation.setTouchEmulationEnabled", enabled=False)
    assert page.complaints == []


@pytest.mark.parametrize("query", ["", "bulk.Job"])
@pytest.mark.parametrize("newest", [True, False])
def test_records_at_the_ends_of_a_time_are_whole(query, newest, truth, browser):
    """The time begins and ends within a record; without its end, in a live page."""
    page = open_page(browser, truth.server, f"?last=6h&rows=1&q={BULK}", "1280x800")
    page.wait(FULL)
    times = page.run(
        "[...document.querySelectorAll('[role=log] [data-position] time')].map((one) => one.dateTime)"
    )
    since, until = times[-6 * BULK_LINES + 15], times[-BULK_LINES - 15]
    ends = f"since={since}" + ("" if newest else f"&until={until}")
    page.go(f"http://127.0.0.1:{truth.server.ports()[1]}/?rows=1&q={query}&{ends}")
    page.wait(f"{FULL} && document.querySelector('#range-text').textContent")
    # Up to both ends of the time, from that which is shown first.
    reached = (
        f"{EDGE}.startsWith('There') && {SCROLLER}.scrollTop === 0" if newest else f"{BELOW} < 3"
    )
    end = time.monotonic() + PATIENCE
    while not page.run(f"{FULL} && {reached}"):
        assert time.monotonic() < end, page.run(LISTED)
        page.press("PageUp" if newest else "PageDown")
        page.wait(FULL)
    wanted = [
        f"ERROR [bulk] BulkError {number}"
        for number in range(BULKS - 6, BULKS - (0 if newest else 1))
    ]
    found = [row for row in shown(page) if BULK in row or "bulk.Job" in row]
    assert found == wanted
    assert page.texts(FOLDS) == [BULK_FOLD] * len(wanted)


@pytest.mark.parametrize("query", ["", BULK])
def test_records_around_a_linked_line_are_whole(query, truth, browser):
    page = open_page(browser, truth.server, f"?last=6h&rows=1&q={BULK}", "1280x800")
    page.wait(FULL)
    lines = "[...document.querySelectorAll('[role=log] [data-position]')]"
    at = page.run(f"{lines}.at({-BULK_LINES * 2 + 7}).dataset.position")
    page.go(f"http://127.0.0.1:{truth.server.ports()[1]}/?last=6h&rows=1&q={query}&position={at}")
    page.wait(f"{FULL} && document.querySelector('[aria-current]')")
    assert page.text("[aria-current] .message") == f"ERROR [bulk] BulkError {BULKS - 2}"
    page.wait(f"document.querySelectorAll('{FOLDS}').length > 2")
    rows_of_bulks = f"[...document.querySelectorAll('{ROWS}')].map((one) => one.innerText)"
    bulks = [row for row in page.run(rows_of_bulks) if BULK in row]
    assert len(bulks) > 2 and all(BULK_FOLD in row.splitlines() for row in bulks)
    assert not [row for row in shown(page) if "bulk.Job" in row]


@pytest.mark.parametrize("way", ["the wheel", "Page Up and Page Down", "a finger"])
def test_a_search_that_fails_is_made_again_when_the_user_wants_it(way, truth, browser):
    page = open_page(browser, truth.server, f"?last=6h&rows=1&q={BULK}", "1280x800")
    page.call("Emulation.setTouchEmulationEnabled", enabled=way == "a finger")
    page.wait(FULL)
    number = rows(page)
    page.call("Network.enable")
    offline = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    page.call("Network.emulateNetworkConditions", offline=True, **offline)
    page.resize(1280, 4000)
    page.wait(f"{EDGE}.includes('press Page Up')")
    assert rows(page) == number
    page.call("Network.emulateNetworkConditions", offline=False, **offline)
    WAYS[way](page, -1)
    grown(page, number)
    page.call("Emulation.setTouchEmulationEnabled", enabled=False)


def test_records_stay_whole_while_others_come(logger, browser):
    """Live: what is cut at the top is whole records, and the window stays full."""
    server = logger("--http", LOOPBACK)
    page = open_page(browser, server, "?q=BulkError", "390x844")
    page.wait("document.querySelector('#connection.live')")
    newest = f"[...document.querySelectorAll('{ROWS}')].at(-1).innerText"
    with server.connect() as bulk, server.connect() as other:
        for number in range(90):
            texts = [
                f"ERROR [bulk] BulkError {number}",
                *(f"\tat bulk.Job.f{n}(Job.java:{n})" for n in range(1, BULK_LINES)),
            ]
            for half in (texts[:9], texts[9:]):
                bulk.sendall("".join(f"{text}\n" for text in half).encode())
                other.sendall(b"INFO beside\n")
            # On a busy machine, the page may skip lines if more than these wait.
            if number % 5 == 4:
                page.wait(f"{newest}.includes('BulkError {number}\\n+{BULK_LINES - 1}')")
    assert page.texts(".gap") == []
    number = rows(page)
    assert 20 < number <= 2000 / BULK_LINES + 2
    assert page.run(f"{BELOW} < 3")
    assert page.complaints == []
