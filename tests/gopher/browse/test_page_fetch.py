"""A page always comes to an end, with what had come until then."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from itertools import islice

import pytest

from logsrv.errors import ConfigurationError
from logsrv.gopher.browse.display_lines import lines_of_page
from logsrv.gopher.browse.page import MenuContent, Page
from logsrv.gopher.browse.page_fetch import LIMITS, PageFetch
from logsrv.gopher.fetch.connection_options import ConnectionOptions, Trust
from logsrv.gopher.fetch.local import LocalAnswer
from logsrv.gopher.fetch.on_asyncio import async_answer_of, in_daemon_thread
from logsrv.gopher.wire.errors import NeedsTLS, ServerError, TimedOut, TooBig
from logsrv.gopher.wire.fileurl import FileURL
from logsrv.gopher.wire.limits import Limits
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.gopher.conftest import Serve, until
from tests.parts.gopher_servers import Script, cut, open_now
from tests.parts.gopherhole import item, menu

pytestmark = pytest.mark.slow

TIMEOUTS = Limits(first_byte=PATIENCE, between=PATIENCE)


def loaded(serve: Serve, script: Script | bytes, path: str = "/", limits: Limits = LIMITS) -> Page:
    url = GopherURL.parse(serve(script).url(path))
    return asyncio.run(
        PageFetch(url, lambda: ConnectionOptions(TIMEOUTS), limits=limits).wait_for_page()
    )


def test_a_menu_ends_at_its_dot_though_the_server_goes_on(serve):
    def script(connection: socket.socket, _: bytes) -> None:
        connection.sendall(menu(item("0", "A"), item("1", "B")))
        connection.recv(1)

    page = loaded(serve, script)
    assert isinstance(page.content, MenuContent) and page.error is None
    assert [each.display for each in page.content.items] == [b"A", b"B"]


def test_a_text_loses_terminator_and_stuffing(serve):
    page = loaded(serve, b"..dots\r\n.\r\n", "/0/x")
    assert page.content == b".dots\r\n"
    assert page.received == 11


def test_an_error_of_the_server_has_no_content(serve):
    page = loaded(serve, b"3no such thing\t\terror.host\t1\r\n.\r\n")
    assert isinstance(page.error, ServerError) and page.content is None


@pytest.mark.parametrize(
    "limits", [Limits(menu=300_000), Limits(items=6_000)], ids=["bytes", "lines"]
)
def test_an_endless_menu_ends_and_shows_what_came(serve, limits):
    def script(connection: socket.socket, _: bytes) -> None:
        while True:
            connection.sendall(item("1", "again") * 1000)

    page = loaded(serve, script, limits=limits)
    assert isinstance(page.error, TooBig)
    assert isinstance(page.content, MenuContent) and len(page.content.items) > 5_000


def test_a_line_without_end_takes_no_memory(serve):
    page = loaded(serve, b"1" + b"x" * 1_000_000, limits=Limits(line=1000))
    assert isinstance(page.content, MenuContent) and page.content.dropped == 999_001


def test_a_text_of_empty_lines_ends_before_they_fill_the_memory(serve):
    page = loaded(serve, b"\n" * 3_200_000, "/0/x")
    assert isinstance(page.error, TooBig)
    assert isinstance(page.content, bytes) and len(page.content) < 1_600_000


def test_a_menu_that_takes_too_long_shows_what_came(serve):
    server = serve(lambda connection, _: (connection.sendall(b"iHi\r\n"), connection.recv(1)))
    options = ConnectionOptions(Limits(whole=2.0))
    page = asyncio.run(PageFetch(GopherURL.parse(server.url()), lambda: options).wait_for_page())
    assert isinstance(page.error, TimedOut) and page.error.phase == "whole"
    assert isinstance(page.content, MenuContent)


async def test_what_has_come_is_there_when_the_user_stops_it(serve):
    server = serve(lambda connection, _: (connection.sendall(b"iHi\r\niyo"), connection.recv(1)))
    loading = PageFetch(GopherURL.parse(server.url()), lambda: ConnectionOptions(TIMEOUTS))
    loading.start_request()
    await until(lambda: loading.has_lines, "a line")
    lines = loading.lines()
    assert [line.text if line else None for line in islice(lines, 2)] == ["Hi", None]
    loading.start_request().cancel()
    page = loading.page_so_far(None)
    assert isinstance(page.content, MenuContent)
    assert [each.display for each in page.content.items] == [b"Hi", b"yo"]


async def grown(loading: PageFetch, event: Callable[[int], object]) -> tuple[list[list[str]], Page]:
    """The lines after each arrival that has brought some, and the page. event: called with their number."""
    lines, shown, texts = loading.lines(), [], list[str]()
    async for _ in loading.arrivals():
        fresh = [line.text for line in iter(lambda: next(lines), None) if line]
        if fresh:
            shown.append(texts := texts + fresh)
            event(len(shown))
    page = await loading.wait_for_page()
    return [*shown, texts + [line.text for line in lines if line]], page


@pytest.mark.parametrize("path", ["/0/x", "/1/x", "/h/x"])
async def test_a_page_grows_line_by_line_until_all_of_it_is_there(serve, path):
    parts = [b"iOne\r\n\r\niTw", b"o\r\niThree\r\niFo", b"ur"]
    more = [threading.Event(), threading.Event()]

    def script(connection: socket.socket, _: bytes) -> None:
        connection.sendall(parts[0])
        for event, part in zip(more, parts[1:], strict=True):
            assert event.wait(PATIENCE)
            connection.sendall(part)

    url = GopherURL.parse(serve(script).url(path))
    loading = PageFetch(url, lambda: ConnectionOptions(TIMEOUTS))
    shown, page = await grown(loading, lambda number: more[min(number, 2) - 1].set())
    whole = [line.text for line in lines_of_page(page, None)]
    assert loading.has_all_lines_of(page) and shown[-1] == whole
    assert 0 < len(shown[0]) < len(shown[1]) < len(whole)
    assert all(lines == whole[: len(lines)] for lines in shown)


async def test_a_text_in_a_charset_with_long_characters_comes_as_it_is_when_it_is_whole(serve):
    text = "x" + "大" * 12_000 + "\n" + "大"
    more = threading.Event()

    def script(connection: socket.socket, _: bytes) -> None:
        data = text.encode("gb18030")
        connection.sendall(data[:20_000])
        assert more.wait(PATIENCE)
        connection.sendall(data[20_000:])

    url = GopherURL.parse(serve(script).url("/0/x"))
    loading = PageFetch(url, lambda: ConnectionOptions(TIMEOUTS), charset="gb18030")
    shown, page = await grown(loading, lambda _: more.set())
    assert shown[-1] == [line.text for line in lines_of_page(page, "gb18030")]
    assert "".join(shown[-1]) == text.replace("\n", "")


@pytest.mark.parametrize(
    ("rest", "shown", "whole"),
    [
        (b"Two\r\n.\r\n", ["One", ".", "Two"], True),
        (b"", ["One"], True),
        # Only the end tells that dots were doubled, so the lines before are made anew.
        (b"..Two\r\n.\r\n", None, False),
        (b"\0" * 10, None, False),
    ],
)
async def test_a_dot_that_may_be_the_end_of_a_text_is_not_shown_before_more_comes(
    serve, rest, shown, whole
):
    more = threading.Event()

    def script(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"One\r\n.\r\n")
        assert more.wait(PATIENCE)
        connection.sendall(rest)

    url = GopherURL.parse(serve(script).url("/0/x"))
    loading = PageFetch(url, lambda: ConnectionOptions(TIMEOUTS))
    lines, page = await grown(loading, lambda number: more.set())
    assert lines[0] == ["One"]
    assert loading.has_all_lines_of(page) is whole
    assert not whole or lines[-1] == shown


def test_a_cut_end_of_tls_is_shown_with_a_warning(serve, certificate):
    def script(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"all of it?\n")
        cut(connection)

    url = GopherURL.parse(serve(script, certificate).url("/0/x", "gophers"))
    options = ConnectionOptions(trust=Trust(insecure=True, accept_cut=True))
    page = asyncio.run(PageFetch(url, lambda: options).wait_for_page())
    assert page.error is None and "without its close" in page.note


async def test_a_file_comes_in_pieces_as_it_is(tmp_path):
    content = b"..dots\r\n" * 100_000 + b".\r\n"
    (tmp_path / "a.txt").write_bytes(content)
    url = FileURL(os.fsencode(tmp_path), "0", b"/a.txt")

    async with async_answer_of(url, ConnectionOptions()) as source:
        assert not source.begun
        pieces = [piece async for piece in source]
    assert len(pieces) > 1 and b"".join(pieces) == content
    assert source.begun and source.received == source.length == len(content)
    assert source.has_header and not source.cut


def test_a_file_that_is_missing_is_the_error_of_its_page(tmp_path):
    url = FileURL(os.fsencode(tmp_path), "0", b"/missing")
    page = asyncio.run(PageFetch(url, ConnectionOptions).wait_for_page())
    assert isinstance(page.error, ConfigurationError)


@pytest.mark.parametrize(("name", "error"), [(b"/missing", ConfigurationError), (b"/big", TooBig)])
def test_what_goes_wrong_on_the_disk_is_raised(tmp_path, name, error):
    (tmp_path / "big").write_bytes(bytes(1_000_000))

    async def scenario() -> None:
        url = FileURL(os.fsencode(tmp_path), "9", name)
        async with async_answer_of(url, ConnectionOptions(Limits(download=500_000))) as source:
            [piece async for piece in source]

    with pytest.raises(error):
        asyncio.run(scenario())


async def test_a_file_that_is_given_up_is_closed(tmp_path):
    (tmp_path / "big").write_bytes(bytes(3_000_000))
    url = FileURL(os.fsencode(tmp_path), "9", b"/big")

    async with async_answer_of(url, ConnectionOptions()) as source:
        await anext(aiter(source))
    # By the thread that has read of it.
    wait_until(lambda: str(tmp_path / "big") not in open_now(), "its end")


async def test_a_slow_disk_stops_nothing_else(tmp_path, monkeypatch):
    spins = threading.Event()

    def pieces(answer: LocalAnswer) -> Iterator[bytes]:
        assert spins.wait(PATIENCE)
        yield b"at last"

    monkeypatch.setattr(LocalAnswer, "_read_pieces", pieces)

    async with async_answer_of(FileURL(os.fsencode(tmp_path)), ConnectionOptions()) as source:
        asyncio.get_running_loop().call_soon(spins.set)
        assert [piece async for piece in source] == [b"at last"]


async def test_a_result_after_the_caller_was_cancelled_is_dropped():
    answers, ended = threading.Event(), threading.Event()

    def read() -> None:
        assert answers.wait(PATIENCE)
        ended.set()

    task = asyncio.create_task(in_daemon_thread(read))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not ended.is_set()
    answers.set()
    assert ended.wait(PATIENCE)


def test_a_program_ends_although_a_disk_is_silent():
    code = """
import asyncio, threading
from logsrv.gopher.fetch.on_asyncio import in_daemon_thread

async def main():
    task = asyncio.create_task(in_daemon_thread(threading.Event().wait))
    await asyncio.sleep(0)
    task.cancel()

asyncio.run(main())
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=PATIENCE).returncode == 0


@pytest.mark.parametrize("path", ["/0/about.txt", "/1/", "/"])
def test_a_page_of_a_server_that_speaks_tls_alone_says_which_url_to_open(serve, certificate, path):
    """It closes without a byte, or waits for more of a handshake; both looked like an empty page."""
    server = serve(menu(item("0", "A")), certificate)
    url = GopherURL.parse(server.url(path))
    options = ConnectionOptions(Limits(first_byte=0.3))
    page = asyncio.run(PageFetch(url, lambda: options).wait_for_page())
    assert isinstance(page.error, NeedsTLS) and page.content is None
    assert str(page.error).endswith(f"write {server.url(path, 'gophers')}")


def test_an_empty_text_is_an_empty_page(serve):
    page = loaded(serve, b"", "/0/empty")
    assert (page.content, page.error) == (b"", None)
