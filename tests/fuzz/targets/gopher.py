"""Gopher: menus, texts, URLs, Gopher+, answers of servers, requests to the server, pages of the browser."""

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from functools import cache
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

from logsrv.errors import ConfigurationError, PeerError
from logsrv.gopher.browse.display_lines import ColourParser, lines_of_page, menu_line, text_lines
from logsrv.gopher.browse.layout import Layout
from logsrv.gopher.browse.page import MenuContent, Page, link_of
from logsrv.gopher.browse.pictures import picture_lines
from logsrv.gopher.fetch.proxy import Proxy, SocksHandshake
from logsrv.gopher.follow.bookmarks import Bookmarks
from logsrv.gopher.follow.entries import (
    date_in,
    is_entry_id,
    menu_entries,
    text_entries,
    without_date,
)
from logsrv.gopher.follow.news import News
from logsrv.gopher.gateway import pages
from logsrv.gopher.gateway.answers import content_disposition, media_type
from logsrv.gopher.gateway.destinations import is_public, is_public_name
from logsrv.gopher.gateway.paths import ItemView, parse_path, parse_query
from logsrv.gopher.mirror.menus import MenuLine, gophermap_bytes, index_page
from logsrv.gopher.mirror.paths import PathAssigner
from logsrv.gopher.mirror.scope import parse_robots
from logsrv.gopher.serve.gopherhole import (
    Gopherhole,
    SelectorNotFound,
    encoded_menu,
    parse_gophermap,
)
from logsrv.gopher.serve.protocol import ServerName
from logsrv.gopher.wire.columns import split_into_runs
from logsrv.gopher.wire.content import Content, parse_menu
from logsrv.gopher.wire.errors import BadURL, GopherError, NotGopher, ProxyError, TooBig
from logsrv.gopher.wire.fileurl import (
    FileURL,
    decode_gophernicus_name,
    file_name,
    name_to_save,
    parse_item_url,
)
from logsrv.gopher.wire.itemtypes import AnswerKind, item_type_of_file
from logsrv.gopher.wire.limits import Limits
from logsrv.gopher.wire.menu import Menu, MenuItem, MenuParser, encoded_line, parse_menu_line
from logsrv.gopher.wire.response import (
    ResponseReader,
    error_line,
    may_be_other_protocol,
    parse_error,
)
from logsrv.gopher.wire.text import (
    Stuffer,
    Text,
    TextParser,
    decode_line,
    decode_text,
    unstuffed,
)
from logsrv.gopher.wire.url import GopherURL, parse_typed_url, quoted, unquoted
from tests.fuzz.oracles import at_most, safe, same_however_cut
from tests.fuzz.target import target
from tests.parts.html_pages import Page as HTMLPage
from tests.parts.html_pages import check

HERE = GopherURL("here.example")
MOST = 3000
# The elements of a mirror's index.html; whatever a menu has becomes none.
INDEX_ELEMENTS = {
    *("html", "head", "meta", "title", "style", "body", "h1"),
    *("a", "div", "small", "span"),
}


def items_of(data: bytes) -> list[MenuItem]:
    """Return the items of a menu."""
    parser = MenuParser(200, 1000)
    return parser.feed(data) + parser.finish()


@target(
    "gopher.wire.menu",
    "gopher.wire.content",
    "gopher.wire.text",
    "gopher.browse.page",
    "gopher.follow.entries",
)
def menus(data: bytes) -> None:
    """Items are the same at every cut and safe to show; a written menu is read back as the same items."""

    def outcome(pieces: list[bytes]) -> tuple[list[MenuItem], bool, int]:
        parser = MenuParser(50, 1000)
        found = [item for piece in pieces for item in parser.feed(piece)] + parser.finish()
        return found, parser.terminated, parser.dropped

    found, _, _ = same_however_cut(data, outcome)
    at_most(len(parse_menu(data).items), data.count(b"\n") + 1)
    for item in found:
        shown = menu_line(item, None)
        safe(shown.text, "")
        safe(shown.label, "")
        link = link_of(item, HERE)
        if link is not None:
            safe(link.address, "")
        url = item.url(HERE)
        if url is not None:
            assert GopherURL.parse(str(url)) == url
            assert url.request().endswith(b"\r\n") and url.request().count(b"\n") == 1
        line = encoded_line(item, b"h.example", 70)
        assert b"\n" not in line.removesuffix(b"\r\n")
        again = parse_menu_line(line.removesuffix(b"\r\n"))
        assert parse_menu_line(encoded_line(again, b"h.example", 70).removesuffix(b"\r\n")) == again
    entries = menu_entries(HERE, found, None)
    for entry in entries:
        safe(entry.title, "")
        assert is_entry_id(entry.id)
    assert len({entry.id for entry in entries}) == len(entries)


