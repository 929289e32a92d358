"""The page of a real daemon with other nodes, in a real browser."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.conftest import LOOPBACK, Logger, starting
from tests.end_to_end.test_nodes import BOTH, OF_A, OF_B, THRICE, running
from tests.end_to_end.web_daemon import TOKEN
from tests.parts.chromium import Chromium, Page
from tests.parts.daemon_logs import check_log
from tests.parts.ports import free_port
from tests.parts.stores import line

pytestmark = pytest.mark.long
COUNT = "document.querySelectorAll('[role=log] [data-position]').length"
PICTURES = os.environ.get("LOGSRV_PICTURES")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logger]:
    """A daemon with two other nodes, and one that is away."""
    home = tmp_path_factory.mktemp("three")
    token = home / "token"
    token.write_text(f"{TOKEN}\n")
    with starting(home) as start:
        options = ("--http", LOOPBACK, "--http-token-file", str(token))
        b = running(start, home / "b", [BOTH, OF_B, THRICE[:2]], *options)
        c = running(start, home / "c", [[line("of c level=warning", 90)]], *options)
        a = running(
            start, home / "a", [OF_A, BOTH, THRICE],
            "--http", LOOPBACK, "--nodes-token-file", str(token),
            "--nodes", f"berlin=127.0.0.1:{b.ports()[-1]}",
            "--nodes", f"cairo=127.0.0.1:{c.ports()[-1]}",
            "--nodes", f"delhi=127.0.0.1:{free_port()}",
        )  # fmt: skip
        yield a
    for one in (a, b, c):
        check_log(one.log_path)


def open_page(browser: Chromium, server: Logger, query: str, **how: object) -> Page:
    return browser.page(f"http://127.0.0.1:{server.ports()[-1]}/{query}", **how)  # type: ignore[arg-type]


def choose(page: Page, name: str) -> None:
    """Choose by an event on the element, as the menu is drawn by the browser."""
    page.run("document.querySelector('#nodes').focus()")
    page.run(
        f"(menu => {{ menu.value = '{name}'; menu.dispatchEvent(new Event('change')); }})"
        "(document.querySelector('#nodes'))"
    )


def test_all_servers_and_one_that_is_away(browser, server, tmp_path):
    page = open_page(browser, server, "?last=all")
    page.wait(f"{COUNT} === 48 && !document.querySelector('#nodes-choice').hidden")
    assert page.texts("#nodes option") == ["This server", "All servers", "berlin", "cairo", "delhi"]
    choose(page, "all")
    page.wait(f"{COUNT} === 64 && location.search.includes('nodes=all')")
    times = page.run("[...document.querySelectorAll('.line time')].map((one) => one.dateTime)")
    assert times == sorted(times)
    shown = page.texts(".line .message")
    assert shown[-4:] == ["again", "again", "again", "of c level=warning"]
    assert page.text("#missing") == (
        "delhi: it cannot be reached: connection refused; its lines are missing."
    )
    assert page.text("#connection") == "Not live; only this server is"
    # The counts of the nodes are added: 32 lines count twice.
    page.wait(
        "document.querySelector('#histogram-total').textContent ==="
        " '96 lines, those of each server added: what several have counts for each'"
    )
    page.wait(
        "document.querySelector('[data-field=level] .add')?.textContent === 'error 60'"
        " && document.querySelector('#field-note').textContent.includes('all 96 lines')"
    )
    if PICTURES:
        page.picture(Path(PICTURES) / "live-page-nodes.png")
    choose(page, "")
    page.wait(f"{COUNT} === 48 && document.querySelector('#connection.live')")
    assert page.run("document.querySelector('#missing').hidden")
    assert [one for one in page.complaints if "503" not in one] == []


def test_a_line_is_seen_in_its_own_store(browser, server):
    """The details name its store; neighbours are of that store, and the browser's back leads to
    all nodes.
    """
    page = open_page(browser, server, '?nodes=all&last=all&q="of+b+3"')
    page.wait(f"{COUNT} === 4")
    page.press("j")
    page.press("Enter")
    page.wait("document.querySelector('.details')")
    assert "berlin" in page.text(".details .fields")
    link = page.run("document.querySelector('.details .position').getAttribute('href')")
    assert "nodes=berlin" in link and "position=" in link
    page.press("c")
    page.wait("location.search.includes('nodes=berlin') && !location.search.includes('q=')")
    page.wait(f"{COUNT} === 47")
    assert page.texts("[aria-current] .message") == ["of b 3 user=eve level=info"]
    # The neighbours are in the order of that store.
    shown = page.texts(".line .message")
    at = shown.index("of b 3 user=eve level=info")
    assert shown[at - 1] == "both 58 user=ann level=error"
    # The count of one store is exact.
    page.wait("document.querySelector('#histogram-total').textContent === '47 lines'")
    page.run("history.back()")
    page.wait(f"{COUNT} === 4 && document.querySelector('#nodes').value === 'all'")


def test_scrolling_back_through_all(browser, logger, tmp_path):
    """Page after page shows each line once, in order, also hundreds of lines of the same time."""
    lines = [line(f"n{number:04}", number // 300) for number in range(600)]
    b = running(logger, tmp_path / "b", [lines[::2], []], "--http", LOOPBACK)
    options = ("--http", LOOPBACK, "--nodes", f"b=127.0.0.1:{b.ports()[-1]}")
    a = running(logger, tmp_path / "a", [lines[1::2]], *options)
    page = open_page(browser, a, "?nodes=all&last=all")
    for number in (200, 400):
        page.wait(f"{COUNT} >= {number}")
        page.scroll("#scroller", -100_000)
    page.wait(f"{COUNT} === 600")
    assert sorted(page.texts(".line .message")) == [f"n{number:04}" for number in range(600)]
    b.send(b"what came since\n")
    page.run("document.querySelector('#newer').click()")
    page.wait(f"{COUNT} === 200")
    page.wait("document.querySelector('#histogram-total').textContent.startsWith('601 lines')")
    assert page.texts(".line .message")[-1] == "what came since"


@pytest.mark.parametrize("scheme", [pytest.param("light", marks=pytest.mark.nightly), "dark"])
def test_page_of_several_nodes_fits_phone(browser, server, scheme):
    page = open_page(
        browser, server, "?nodes=all&last=all", width=375, height=800, prefers_color_scheme=scheme
    )
    page.wait(f"{COUNT} === 64 && !document.querySelector('#missing').hidden")
    assert page.run("document.documentElement.scrollWidth") == 375
    if PICTURES:
        page.picture(Path(PICTURES) / f"live-page-nodes-phone-{scheme}.png")


def test_an_address_with_a_name_that_is_not_known(browser, server):
    page = open_page(browser, server, "?nodes=evil.example:80&last=all")
    page.wait(
        "document.querySelector('#query-sentence').textContent.includes('is none of the nodes')"
    )
    choose(page, "")
    page.wait(f"{COUNT} === 48")
