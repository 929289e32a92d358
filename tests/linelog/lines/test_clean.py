"""What reaches the log is printable, at every size for which another tool does the looking."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logsrv.linelog.lines.clean import escaped, is_clean, is_plain_ascii, is_utf8

SIZES = [1, 3_000, 20_000, 70_000]


def among(size: int, odd: bytes) -> bytes:
    """`odd` in the middle of `size` plain bytes of lines."""
    plain = (b"plain text\t~\n" * (size // 13 + 1))[:size]
    return plain[: size // 2] + odd + plain[size // 2 :]


@pytest.mark.parametrize("size", SIZES)
def test_each_of_the_256_bytes_is_escaped_or_stays(size):
    """Each of the 256 bytes is recognised, alone and among much plain text."""
    for code in range(256):
        odd = bytes((code,))
        plain = code in (9, 10) or 32 <= code < 127
        assert is_plain_ascii(among(size, odd)) == plain
        expected = odd if plain else b"\\x%02x" % code
        assert escaped(among(size, odd)) == among(size, expected)


@pytest.mark.parametrize("size", SIZES)
def test_every_c1_control_and_its_neighbours(size):
    for code in range(0x80, 0xC0):
        odd = chr(code).encode()
        expected = b"\\x%02x\\x%02x" % tuple(odd) if code < 0xA0 else odd
        assert escaped(among(size, "é".encode() + odd)) == among(size, "é".encode() + expected)


@pytest.mark.parametrize("size", SIZES)
def test_good_text_is_the_same_object(size):
    """Nothing to do is nothing copied."""
    for text in (among(size, b""), among(size, "Größe « 21 °C » 日本 🙂".encode())):
        assert escaped(text) is text


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("odd", ["Größe ’₩” 日本", "a\x85", "\u2028", "\x1b", "\udcff"])
def test_a_part_is_escaped_as_it_is_by_itself(size, odd):
    """The end of a line before, and the beginning of one behind, have no say in it."""
    lines = among(size, odd.encode(errors="surrogateescape")) + b"\n"
    before, behind = b"\xd0\x1b\n", b"\x7f\xe2\x80"
    found = escaped(before + lines + behind, len(before), len(before) + len(lines))
    if found == before + lines + behind:
        found = lines
    assert found == escaped(lines)


def test_a_good_part_is_not_copied():
    """Chunks begin and end anywhere, also within a character."""
    data = b"\x96\n" + "日志记录一行\n".encode() * 9_000 + b"\xe6\x97"
    assert escaped(data, 2, len(data) - 2) is data


def decodes(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.slow
def test_is_utf8_agrees_with_decoding_for_every_lead_byte():
    """Every lead byte with the continuations at the edges of what may follow it, among much text."""
    before, after = "текст\n".encode() * 2000, "文字\n".encode() * 2000
    followers = (0x20, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xE0, 0xF0)
    for lead in (*range(0x7E, 0x82), *range(0xBE, 0x100)):
        for second in followers:
            for third in followers:
                odd = bytes((lead, second, third))
                assert is_utf8(before + odd + after) == decodes(odd + after), odd
    for odd in (b"\x80", b"\xc3", b"\xe2\x82", "🙂".encode(), b"\xf0\x9f\x99"):
        assert is_utf8(odd + before) == decodes(odd + before)
        assert is_utf8(before + odd) == decodes(before + odd)


@given(st.lists(st.sampled_from([b"\xd0\x9f", b"\xe6\x96\x87", b"\xe2", b"\x82", b"\xc3", b"a"])))
def test_is_utf8_agrees_with_decoding_for_sequences_cut_anywhere(pieces):
    odd = b"".join(pieces)
    text = "文字\n".encode() * 3000
    assert is_utf8(text + odd) == decodes(odd)
    assert is_utf8(odd + text) == decodes(odd + text)


@pytest.mark.parametrize("size", SIZES)
def test_line_separators_are_escaped_and_quotes_and_dashes_stay(size):
    """U+2028 and U+2029 end lines elsewhere; quotes and dashes, which begin with the same bytes, stay."""
    for code in range(0x2000, 0x2040):
        odd = chr(code).encode()
        expected = b"\\x%02x\\x%02x\\x%02x" % tuple(odd) if code in (0x2028, 0x2029) else odd
        assert escaped(among(size, odd)) == among(size, expected)


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [*[chr(c).encode() for c in (0x80, 0x9F, 0xA0, 0x2027, 0x2028, 0x2029, 0x1F642)]]
            + [bytes((c,)) for c in (0x09, 0x0A, 0x1B, 0x7F, 0x80, 0x8F, 0x90, 0xA0, 0xBF, 0xC0)]
            + [bytes((c,)) for c in (0xC2, 0xDF, 0xE0, 0xE2, 0xED, 0xEF, 0xF0, 0xF4, 0xF5, 0xFF)]
        )
    ).map(b"".join)
)
def test_large_chunks_are_escaped_as_small_ones(odd):
    """Among few such bytes and among many, which are two ways of doing it."""
    expected = escaped(odd + b"\n")
    assert escaped(odd + b"\n" + b"x" * 2000) == expected + b"x" * 2000
    assert escaped((odd + b"\n") * 2000) == expected * 2000
    for data in (odd, odd + b"\n" + b"x" * 2000, (odd + b"\n") * 2000):
        assert is_clean(data) == (escaped(data) == data)


def test_bad_bytes_one_by_one():
    """A character cut in two, a surrogate, an over-long form: each byte can be read off the log."""
    assert escaped(b"\xe2\x82\n") == b"\\xe2\\x82\n"
    assert escaped(b"\xed\xa0\x80\n") == b"\\xed\\xa0\\x80\n"
    assert escaped(b"\xc0\x8a\n") == b"\\xc0\\x8a\n"