@target("gopher.wire.content")
def contents(data: bytes) -> None:
    """An answer of any kind, up to its limits, is the same at every cut; its end raises nothing."""
    for kind, has_header in product(get_args(AnswerKind), (False, True)):

        def outcome(
            pieces: list[bytes], kind: AnswerKind = kind, plus: bool = has_header
        ) -> object:
            content, error = Content(kind, Limits(line=50, items=5, lines=5)), False
            try:
                any(content.feed(piece) for piece in pieces)
            except TooBig:
                error = True
            content.finish(plus)
            at_most(len(content.items), 5)
            if kind == "menu":
                return error, content.items, content.terminated, content.dropped
            # Above a limit, all of the last piece is there.
            return error or (content.content, content.terminated)

        same_however_cut(data, outcome)


@target("gopher.wire.text")
def texts(data: bytes) -> None:
    """Texts are the same at every cut, and dot-stuffed ones come back."""

    def by(make: Callable[[], Any]) -> Callable[[list[bytes]], bytes]:
        def outcome(pieces: list[bytes]) -> bytes:
            parser = make()
            found: bytes = b"".join(map(parser.feed, pieces)) + parser.finish()
            return found

        return outcome

    for make in (lambda: TextParser(100_000), Stuffer):
        whole = same_however_cut(data, by(make))
        at_most(len(whole), 3 * len(data) + 20)
    text, had = unstuffed(data)
    assert had or text == data
    assert by(lambda: TextParser(100_000))([data]) == text
    stuffed = by(Stuffer)([data])
    back, had = unstuffed(stuffed)
    lines = [line.removesuffix(b"\r") for line in data.split(b"\n")]
    assert had
    assert [line.removesuffix(b"\r") for line in back.split(b"\n")][: len(lines) - 1] == lines[:-1]
    decode_text(data)
    for charset in ("cp437", "latin-1", "utf-8"):
        decode_line(data, charset)


@target("gopher.wire.response")
def responses(data: bytes) -> None:
    """The body of an answer is the same at every cut, or the same error is raised."""
    for url in (
        HERE,
        GopherURL("here.example", item_type="0", selector=b"/a"),
        GopherURL("here.example", item_type="9", selector=b"/a"),
        GopherURL("here.example", item_type="0", selector=b"/a", plus=b"+"),
        GopherURL("here.example", item_type="9", selector=b"/a", plus=b"+"),
        GopherURL("here.example", item_type="1", selector=b"/a", plus=b"$"),
    ):

        def outcome(pieces: list[bytes], of: GopherURL = url) -> object:
            reader = ResponseReader(of, 1000)
            body = b""
            try:
                for piece in pieces:
                    body += reader.feed(piece)
                body += reader.finish()
            except GopherError as error:
                safe(str(error), "\n")
                return type(error)
            at_most(len(body), 1000)
            return body

        same_however_cut(data, outcome)
    with suppress(NotGopher):
        may_be_other_protocol(data)
    for menu in (False, True):
        for closed in (False, True):
            error_line(data, menu=menu, closed=closed)


@target("gopher.wire.response")
def gopher_plus(data: bytes) -> None:
    """Any bytes are read as errors of Gopher+ without an exception."""
    safe(str(parse_error(data)), "\n")


