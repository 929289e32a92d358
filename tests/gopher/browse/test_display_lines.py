"""The lines of a page: aligned, escaped, with what went wrong on top; colours, HTML and pictures."""

import re
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.color import Color
from rich.style import Style
from rich.text import Span

from logsrv.gopher.browse.display_lines import (
    LONGEST,
    ColourParser,
    DisplayLine,
    lines_of_page,
    text_lines,
)
from logsrv.gopher.browse.page import MenuContent, Page
from logsrv.gopher.wire.errors import ServerError, TLSError, Truncated
from logsrv.gopher.wire.menu import MenuParser
from logsrv.gopher.wire.url import GopherURL
from tests.parts.costs import allocated, doubled

NO_ENDS = str.maketrans("", "", "\r\n")
RED = Style.parse("color(1)")
URL = GopherURL("example.org")
TEXT = GopherURL("example.org", item_type="0")


def page_lines(page: Page, charset: str | None) -> list[DisplayLine]:
    return [*lines_of_page(page, charset)]


def lines_of_text(text: str) -> list[DisplayLine]:
    return [*text_lines(text, ColourParser())]


def menu(data: bytes) -> MenuContent:
    parser = MenuParser(longest_line=100)
    items = parser.feed(data) + parser.finish()
    return MenuContent(tuple(items), parser.dropped)


def test_each_item_has_the_name_of_its_type():
    lines = page_lines(
        Page(URL, menu(b"iHi\t\t\t\n1M\t/\th\t70\n2C\t/\th\t105\nZz\t/\th\t70\n3No\t\t\t\n")), None
    )
    assert [line.label for line in lines] == ["", "menu", "cso", "Z", "err"]
    assert [line.leads_somewhere for line in lines] == [False, True, True, True, False]


def test_a_link_to_the_web_is_marked_as_one():
    assert page_lines(Page(URL, menu(b"hWeb\tURL:http://w/\t\t\n")), None)[0].label == "link"


def test_a_charset_of_the_users_choice():
    page = Page(TEXT, b"\xc4\xc4 caf\x82")
    assert [line.text for line in page_lines(page, "cp437")] == ["── café"]
    assert [line.text for line in page_lines(page, None)] == ["ÄÄ caf\\x82"]


def test_colours_are_shown_and_whatever_else_a_terminal_obeys_is_escaped():
    art = "\x1b[31mred\n\tstill\x1b[0m plain\n\x1b[32mgreen\x1b[2J\n"
    red, still, escaped = lines_of_text(art)
    assert (red.text, still.text) == ("red", "        still plain")
    assert [(each.start, each.end, each.style) for each in still.spans] == [(0, 13, RED)]
    assert escaped.text == "\\x1b[32mgreen\\x1b[2J" and not escaped.spans
    shown = page_lines(
        Page(URL, menu(b"i\x1b[1;34mblue\x1b[0m\t\t\t\n1\x1b[35mM\t/\th\t70\n")), None
    )
    assert [line.text for line in shown] == ["blue", "M"]


def test_lines_that_were_cut_are_told():
    shown = page_lines(Page(URL, menu(b"1" + b"x" * 150 + b"\n")), None)
    assert "51 bytes were left out" in shown[-1].text


def test_an_empty_answer_is_said_to_be_empty():
    assert "menu is empty" in page_lines(Page(URL, menu(b".\r\n")), None)[0].text
    assert "text is empty" in page_lines(Page(TEXT, b""), None)[-1].text


def test_an_error_stands_above_what_had_come():
    page = Page(URL, menu(b"1M\t/\th\t70\n"), Truncated("h:70", 9, "the connection was reset"))
    texts = [line.text for line in page_lines(page, None)]
    assert "broke off after 9 bytes" in texts[0] and texts[-1] == "M"
    assert any("r  tries again" in text for text in texts)


def test_what_to_do_about_an_error():
    text = "\n".join(line.text for line in page_lines(Page(URL, None, ServerError("no")), None))
    assert "the menu above" in text and "b  goes back" in text


def test_a_sentence_of_a_server_ends_once():
    for said in ("Not here.", "Not here!", "Who are you?", "Wait..."):
        line = page_lines(Page(URL, None, ServerError(said)), None)[0]
        assert line.text.endswith(f"an error: {said}")


def test_a_certificate_is_explained_only_if_that_is_the_reason():
    error = TLSError("h:70", "self-signed certificate")
    plain = page_lines(Page(URL, None, error), None)
    error.__cause__ = ssl.SSLCertVerificationError()
    explained = page_lines(Page(URL, None, error), None)
    assert not any("C  remembers" in line.text for line in plain)
    assert any("C  remembers" in line.text for line in explained)


def test_a_binary_that_is_announced_as_a_text_is_suspected():
    lines = page_lines(Page(TEXT, b"\x7fELF\0\0" + b"x" * 1_000_000), None)
    assert "binary file" in lines[0].text
    assert sum(len(line.text) for line in lines) < 40_000


@given(st.text(max_size=300))
def test_a_text_keeps_its_lines(text):
    assert len(lines_of_text(text)) == text.removesuffix("\n").count("\n") + 1


def test_a_character_or_line_end_is_not_cut_by_the_end_of_a_piece():
    for before in range(LONGEST - 4, LONGEST + 1):
        for text in ("ä€😀\n", "\r\nnext\n"):
            shown = page_lines(Page(TEXT, b"x" * before + text.encode()), None)
            assert "".join(line.text for line in shown) == "x" * before + text.translate(NO_ENDS)


