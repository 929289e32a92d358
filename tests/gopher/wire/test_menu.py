"""A bad line of a menu never costs a good one, however the bytes arrive; menus that authors write."""

from codecs import BOM_UTF8
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from logsrv.gopher.serve.gopherhole import parse_gophermap
from logsrv.gopher.wire.menu import MenuItem, MenuParser, encoded_line, parse_menu_line
from logsrv.gopher.wire.url import GopherURL

CORPUS = Path(__file__).parents[2] / "corpus" / "gopher"
HERE = GopherURL("here.example", 70)


def slow_reference(data: bytes, longest: int) -> tuple[list[bytes], bool]:
    """The lines of a menu, one byte after the other."""
    lines, line, ended = [], bytearray(), False
    for byte in data + (b"\n" if data and not data.endswith(b"\n") else b""):
        if byte != ord("\n"):
            line.append(byte)
            continue
        whole, line = bytes(line), bytearray()
        shown = whole[:longest].rstrip(b"\r")
        ended = ended or (shown == b"." and len(whole) <= longest)
        if not ended:
            lines.append(shown)
    if lines:
        lines[0] = lines[0].removeprefix(BOM_UTF8)
    return lines, ended


@given(
    st.lists(
        st.sampled_from([b"iX\t\th\t1", b".", b"\r", b"\n", b"\r\n", b"1a\tb", b"\t", b"xxxx"])
    ),
    st.lists(st.integers(0, 60)),
)
@example([b"1a\tb", b"\n", b".", b"\n", b"xxxx", b"\n"], [])
def test_the_split_of_the_bytes_changes_nothing(pieces, cuts):
    data = b"".join(pieces)
    expected, ended = slow_reference(data, 9)
    parser = MenuParser(longest_line=9)
    items: list[MenuItem] = []
    edges = [0, *sorted(cuts), len(data)]
    for start, stop in pairwise(edges):
        items += parser.feed(data[start:stop])
    items += parser.finish()
    assert [item.display for item in items] == [parse_menu_line(line).display for line in expected]
    assert parser.terminated == ended


def parsed(*lines: bytes) -> list[MenuItem]:
    parser = MenuParser()
    return parser.feed(b"\r\n".join(lines)) + parser.finish()


@pytest.mark.parametrize(
    ("line", "url"),
    [
        (b"0Full\t/a\texample.org\t7070\t+", "gopher://example.org:7070/0/a"),
        (b"0No port\t/a\texample.org", "gopher://example.org/0/a"),
        (b"0Empty port\t/a\texample.org\t", "gopher://example.org/0/a"),
        (b"0No host\t/a", "gopher://here.example/0/a"),
        (b"1Odd selector\tsel?x#y%\xe9\texample.org\t70", "gopher://example.org/1sel?x%23y%25%E9"),
        (b"QUnknown type\t/q\texample.org\t70", "gopher://example.org/Q/q"),
        (b"1IPv6\t\t::1\t70", "gopher://[::1]/"),
        (b"0In brackets\t/a\t[2001:DB8::1]\t7070", "gopher://[2001:db8::1]:7070/0/a"),
        (b"0Port 0\t/a\texample.org\t0", None),
        (b"0Port too high\t/a\texample.org\t65536", None),
        (b"0Port in words\t/a\texample.org\tseventy", None),
        (b"0Endless port\t/a\texample.org\t" + b"7" * 5000, None),
        (b"0Host with spaces\t/a\ttwo words\t70", None),
        (b"0Host of pygopherd\t/a\t(NULL)\t0", None),
        (b"0NUL in the selector\t/a\0b\texample.org\t70", None),
        (b"0CR in the selector\t/a\rb\texample.org\t70", None),
        (b"iInformation\t/a\texample.org\t70", None),
        (b"3Error\t/a\texample.org\t70", None),
        (b"8Telnet\tguest\texample.org\t23", None),
        (b"hWeb\tURL:http://example.org/\texample.org\t70", None),
    ],
)
def test_where_an_item_leads(line, url):
    (item,) = parsed(line)
    found = item.url(HERE)
    assert (found and str(found)) == url
    assert item.text() != ""