@target(
    "gopher.wire.url",
    "gopher.wire.fileurl",
    "gopher.wire.itemtypes",
    "gopher.serve.protocol",
    longest=300,
)
def urls(data: bytes) -> None:
    """A valid URL is the same when it is written and read again; the name for saving is a file name."""
    text = data.decode("utf-8", "surrogateescape")
    assert unquoted(quoted(data)) == data
    for parse in (GopherURL.parse, parse_typed_url):
        with suppress(BadURL):
            url = parse(text)
            assert GopherURL.parse(str(url)) == url
            assert url.request().count(b"\r\n") == 1
            safe(str(url), "")
            name = file_name(url)
            assert "/" not in name and name not in ("", ".", "..") and "\0" not in name
    with suppress(BadURL, ConfigurationError):
        item = parse_item_url(text)
        assert parse_item_url(str(item)) == item
        safe(str(item), "")
        name = name_to_save(item)
        assert "/" not in name and name not in ("", ".", "..")
    with suppress(ConfigurationError):
        file = FileURL.parse(text)
        assert FileURL.parse(str(file)) == file
    with suppress(ValueError):
        place = ServerName.parse(text)
        assert ServerName.parse(str(place)) == place
    with suppress(ConfigurationError):
        proxy = Proxy.parse(text)
        assert Proxy.parse(str(proxy)) == proxy
    decode_gophernicus_name(data)
    item_type_of_file(data, data)


@target("gopher.fetch.proxy")
def socks(data: bytes) -> None:
    """The handshake with a SOCKS proxy ends in the same way at every cut."""

    def outcome(pieces: list[bytes]) -> object:
        talk = SocksHandshake(Proxy("127.0.0.1", 9050), "example.org", 70)
        sent, rest = talk.take_outgoing(), b""
        try:
            for piece in pieces:
                rest += talk.feed(piece)
                sent += talk.take_outgoing()
        except ProxyError as error:
            safe(str(error), "")
            return ProxyError
        return sent, rest, talk.ready

    same_however_cut(data, outcome)


@target("gopher.serve.gopherhole", "gopher.mirror.menus")
def gophermaps(data: bytes) -> None:
    """Any gophermap of a directory becomes a valid menu."""
    found = parse_gophermap(data, b"/some/where")
    text = b"".join(encoded_menu(found.items, b"h.example", 70))
    assert len(items_of(text)) == len(found.items)
    for hidden in found.hidden:
        assert b"\n" not in hidden
    lines = [MenuLine(item, ("a", "b c"), False, "gopher://h.example/") for item in found.items]
    written = gophermap_bytes(lines)
    assert written.count(b"\n") == len(parse_gophermap(written, b"/").items) == len(lines)
    page = index_page(lines, (), data.decode("latin-1"), None)
    safe(page.decode())
    assert {name for name, _ in HTMLPage.of(page).elements} <= INDEX_ELEMENTS


@target("gopher.gateway.paths", "gopher.gateway.pages", "gopher.gateway.answers", longest=600)
def gateway(data: bytes) -> None:
    """A path names one address; the page of any answer has only the elements that the gateway writes."""
    parse_query(data)
    for path in (data, b"/gopher/h.example/1/" + data):
        with suppress(BadURL):
            place = parse_path(path)
            safe(place.path, "")
            assert place.path.isascii()
            again = parse_path(place.path.encode())
            assert again.path == place.path and again.url == place.url
            check(pages.search_page(place))
            check(pages.error_page("a heading", "a sentence", place))
    here = ItemView(HERE)
    check(pages.content_page(Menu(HERE, tuple(items_of(data)), True), here))
    check(pages.content_page(Text(HERE, data, True), here))
    name = data.decode("utf-8", "replace").replace("/", "")
    header = content_disposition(name)
    assert header.isascii() and header.isprintable() and header.count('"') == 2
    for kind in ("image", "sound", "video"):
        found = media_type(data, kind)
        assert found is None or "/" in found
    host = data.decode("latin-1")
    if is_public(host):
        assert not host.startswith(
            ("127.", "10.", "192.168.", "169.254.", "::1", "fe80", "fc", "fd")
        )
    is_public_name(host)


@cache
def a_gopherhole() -> tuple[TemporaryDirectory[str], Gopherhole]:
    directory = TemporaryDirectory()
    outside = Path(directory.name, "secret")
    outside.write_text("secret")
    served = Path(directory.name, "served")
    (served / "sub" / "deep").mkdir(parents=True)
    (served / "a.txt").write_text("a text")
    (served / "sub" / "gophermap").write_text("a menu\n0A text\ta.txt\n")
    (served / ".hidden").write_text("secret")
    (served / "link").symlink_to(outside)
    (served / "sub" / "up").symlink_to("..")
    os.mkfifo(served / "fifo")
    return directory, Gopherhole(served)