@pytest.mark.parametrize(
    "charset", ["gb18030", "shift_jis", "euc_jp", "big5", "iso2022_jp", "iso2022_kr", "utf_8"]
)
def test_a_charset_with_long_characters_is_decoded_over_the_ends_of_pieces(charset):
    # Each of these has it.
    text = "x\n" + "大" * 12_000 + "\r\n" + "ab大\n" * 9000 + "x" + "大" * 12_000
    shown = page_lines(Page(TEXT, text.encode(charset)), charset)
    assert "".join(line.text for line in shown) == text.translate(NO_ENDS)


def test_half_a_character_at_the_end_of_a_text_is_shown_in_its_line():
    shown = page_lines(Page(TEXT, "one\ntw大".encode("gb18030")[:-1]), "gb18030")
    assert [line.text for line in shown] == ["one", "tw�"]


def test_a_large_text_keeps_its_lines_but_for_the_longest():
    url = GopherURL.parse("gopher://x.example/0/a")
    lines = [f"line {number} \u00e4" for number in range(20_000)] + [
        "x" * (3 * LONGEST + 5),
        "",
        "end",
    ]
    page = Page(url, "\r\n".join(lines).encode() + b"\r\n\r\n")
    shown = [line.text for line in page_lines(page, None)]
    assert shown[:20_000] == lines[:20_000]
    assert [len(text) for text in shown[20_000:-3]] == [LONGEST] * 3 + [5]
    assert shown[-3:] == ["", "end", ""]


@pytest.mark.parametrize(
    ("codes", "paint"),
    [
        ("31", RED),
        ("97;44", Style.parse("color(15) on color(4)")),
        ("38;5;208", Style.parse("color(208)")),
        ("48;2;1;2;3", Style(bgcolor=Color.from_rgb(1, 2, 3))),
        ("1;4", Style.parse("bold underline")),
        ("1;22;33", Style.parse("color(3)")),
        ("31;39;42;49;7", Style.parse("reverse")),
        # Letters in the colour of their ground would be hidden.
        ("30;40", Style.parse("color(0)")),
    ],
)
def test_what_a_sequence_means(codes, paint):
    assert ColourParser().split_colours(f"\x1b[{codes}mtext") == (
        "text",
        (Span(0, 4, paint),),
    )


@pytest.mark.parametrize(
    "line",
    [
        "\x1b[8mhidden",
        "\x1b[5mblinks",
        "\x1b[31mred\x1b[2J",
        "\x1b[31mred\x07",
        "\x1b[31mred\u202e",
        "\x1b[38;5mhalf",
        "\x1b[38;5;256mtoo much",
        "\x1b[00031mlong",
        "\x1b[31mtwo\nlines",
    ],
)
def test_a_line_with_other_sequences_than_colours_is_not_coloured(line):
    assert ColourParser().split_colours(line) is None


def test_a_colour_goes_on_in_the_next_line_however_far_it_is():
    shown = page_lines(Page(TEXT, b"\x1b[31m" + b"red\n" * LONGEST), None)
    assert {each.style for line in shown for each in line.spans} == {RED}
    assert all(line.spans for line in shown)
    colours = ColourParser()
    colours.split_colours("\x1b[32mgreen")
    assert colours.split_colours("still") == ("still", (Span(0, 5, Style.parse("color(2)")),))
    assert colours.split_colours("\x1b[mplain") == ("plain", ())


@pytest.mark.slow
def test_a_line_is_not_copied_for_each_of_its_colours():
    def copied(number: int) -> int:
        line = "words\t" * 50 * number + "\x1b[31ma\x1b[32mb\t" * number
        shown: list[str] = []
        taken = allocated(lambda: shown.extend((ColourParser().split_colours(line) or "")[:1]))
        assert len(shown[0]) == 8 * 51 * number
        return taken

    assert doubled(copied, 200) < 2.5


def test_a_line_of_very_many_colours_is_not_coloured():
    assert ColourParser().split_colours("\x1b[31ma" * 1_000_000) is None


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("gopher://h.example/0/a.txt", "gopher://h.example/0/a.txt"),
        ("[1]: https://web.example/a(b)?c=d#e).", "https://web.example/a(b)?c=d#e"),
        ("see <gophers://h.example/1/x>, or", "gophers://h.example/1/x"),
        ("“http://web.example/ä”", "http://web.example/%C3%A4"),
        ("two: http://a.example http://b.example", "http://a.example"),
        ("http://", None),
        ("nogopher://h", None),
        ("gopher://bad..host/", None),
        ("javascript://alert", None),
        ("\x1b[31mred\x1b[0m http://a.example", "http://a.example"),
    ],
)
def test_an_address_in_a_text_is_a_link(text, address):
    (line,) = lines_of_text(text)
    link = line.link(None, None)
    assert (None if link is None else link.address) == address
    assert line.text == re.sub("\x1b.*?m", "", text) and line.label == ""


def test_html_is_shown_as_its_source():
    """Python's parser of HTML fails at this; its links are those of any text."""
    url = GopherURL("example.org", item_type="h", selector=b"/a.html")
    source = b'<![foo \n<a href="https://web.example/">here</a>\n'
    note, _, *lines = page_lines(Page(url, source), None)
    assert "source of a page in HTML" in note.text
    assert [line.text for line in lines] == ["<![foo ", '<a href="https://web.example/">here</a>']
    link = lines[1].link(None, None)
    assert link is not None and link.address == "https://web.example/"
