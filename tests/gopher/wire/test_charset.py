"""Text of any age is readable, without asking."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.errors import ConfigurationError
from logsrv.gopher.wire.charset import checked_charset, decode_line, decode_text


@given(st.lists(st.binary().map(lambda line: line.translate(None, b"\r\n"))))
def test_each_line_is_decoded_by_itself(lines: list[bytes]) -> None:
    for ending in (b"\n", b"\r\n"):
        assert decode_text(ending.join(lines)) == "\n".join(map(decode_line, lines))


def test_a_menu_may_mix_utf8_and_latin1() -> None:
    assert decode_text(b"caf\xc3\xa9\r\ncaf\xe9\n") == "café\ncafé\n"


def test_the_user_may_know_better() -> None:
    assert decode_text(b"\xc9\xcd\xbb\n", checked_charset("CP437")) == "╔═╗\n"
    assert decode_line(b"\xc3\xa9", "latin-1") == "Ã©"


@pytest.mark.parametrize(
    "name",
    [
        *("utf-16", "utf-7", "cp037", "rot13", "hex", "no such\x1b[m", ""),
        *("idna", "punycode", "unicode_escape", "raw_unicode_escape"),
    ],
)
def test_a_charset_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="not a character set for Gopher") as caught:
        checked_charset(name)
    assert str(caught.value).isprintable()
