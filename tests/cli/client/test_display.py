"""What a conversation looks like, and what goes to the peer for what is typed or fed in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.cli.client.display import DatagramDisplay, Display, HexDisplay, TextDisplay
from logsrv.cli.client.wire import DatagramInputEncoder, StreamInputEncoder
from logsrv.kit.testing import every_split


def shown(display: Display, pieces: list[bytes]) -> bytes:
    return b"".join(map(display.received, pieces)) + display.finish()


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        (b"hello\r\nyou\n", "hello\nyou\n"),
        ("grün ☃\r\n".encode(), "grün ☃\n"),
        (b"\x1b[31mred\x07\r", "\\x1b[31mred\\x07\\x0d"),
        (b"\xff\xfb\x01name\xff\xfd\x18: ", "name: "),
        (b"caf\xe9 \xff\xff", "caf\\xe9 \\xff"),
        ("\u202eevil \u009b31m".encode(), "\\u202eevil \\x9b31m"),
    ],
)
def test_text_is_safe_however_it_is_cut(sent, seen):
    for pieces in every_split(sent):
        assert shown(TextDisplay(), pieces).decode() == seen


def test_telnet_negotiation_is_refused():
    display = TextDisplay()
    display.received(b"\xff\xfd\x18\xff\xfb\x01")
    assert display.answers() == b"\xff\xfc\x18\xff\xfe\x01"
    assert display.answers() == b""


def test_hex_has_both_sides_and_their_offsets():
    display = HexDisplay(telnet=True)
    assert display.sent(b"hi\r\n") == (
        b"> 00000000  68 69 0d 0a                                      |hi..|\n"
    )
    display.received(bytes(range(16)))
    assert display.received(b"a\xff") == (
        b"< 00000010  61 ff                                            |a.|\n"
    )


def test_hex_output_has_every_byte():
    rows = HexDisplay(telnet=False).received(bytes(range(256))).decode().splitlines()
    assert len(rows) == 16
    assert bytes.fromhex("".join(row[12:59] for row in rows)) == bytes(range(256))


def test_each_datagram_is_a_line():
    display = DatagramDisplay()
    assert display.received(b"one") + display.received(b"two\r\n") == b"one\ntwo\n"


def test_the_raw_display_changes_no_byte():
    display = Display()
    assert display.received(b"\x1b\xff\xfb\x01\r\n") == b"\x1b\xff\xfb\x01\r\n"
    assert display.answers() == b""


def sent(wire: StreamInputEncoder | DatagramInputEncoder, pieces: list[bytes]) -> list[bytes]:
    return [out for piece in pieces for out in wire.encode(piece)] + wire.encode_rest()


@given(st.lists(st.binary(max_size=20)))
def test_a_script_is_sent_unchanged(pieces):
    assert b"".join(sent(StreamInputEncoder(None), pieces)) == b"".join(pieces)


@given(st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\r\n", b"bc\r"])))
def test_endings_of_a_script_are_the_same_however_it_is_cut(pieces):
    whole = b"".join(pieces)
    expected = whole.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    assert b"".join(sent(StreamInputEncoder(b"\r\n"), pieces)) == expected


@given(st.lists(st.sampled_from([b"a", b"\n", b"\r\n", b"bc"])))
def test_each_line_of_a_script_is_a_datagram(pieces):
    whole = b"".join(pieces)
    lines = [line.removesuffix(b"\r") for line in whole.split(b"\n")]
    assert sent(DatagramInputEncoder(None), pieces) == (lines[:-1] if not lines[-1] else lines)


def test_a_script_without_newlines_does_not_fill_the_memory():
    wire = DatagramInputEncoder(None)
    datagrams = wire.encode(b"x" * (DatagramInputEncoder.LONGEST + 1))
    assert [len(datagram) for datagram in datagrams] == [DatagramInputEncoder.LONGEST + 1]
    assert wire.encode_rest() == []
