"""Telnet's commands are taken out and refused; all else comes through untouched."""

import pytest

from logsrv.kit.framing import telnet
from logsrv.kit.framing._telnet_commands import FEW_BYTES, MAX_NAWS, MAX_SUBNEGOTIATION
from logsrv.kit.framing.telnet import MAX_ANSWERS, TelnetFilter

PRESENCE = b"\r\n[yes]\r\n"


def through(*chunks: bytes) -> tuple[bytes, bytes]:
    """Data and answers of a whole connection."""
    telnet = TelnetFilter()
    data = b"".join(map(telnet.receive, chunks)) + telnet.finish()
    assert telnet.swallowed == sum(map(len, chunks)) - len(data)
    return data, telnet.take_answers()


@pytest.mark.parametrize("text", [b"", b"x" * FEW_BYTES])
@pytest.mark.parametrize(
    ("sent", "data", "answers"),
    [
        (b"a\xff\xfd\x01b", b"ab", b"\xff\xfc\x01"),
        (b"a\xff\xfb\x01b", b"ab", b"\xff\xfe\x01"),
        (b"a\xff\xfc\x01\xff\xfe\x01b", b"ab", b""),
        (b"\xff\xfd\xff", b"", b"\xff\xfc\xff"),
        (b"a\xff\xffb", b"a\xffb", b""),
        (b"\xff\xff\xff\xfd\x01", b"\xff", b"\xff\xfc\x01"),
        (b"a\xff\xf6b", b"ab", PRESENCE),
        (b"".join(bytes((255, code)) for code in range(236, 250) if code != 246), b"", b""),
        (b"a\xff\xfa\x18\0VT100\xff\xf0b", b"ab", b""),
        (b"a\xff\xfa\x18\xff\xff\xff\xf0b", b"ab", b""),
        (b"a\xff\xfa\x1f\0\x50\0\x0a\xff\xf0b", b"ab", b""),
        (b"a\xff\xf0b", b"ab", b""),
    ],
)
def test_telnet_commands_are_removed_and_answered(sent, data, answers, text):
    """Options are refused, AYT gets a line a person sees, the rest is swallowed. Long chunks and short ones
    are not read in the same way.
    """
    assert through(text + sent) == (text + data, answers)


@pytest.mark.parametrize(
    "sent",
    [
        "ÿ, naïf, ÿ\n".encode("latin-1"),
        b"\xff\xeb",
        b"ends with \xff",
        b"\xff\xfd",
        b"\xff\xfa",
        b"\xff\xfa\x18 half a subnegotiation",
        b"\xff\xfa\x18 text\nmore text",
        b"\xff\xfa\x18" + b"x" * (MAX_SUBNEGOTIATION + 1) + b"\n",
        b"\xff\xfa\x18 x \xff\x01",
        b"\xff\xfa\x1f123456789",
    ],
)
def test_bytes_that_are_no_telnet_are_kept(sent):
    """Latin-1, half commands at the end, and what looks like a subnegotiation but is too long."""
    assert through(sent) == (sent, b"")
    assert through(*(bytes((code,)) for code in sent)) == (sent, b"")


@pytest.mark.parametrize(
    ("option", "longest"), [(b"\x18", MAX_SUBNEGOTIATION), (b"\x1f", MAX_NAWS)]
)
def test_a_subnegotiation_up_to_the_greatest_length_is_swallowed(option, longest):
    """What is longer is text, and only the stray IAC SE behind it goes."""
    begin = b"\xff\xfa" + option
    assert through(begin + b"x" * longest + b"\xff\xf0") == (b"", b"")
    too_long = begin + b"x" * (longest + 1)
    assert through(too_long + b"\xff\xf0") == (too_long, b"")


def test_a_too_long_subnegotiation_is_returned_at_once_as_data():
    telnet = TelnetFilter()
    sent = b"\xff\xfa\x18" + b"x" * MAX_SUBNEGOTIATION
    assert telnet.receive(sent) == b""
    assert telnet.receive(b"x") == sent + b"x"


def test_text_behind_a_false_subnegotiation_is_not_held_up():
    """A line with a Latin-1 "ÿú" in it is there as soon as it ends, not when 1 KiB has come."""
    telnet = TelnetFilter()
    assert telnet.receive(b"\xff\xfa text") == b""
    assert telnet.receive(b" ends\n") == b"\xff\xfa text ends\n"
    assert telnet.finish() == b""


def test_untaken_answers_are_bounded():
    """A flood of questions does not fill our memory."""
    telnet = TelnetFilter()
    for _ in range(100):
        telnet.receive(b"\xff\xf6" * 10_000)
    assert MAX_ANSWERS - len(PRESENCE) < len(telnet.take_answers()) <= MAX_ANSWERS
    telnet.receive(b"\xff\xf6")
    assert telnet.take_answers() == PRESENCE


def test_a_long_chunk_gives_the_same_without_numpy(monkeypatch):
    """As with logsrv-kit alone. The pieces end within commands, a subnegotiation and a doubled byte."""
    sent = b"".join(
        b"x" * size + b"\xff\xfb\x01\xff\xff" + b"\xff\xfa\x18" + b"v" * 900 + b"\xff\xf0\xff\xf6"
        for size in range(64)
    )
    wanted = through(sent)
    monkeypatch.setattr(telnet, "has_numpy", lambda: False)
    assert through(sent) == wanted
    flood = b"\xff\xfb\x01" * MAX_ANSWERS
    data, answers = through(flood)
    assert data == b""
    assert MAX_ANSWERS - 4096 < len(answers) <= MAX_ANSWERS