@pytest.mark.parametrize(
    ("line", "link"),
    [
        (b"hWeb\tURL:http://example.org/?a=b\th\t70", "http://example.org/?a=b"),
        (b"hWeb\t/URL:x\th\t70", None),
        (b"hWeb\t/URL:http://example.org/\th\t70", "http://example.org/"),
        (b"hWeb\t/url:/http://example.org/\th\t70", "http://example.org/"),
        (b"hWeb\tURL:--upload-file=x\th\t70", None),
        (b"hWeb\tURL:javascript:alert(1) x\th\t70", None),
        (b"8Telnet\tguest\th\t23", "telnet://guest@h:23/"),
        (b"8Options\t-l root\th\t23", "telnet://h:23/"),
        (b"8Dash\t-lroot\th\t23", "telnet://h:23/"),
        (b"8Host is an option\t\t-oX\t23", None),
        (b"T3270\t\th\t23", "tn3270://h:23/"),
    ],
)
def test_where_an_item_leads_outside_gopher(line, link):
    """Nothing that looks like an option of a program gets as far as a program."""
    (item,) = parsed(line)
    assert item.link() == link


@pytest.mark.parametrize(
    ("line", "tag"),
    [
        (b"hPage\t/page.html\th\t70", "html"),
        (b"hWeb\tURL:http://example.org/\th\t70", "link"),
        (b"1Web\tURL:gemini://example.org/\th\t70", "link"),
        (b"hWeb\tURL:no address\th\t70", "html"),
        (b"8Session\tURL:http://example.org/\th\t23", "tnet"),
    ],
)
def test_a_link_out_of_gopher_is_named_as_one(line, tag):
    (item,) = parsed(line)
    assert item.tag == tag


def test_lines_without_fields_are_information():
    items = parsed(b"Just words", b"iMarked as such", b"", b"\tno type\th\t70", b"1x\t\th\t70")
    assert [(item.item_type, item.display) for item in items] == [
        ("i", b"Just words"),
        ("i", b"Marked as such"),
        ("i", b""),
        ("i", b"no type"),
        ("1", b"x"),
    ]
    assert [item.url(HERE) is None for item in items] == [True] * 4 + [False]


def test_tls_is_kept_on_the_same_server_only():
    menu = GopherURL("here.example", 70, tls=True)
    same, other, port, bare = parsed(
        b"1a\t\tHERE.example\t70", b"1b\t\tother.example\t70", b"1c\t\there.example\t71", b"1d\t"
    )
    assert [str(item.url(menu)) for item in (same, other, port, bare)] == [
        "gophers://here.example/",
        "gopher://other.example/",
        "gopher://here.example:71/",
        "gophers://here.example/",
    ]


def test_a_line_of_100_megabytes_takes_no_memory_and_costs_no_other_line():
    parser = MenuParser()
    items = parser.feed(b"1before\t/b\th\t70\r\n0long")
    for _ in range(1600):
        items += parser.feed(b"x" * 65536)
    items += parser.feed(b"\t/x\th\t70\r\n1after\t/a\th\t70\r\n")
    before, long, after = items
    assert before.url(HERE) and after.url(HERE) and long.url(HERE) is None
    assert len(long.display) == 64 * 1024
    assert parser.dropped == 1600 * 65536 + len("0long") + len("\t/x\th\t70\r") - 64 * 1024


def test_a_menu_has_so_many_items_and_no_more():
    """However it comes; and the end of a menu that has too many is one, too."""
    for line in (b"ix\n", b"\n"):
        for cut in (0, 1500, len(line) * 1001):
            data = line * 1001 + b"last"
            parser = MenuParser(most_items=1000)
            found = parser.feed(data[:cut]) + parser.feed(data[cut:]) + parser.finish()
            assert len(found) == 1000 and parser.is_full
    parser = MenuParser(most_items=1)
    assert len(parser.feed(b"a\n") + parser.finish()) == 1
    assert not parser.is_full


