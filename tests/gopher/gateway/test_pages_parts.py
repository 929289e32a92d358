"""What a menu shows, and where its items lead."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.gopher.gateway.pages import (
    STYLE,
    WIDTHS,
    MenuRow,
    breadcrumb,
    drawing_width,
    fitting_width,
    parts_of_menu,
    row_of_item,
    row_of_url,
)
from logsrv.gopher.gateway.paths import ItemView, is_gopher_path, parse_path
from logsrv.gopher.wire.columns import TextRun, find_heading
from logsrv.gopher.wire.menu import Menu, MenuItem, MenuParser
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.text.escape import one_line

HERE = GopherURL("here.example")


def menu(text: bytes) -> Menu:
    parser = MenuParser()
    return Menu(HERE, tuple(parser.feed(text) + parser.finish()), terminated=True)


def one(line: bytes) -> MenuRow:
    return row_of_item(menu(line).items[0], HERE, None)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"0A text\t/a\there.example\t70", MenuRow("item", "text", "A text", "/gopher/here.example/0/a")),
        (b"1Menu\t\tx.example\t7070", MenuRow("item", "menu", "Menu", "/gopher/x.example:7070/")),
        (b"7Find\t/s\tx.example\t70", MenuRow("search", "search", "Find", "/gopher/x.example/7/s")),
        (b"3Broken\t\terror.host\t1", MenuRow("error", "error", "Broken")),
        (b"0Bad port\t/a\tx.example\t0", MenuRow("nowhere", "text", "Bad port")),
        (b"0Bad host\t/a\tx y\t70", MenuRow("nowhere", "text", "Bad host")),
        (b"8BBS\troot\tbbs.example\t23", MenuRow("nowhere", "telnet", "BBS", "", "telnet://root@bbs.example:23/")),
        (b"2CSO\t\tcso.example\t105", MenuRow("nowhere", "phonebook", "CSO", "", "cso.example")),
        (b"\xffOdd\t/a\tx.example\t70", MenuRow("item", "type \xff", "Odd", "/gopher/x.example/%FF/a")),
        (b"1\t/a\tx.example\t70", MenuRow("item", "menu", "(no name)", "/gopher/x.example/1/a")),
        (
            b"hWeb\tURL:https://x.example/a?b=c#d\tx\t70",
            MenuRow("outside", "web", "Web", "https://x.example/a?b=c#d", "https://x.example/a?b=c#d"),
        ),
        (
            b"hMail\tURL:mailto:a@x.example\tx\t70",
            MenuRow("outside", "mail", "Mail", "mailto:a@x.example", "mailto:a@x.example"),
        ),
        (
            b"hGopher\tURL:gopher://y.example/0/z\tx\t70",
            MenuRow("item", "text", "Gopher", "/gopher/y.example/0/z"),
        ),
        (
            b"hFind\tURL:gopher://y.example/7/z\tx\t70",
            MenuRow("search", "search", "Find", "/gopher/y.example/7/z"),
        ),
        (
            b"hFound\tURL:gopher://y.example/7/z%09words\tx\t70",
            MenuRow("item", "search", "Found", "/gopher/y.example/7/z?q=words"),
        ),
        (
            b"hEvil\tURL:javascript:alert(1)\tx\t70",
            MenuRow("nowhere", "link", "Evil", "", "javascript:alert(1)"),
        ),
        (b"hData\tURL:data:text/html,x\tx\t70", MenuRow("nowhere", "link", "Data", "", "data:text/html,x")),
        (b"hFile\tURL:file:///etc/passwd\tx\t70", MenuRow("nowhere", "link", "File", "", "file:///etc/passwd")),
        (b"hBad\tURL:gopher://a b/\tx\t70", MenuRow("item", "html", "Bad", "/gopher/x/hURL:gopher://a%20b/")),
    ],
)  # fmt: skip
def test_each_item_becomes_a_row_with_its_type_and_link(line, expected):
    """Each item says what it is and leads where it should, and only where it may."""
    assert one(line) == expected


def test_control_characters_in_an_item_are_shown_as_codes():
    """Control characters and the ones that turn the direction of reading are shown as codes."""
    found = one(b"0\x1b[31mred\x07 \xe2\x80\xaeevil\t/a\tx.example\t70")
    assert found.text == "\\x1b[31mred\\x07 \\u202eevil"


def test_lines_of_information_stay_together_and_a_drawing_is_a_run():
    """Lines of text stay together, with the blanks at their beginning; a drawing is a block of its own."""
    lines = b"iHello\t\t\t1\r\ni  world\t\t\t1\r\ni\t\t\t1\r\ni /\\/\\ \t\t\t1\r\n0A\t/a\r\n"
    text, drawing, rows = parts_of_menu(menu(lines).items, ItemView(HERE))
    assert isinstance(text, TextRun)
    assert isinstance(drawing, TextRun)
    assert (text.text, text.shape) == ("Hello\n  world\n\n", "prose")
    assert (drawing.text, drawing.shape) == (" /\\/\\\n", "drawing")
    assert isinstance(rows, tuple)


BYTES = st.binary(max_size=40)
ITEMS = st.builds(
    MenuItem,
    st.sampled_from("0179hIgs8T2+3\xff;"),
    BYTES,
    BYTES | BYTES.map(b"URL:".__add__) | st.just(b"URL:https://x/\"'><script>"),
    st.sampled_from([b"x.example", b"", b"::1", b"<b>"]),
    st.none() | st.integers(1, 65535),
)


@given(ITEMS)
def test_no_item_leads_anywhere_but_into_the_gateway_the_web_or_mail(item):
    """No item leads anywhere but into the gateway, or to the web or mail with a warning."""
    found = row_of_item(item, HERE, None)
    assert one_line(found.text) == found.text
    assert one_line(found.address) == found.address
    if found.kind == "outside":
        assert found.href.lower().startswith(("http://", "https://", "mailto:"))
        assert found.href.isascii()
    elif found.href:
        assert is_gopher_path(found.href.encode())
        assert parse_path(found.href.encode()).path == found.href
    else:
        assert found.kind in ("nowhere", "error")


def test_a_breadcrumb_leads_through_the_folders_of_the_selector_to_the_host():
    """The way up leads through the folders of the selector to the host."""
    url = GopherURL.parse("gopher://x.example:7070/0/phlog/2026/a%20b.txt")
    assert breadcrumb(url) == [
        ("x.example:7070", "/gopher/x.example:7070/"),
        ("phlog", "/gopher/x.example:7070/1/phlog"),
        ("2026", "/gopher/x.example:7070/1/phlog/2026"),
        ("a b.txt", "/gopher/x.example:7070/0/phlog/2026/a%20b.txt"),
    ]
    assert breadcrumb(GopherURL("x.example", selector=b"a/b"))[1:] == [
        ("a", "/gopher/x.example/1a"),
        ("b", "/gopher/x.example/1a/b"),
    ]


def test_a_long_way_up_is_cut():
    """Each step has the whole path in it: an address of 16 KB made a page of 64 MB, without any server."""
    steps = breadcrumb(GopherURL("x.example", selector=b"/a" * 4000 + b"/z"))
    assert steps[0] == ("x.example", "/gopher/x.example/")
    assert steps[-1][0] == "z" and "/a/z" in steps[-1][1]
    assert len(steps) < 50


@pytest.mark.parametrize(
    ("address", "site"),
    [
        ("https://example.org/a", "example.org"),
        ("http://EXAMPLE.org:8080", "EXAMPLE.org"),
        ("https://safe.example@evil.example/", ""),
        ("https://safe.example:443@evil.example/", ""),
        ("https://safe.example:x@evil.example/", ""),
        ("https://safe.example\\@evil.example/", ""),
        ("https://[::1]/", ""),
        ("mailto:a@example.org", ""),
    ],
)
def test_the_site_of_a_link_is_shown_where_it_is_plain(address, site):
    assert MenuRow("outside", "web", "x", address, address).site == site


def test_a_text_gets_the_least_width_of_the_style_sheet_that_fits():
    """The least of the widths that the style sheet has."""
    assert fitting_width("x" * 41) == 48
    assert fitting_width("x" * 9999) == WIDTHS[-1]


def test_all_drawings_of_a_page_get_the_width_of_the_widest():
    """All drawings of a page are made to fit together; a table has a room of its own."""
    small, large = TextRun("/\\\n", "drawing"), TextRun("-" * 100 + "\n", "drawing")
    rows = (MenuRow("item", "text", "x" * 200),)
    assert (
        drawing_width(
            [small, TextRun("a   b" * 30, "table"), rows, large, TextRun("text\n", "prose")]
        )
        == 104
    )
    assert drawing_width([TextRun("text\n", "prose")]) == 0


def test_the_style_sheet_has_a_rule_for_each_width():
    """The style sheet has a rule for each width."""
    assert tuple(map(int, re.findall(rb"^\.c(\d+) ", STYLE, re.MULTILINE))) == WIDTHS


@pytest.mark.parametrize(
    ("text", "heading"),
    [
        ("Welcome to my gopherhole\n\nMore.", "Welcome to my gopherhole"),
        ("\n\n  *** About   this server ***\n====\n", "About this server"),
        ("  /\\_/\\  \n ( o.o ) \n-------\nThe cat page\n", "The cat page"),
        ("# Notes\n", "Notes"),
        ("A line that is far too long to be a heading, as it goes on and on and on, for " * 2, ""),
        ("----\n====\n12 34\n", ""),
        ("\n" * 50 + "too far down", ""),
        ("", ""),
    ],
)
def test_a_heading_is_found_without_its_decoration(text, heading):
    assert find_heading(text.split("\n")) == heading


@pytest.mark.parametrize("selector", [b"/../x", b"/a/./b", b"/a/.."])
def test_an_item_that_a_browser_would_ask_for_by_another_name_is_no_link(selector):
    row = row_of_url(GopherURL("here.example", item_type="0", selector=selector), "A text")
    assert (row.kind, row.href) == ("nowhere", "")
