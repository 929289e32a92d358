"""Nothing that an outsider wrote can drive the terminal it is shown on."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.kit.text.escape import escaped_json, is_printable_ascii, one_line, printable

_TURNING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@given(st.text())
def test_no_control_or_direction_character_is_left(text):
    for character in printable(text):
        assert character in "\t\n" or unicodedata.category(character) not in ("Cc", "Cs")
        assert unicodedata.bidirectional(character) not in _TURNING
    assert not set(one_line(text)) & {"\t", "\n"}


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"])))
def test_ordinary_text_is_shown_as_it_is(text):
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]52;c;ZXZpbA==\a", "\\x1b]52;c;ZXZpbA==\\x07"),
        ("\x9b2J", "\\x9b2J"),
        ("abc\u202etxt.exe", "abc\\u202etxt.exe"),
        ("a\tb\r\n", "a\tb\\x0d\n"),
        ("\udc9b", "\\udc9b"),
    ],
)
def test_what_could_drive_a_terminal_is_spelled_out(text, shown):
    assert printable(text) == shown


@given(st.binary())
def test_plain_is_what_is_shown_as_it_is(data):
    assert is_printable_ascii(data) == (
        data.isascii() and printable(data.decode("latin-1")).encode() == data
    )


@given(st.text())
def test_json_stays_the_same_value_and_drives_no_terminal(text):
    safe = escaped_json(json.dumps(text, ensure_ascii=False))
    assert json.loads(safe) == text
    assert printable(safe) == safe


def test_a_sentence_is_not_flooded():
    """A server's error message of a megabyte stays a message."""
    assert one_line("x" * 1_000_000, 10) == "x" * 9 + "…"
    assert one_line("0123456789", 10) == "0123456789"
