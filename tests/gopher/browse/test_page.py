"""What the browser does with an item follows from its type."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.gopher.browse.page import link_of, link_to, way_to_show
from logsrv.gopher.wire.fileurl import FileURL
from logsrv.gopher.wire.menu import MenuItem, parse_menu_line
from logsrv.gopher.wire.url import GopherURL


@pytest.mark.parametrize(
    ("letters", "way"),
    [
        ("17", "menu"),
        ("0cM", "text"),
        ("gIp:", "picture"),
        ("h", "text"),
        ("9546s;dPXZ+", "download"),
    ],
)
def test_each_item_type_is_shown_in_its_way(letters, way):
    assert {way_to_show(GopherURL("h", item_type=letter)) for letter in letters} == {way}


MENU = GopherURL("example.org", tls=True)
LOCAL = FileURL(b"/srv/hole", "1", b"/sub/")


def kind_and_address(line: bytes) -> tuple[str, str]:
    link = link_of(parse_menu_line(line), MENU)
    assert link is not None
    return link.kind, link.address


@pytest.mark.parametrize(
    ("line", "kind", "address"),
    [
        (b"1Menu\t/m\texample.org\t70", "show", "gophers://example.org/1/m"),
        (b"0Text\t/t\tother.org\t7070", "show", "gopher://other.org:7070/0/t"),
        (b"7Search\t/s\texample.org\t70", "search", "gophers://example.org/7/s"),
        (b"9File\t/f\texample.org\t70", "download", "gophers://example.org/9/f"),
        (b"hWeb\tURL:https://w.org/?a=b\t\t", "outside", "https://w.org/?a=b"),
        (b"hGopher\tURL:gopher://g.org/0/x\t\t", "show", "gopher://g.org/0/x"),
        (b"8Telnet\tguest\tt.org\t23", "session", "telnet t.org 23"),
        (b"2Phones\t\tcso.org\t105", "session", "phonebook cso.org 105"),
    ],
)
def test_each_item_of_a_menu_has_its_kind_of_link(line, kind, address):
    assert kind_and_address(line) == (kind, address)


@pytest.mark.parametrize(
    "line", [b"1x\t/\texample.org\t0", b"1x\t/\texample.org\t99999", b"1x\t/\tbad host\t70"]
)
def test_what_cannot_be_followed_says_why(line):
    kind, reason = kind_and_address(line)
    assert kind == "dead" and "cannot be" in reason


@pytest.mark.parametrize("url", ["file:///etc/passwd", "javascript:alert(1)", "data:text/html,x"])
def test_links_that_would_act_on_this_machine_are_not_opened(url):
    kind, reason = kind_and_address(b"hx\tURL:" + url.encode() + b"\t\t")
    assert kind == "dead" and "not opened" in reason


def test_the_question_shows_exactly_what_the_program_gets():
    """Letters that look like others do not hide in an address."""
    kind, address = kind_and_address("hx\tURL:https://b\u0430nk.org/\t\t".encode())
    assert (kind, address) == ("outside", "https://b%D0%B0nk.org/")


def test_a_search_with_words_is_a_page():
    assert link_to(GopherURL("h", item_type="7"), "x").kind == "search"
    assert link_to(GopherURL("h", item_type="7", search=b"w"), "x").kind == "show"


def test_information_leads_nowhere():
    assert link_of(MenuItem("i", b"hello"), MENU) is None


@pytest.mark.parametrize(
    ("line", "kind", "address"),
    [
        (b"0Text\t/a.txt\t\t70", "show", "file:///srv/hole/a.txt"),
        (b"1Menu\t/x/\t\t70", "show", "file:///srv/hole/#1/x/"),
        (b"9File\t/f\t\t70", "download", "file:///srv/hole/#9/f"),
        (b"1Menu\t/m\tother.org\t70", "show", "gopher://other.org/1/m"),
        (b"hWeb\tURL:https://w.org/\t\t", "outside", "https://w.org/"),
        (b"7Search\t/s\t\t70", "dead", "cannot be followed: only a server can search"),
        (b"hFile\tURL:file:///etc/passwd\t\t", "dead",
         "file: links are not opened: file:///etc/passwd"),
    ],
)  # fmt: skip
def test_links_of_a_local_menu(line, kind, address):
    link = link_of(parse_menu_line(line), LOCAL)
    assert link is not None and (link.kind, link.address) == (kind, address)


@given(
    st.sampled_from([*map(chr, range(33, 127))]),
    st.binary(max_size=30) | st.sampled_from([b"/etc/passwd", b"file:///etc/", b"URL:file:/etc/"]),
    st.sampled_from([b"", b"localhost", b"file", b"file:", b".", b"/"]),
    st.sampled_from([b"", b"70", b"0"]),
)
def test_no_line_of_a_server_leads_to_a_local_file(letter, selector, host, port):
    line = letter.encode() + b"x\t" + b"\t".join([selector, host, port])
    link = link_of(parse_menu_line(line), MENU)
    assert link is None or not isinstance(link.url, FileURL)


def test_a_link_without_a_title_gets_one_from_its_url():
    assert link_to(GopherURL("h.org", selector=b"/docs/")).title == "h.org docs"
    assert link_to(GopherURL("h.org", item_type="7", search=b"red")).title == "h.org “red”"
    assert link_to(LOCAL).title == "sub"
    assert link_to(FileURL(b"/srv/\x1b[2J")).title == "\\x1b[2J"