@target("gopher.serve.gopherhole", longest=300)
def selectors(data: bytes) -> None:
    """No selector leads out of the served directory, nor to a hidden file in it."""
    _, gopherhole = a_gopherhole()
    for selector in (data, b"/" + data, b"/sub/" + data):
        try:
            with gopherhole.open(selector) as descriptor:
                is_file = not os.path.isdir(f"/proc/self/fd/{descriptor}")
                content = os.read(descriptor, 100) if is_file else b""
        except (SelectorNotFound, OSError):
            continue
        assert content != b"secret"
        if not is_file:
            with suppress(SelectorNotFound):
                shown = b"".join(encoded_menu(gopherhole.menu_items(selector), b"h", 70))
                assert b"hidden" not in shown and b"secret" not in shown


@target("gopher.mirror.scope", "gopher.mirror.paths", longest=600)
def mirror(data: bytes) -> None:
    """Any robots.txt is read without an error; each selector has its own path below the mirror's
    directory.
    """
    robots = parse_robots(data)
    robots.allows(data[:50])
    assert robots.delay >= 0
    names = PathAssigner(HERE)
    found = set()
    for selector in {*data.split(b"\n")[:20]}:
        with suppress(BadURL):
            path = names.assign_path(HERE.at(selector))
            assert not {"", ".", ".."} & {*path} and not any("/" in name for name in path)
            assert path not in found
            found.add(path)


@target(
    "gopher.browse.display_lines",
    "gopher.browse.layout",
    "gopher.wire.columns",
)
def browser(data: bytes) -> None:
    """The lines of a page have no control characters; the rows of a window have all of its text."""
    text = data.decode("utf-8", "replace")
    shown = [*text_lines(text, ColourParser())]
    for way in ("0", "1", "9", "h"):
        url = GopherURL("here.example", item_type=way, selector=b"/a")
        content = MenuContent(tuple(items_of(data)), 0) if way == "1" else data
        with suppress(ValueError):
            shown += lines_of_page(Page(url, content), None)
    for line in shown:
        safe(line.text, "")
        safe(line.label, "")
        at_most(len(line.label), 4)
        for span in line.spans:
            assert 0 <= span.start <= span.end <= len(line.text)
    colours = ColourParser()
    for line_of_text in text.split("\n"):
        found = colours.split_colours(line_of_text)
        if found is not None:
            safe(found[0], "")
            assert all(span.end <= len(found[0]) for span in found[1])
    layout = Layout(20)
    layout.add_lines(shown)
    for line_number, start, end in layout.rows:
        assert 0 <= start <= end <= len(shown[line_number].text)
    assert "".join(run.text for run in split_into_runs(text + "\n")).split() == text.split()


@target("gopher.browse.pictures")
def pictures(data: bytes) -> None:
    """A picture is shown within the given rows and columns, or refused with a sentence."""
    try:
        lines, about = picture_lines(data, 20, 10)
    except PeerError as error:
        safe(str(error), "")
    else:
        at_most(len(lines), 10)
        safe(about, "")


@target(
    "gopher.follow.news",
    "gopher.follow.entries",
    "gopher.follow.bookmarks",
)
def followed(data: bytes) -> None:
    """A damaged file of followed menus can be read; dates are of the calendar; titles are safe."""
    news = News.from_json(data)
    assert News.from_json(news.as_json()) == news
    text = data.decode("utf-8", "replace")
    today = date(2026, 11, 22)
    found = date_in(text, today)
    assert found is None or date(1990, 1, 1) <= found <= today
    without_date(text)
    for entry in text_entries(HERE, data, today):
        safe(entry.title, "")
        assert is_entry_id(entry.id)
    with TemporaryDirectory() as directory:
        path = Path(directory, "bookmarks")
        path.write_bytes(data)
        bookmarks = Bookmarks(path)
        with suppress(ConfigurationError):
            for one in bookmarks.all():
                safe(one.title, "")
            bookmarks.add(HERE, "a title")
            assert bookmarks.remove(HERE)