def test_menus_of_real_servers():
    for server, count, terminated in (("gophernicus", 15, True), ("pygopherd", 14, False)):
        parser = MenuParser()
        items = parser.feed((CORPUS / server / "menu.bin").read_bytes()) + parser.finish()
        assert (len([item for item in items if item.item_type != "i"])) == 12
        assert len(items) >= count - 1
        assert parser.terminated is terminated
        assert sum(item.url(HERE) is not None for item in items) == 8


def test_what_cannot_be_followed_is_written_without_a_place():
    line = encoded_line(MenuItem("1", b"a\rb", b"/x", b"h", None), b"here", 70)
    assert line == b"ia b\t\terror.host\t1\r\n"


@pytest.mark.parametrize("host", [b"", b"h", b"\xff", b"bad host"])
@pytest.mark.parametrize("letter", ["\0", "\r", "\xff", "0"])
def test_no_line_makes_the_way_to_its_item_fail(letter, host):
    """A byte that no request may hold makes an item that is not followed, as what is no host does."""
    menu = GopherURL.parse("gopher://h/")
    item = MenuItem(letter, b"", b"/x", host)
    followed = letter in "0\xff" and host in (b"", b"h")
    assert (item.url(menu) is not None) == followed


def test_a_map_as_authors_write_it():
    found = parse_gophermap(
        b"Welcome\r\n"
        b"# nobody sees this\r\n"
        b"!The title\n"
        b"\n"
        b"information about me\n"
        b"0About\tabout.txt\n"
        b"1Phlog\t/phlog/\n"
        b"0notes.txt\t\n"
        b"1A friend\t/~friend\tgopher.example\t7070\n"
        b"hThe web\tURL:https://example.org/\n"
        b"i# kept\t\terror.host\t1\n"
        b"3gone\t\n"
        b"9Not followable\t/x\th\t99999\n",
        b"/docs/",
    )
    assert found.items == (
        MenuItem("i", b"Welcome", port=None),
        MenuItem("i", b"The title", port=None),
        MenuItem("i", b"", port=None),
        MenuItem("i", b"information about me", port=None),
        MenuItem("0", b"About", b"/docs/about.txt"),
        MenuItem("1", b"Phlog", b"/phlog/"),
        MenuItem("0", b"notes.txt", b"/docs/notes.txt"),
        MenuItem("1", b"A friend", b"/~friend", b"gopher.example", 7070),
        MenuItem("h", b"The web", b"URL:https://example.org/"),
        MenuItem("i", b"# kept", b"", b"error.host", 1),
        MenuItem("3", b"gone"),
        MenuItem("9", b"Not followable", b"/x", b"h", None),
    )
    assert not found.lists


@pytest.mark.parametrize(("end", "lists"), [(b".", False), (b"*", True)])
def test_the_end(end, lists):
    """A star lists the other files, but for those with a minus; whatever is behind it is not read."""
    found = parse_gophermap(b"Hi\n-secret.txt\n- a line of text\n" + end + b"\r\nnever\n", b"/")
    assert [item.display for item in found.items] == [b"Hi", b"- a line of text"]
    assert (found.lists, found.hidden) == (lists, frozenset({b"secret.txt"}))


def test_an_empty_map_is_an_empty_menu():
    assert (parse_gophermap(b"", b"/").items, parse_gophermap(b"", b"/").lists) == ((), False)


def test_a_byte_order_mark_in_front_costs_nothing_but_itself():
    line = b"0Text\t/a\th.example\t70\r\n"
    parser = MenuParser()
    found = [
        item for byte in BOM_UTF8 + line + BOM_UTF8 + line for item in parser.feed(bytes((byte,)))
    ]
    assert found[0] == parse_menu_line(line.rstrip())
    written = parse_gophermap(BOM_UTF8 + b"0Text\ta.txt\n", b"/")
    assert written == parse_gophermap(b"0Text\ta.txt\n", b"/")
    assert parse_gophermap(BOM_UTF8 + b"# a comment\n", b"/").items == ()
