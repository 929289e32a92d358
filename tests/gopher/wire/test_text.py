"""The dots of a text are right, whatever the server believes about them; its characters are, too."""

import codecs
import io

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from logsrv.errors import ConfigurationError
from logsrv.gopher.wire.errors import TooBig
from logsrv.gopher.wire.text import (
    TAIL,
    Stuffer,
    Text,
    TextParser,
    checked_charset,
    decode_line,
    decode_text,
    terminator_length,
)
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.testing import every_split

_TEXTS = st.lists(st.sampled_from([b".", b"..", b"a", b"\r", b"\n", b"\r\n"])).map(b"".join)
_CUTS = st.lists(st.integers(0, 40))


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    return [data[edges[i] : edges[i + 1]] for i in range(len(edges) - 1)]


def slow_unstuffed(text: bytes) -> bytes:
    lines = text.split(b"\n")
    return b"\n".join(line[1:] if line.startswith(b"..") else line for line in lines)


def slow_reference(text: bytes) -> tuple[bytes, bool]:
    """By lines: a terminator is the last line, and only with it dots are taken away."""
    lines = text.split(b"\n")
    if lines[-1] == b"" and len(lines) > 1:
        lines.pop()
    if lines[-1].rstrip(b"\r") != b".":
        return text, False
    return slow_unstuffed(b"\n".join([*lines[:-1], b""])), True


@given(_TEXTS, _CUTS)
def test_a_text_is_the_same_at_every_split(text, cuts):
    parser = TextParser()
    content = b"".join(map(parser.feed, pieces(text, cuts))) + parser.finish()
    assert (content, parser.terminated) == slow_reference(text)


@given(_TEXTS)
def test_the_end_of_a_text_tells_its_terminator(text):
    whole = terminator_length(text)
    if whole < TAIL:
        assert terminator_length(text[-TAIL:]) == whole
    assert (whole > 0) == slow_reference(text)[1]


def test_lone_dots_of_a_raw_file_stay():
    parser = TextParser()
    text = b"before\r\n.\r\nafter\r\n..two\r\n"
    assert parser.feed(text) + parser.finish() == text
    assert not parser.terminated


def test_a_text_is_shown_while_it_arrives():
    """Only what comes behind the first line with a dot has to wait for the end."""
    parser = TextParser()
    assert parser.feed(b"line\r\nnext") == b"line\r\nnext"
    assert parser.feed(b" line\n.dot\nmore\n") == b" line\n"
    assert parser.finish() == b".dot\nmore\n"


def test_what_waits_is_bounded():
    parser = TextParser(most_held=100)
    parser.feed(b".\n" + b"x" * 90)
    with pytest.raises(TooBig, match="limit of 100 bytes"):
        parser.feed(b"x" * 90)


def test_a_text_decodes_each_line():
    text = Text(GopherURL("h"), b"caf\xc3\xa9\r\ncaf\xe9\r\n", True)
    assert text.decoded() == "café\ncafé\n"
    assert io.StringIO(text.decoded("cp437")).readline() == "caf├⌐\n"


@pytest.mark.parametrize(
    ("lines", "sent"),
    [
        (b"", b".\r\n"),
        (b"a\nb", b"a\r\nb\r\n.\r\n"),
        (b".a\r\n..\n.\n", b"..a\r\n...\r\n..\r\n.\r\n"),
        (b"a\rb\r", b"a\rb\r\r\n.\r\n"),
        (b"\n\n.", b"\r\n\r\n..\r\n.\r\n"),
    ],
)
def test_texts_are_sent_as_the_rfc_wants_them(lines, sent):
    """However the file is read; and our own parser gets the lines back."""
    for split in every_split(lines):
        stuffer = Stuffer()
        assert b"".join([*map(stuffer.feed, split), stuffer.finish()]) == sent
    parser = TextParser()
    back = parser.feed(sent) + parser.finish()
    assert back.replace(b"\r\n", b"\n").removesuffix(b"\n") == lines.replace(
        b"\r\n", b"\n"
    ).removesuffix(b"\n")


@given(st.lists(st.binary().map(lambda line: line.translate(None, b"\r\n"))))
def test_each_line_is_decoded_by_itself(lines):
    # A byte order mark in front is left out: below.
    assume(not b"".join(lines[:1]).startswith(codecs.BOM_UTF8))
    for ending in (b"\n", b"\r\n"):
        assert decode_text(ending.join(lines)) == "\n".join(map(decode_line, lines))


def test_a_menu_may_mix_utf8_and_latin1():
    assert decode_text(b"caf\xc3\xa9\r\ncaf\xe9\n") == "café\ncafé\n"


def test_the_user_may_know_better():
    assert decode_text(b"\xc9\xcd\xbb\n", checked_charset("CP437")) == "╔═╗\n"
    assert decode_line(b"\xc3\xa9", "latin-1") == "Ã©"


@pytest.mark.parametrize(
    "name",
    [
        *("utf-16", "utf-7", "cp037", "rot13", "hex", "no such\x1b[m", ""),
        *("idna", "punycode", "unicode_escape", "raw_unicode_escape"),
    ],
)
def test_a_charset_that_cannot_be_is_refused(name):
    with pytest.raises(ConfigurationError, match="not a character set for Gopher") as caught:
        checked_charset(name)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("charset", [None, "utf-8", "cp437"])
def test_a_byte_order_mark_in_front_is_not_shown(charset):
    assert decode_text(b"\xef\xbb\xbfa text\r\n", charset) == "a text\n"
