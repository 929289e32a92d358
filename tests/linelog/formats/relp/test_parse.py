"""RELP frames: as the contract says, wherever the network cuts."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv import __version__
from logsrv.linelog.formats.relp.parse import MOST_DATA, RelpFramer
from logsrv.linelog.lines.rules import LineRules, Oversize
from tests.parts.examples import more

OPEN = b"1 open 86 relp_version=0\nrelp_software=librelp,1.11.0,http://librelp.adiscon.com\ncommands=syslog\n"
OFFERS = b"relp_version=0\nrelp_software=logsrv,%b\ncommands=syslog" % __version__.encode()
OPENED = b"%d 200 OK\n%b\n" % (len(OFFERS) + 7, OFFERS)


def frame(number: int, data: bytes, command: bytes = b"syslog") -> bytes:
    return b"%d %b %d %b\n" % (number, command, len(data), data)


def slowly(data: bytes) -> tuple[list[bytes], bytes, bool]:
    """Messages, answers, and whether the connection has to end, frame by frame."""
    messages: list[bytes] = []
    answers, is_open = b"", False
    while data:
        header = re.match(rb"(\d+) ([A-Za-z]+) (\d+)", data)
        if not header or not data[header.end() :]:
            whole = re.fullmatch(
                rb"(\d{1,9}( ([A-Za-z]{1,32}( (\d{1,9} ?)?)?)?)?)?",
                data,
            )
            return messages, answers, not whole
        number, command, length = header.groups()
        rest = data[header.end() :]
        if len(number) > 9 or len(command) > 32 or len(length) > 9 or int(length) > MOST_DATA:
            return messages, answers, True
        if rest[:1] not in (b" ", b"\n"):
            return messages, answers, True
        rest = rest.removeprefix(b" ")
        size = int(length)
        if len(rest) <= size:
            return messages, answers, False
        if rest[size : size + 1] != b"\n":
            return messages, answers, True
        text = rest[:size]
        data = rest[size + 1 :]
        if command == b"open":
            is_open = True
            answers += number + b" rsp " + OPENED
        elif command == b"close":
            return messages, answers + number + b" rsp 0\n0 serverclose 0\n", True
        elif command != b"syslog":
            answers += number + b" rsp 28 500 there is no such command\n"
        elif not is_open:
            return messages, answers, True
        else:
            messages.append(re.sub(rb"(?:\r?\n|\0)\Z", b"", text))
            answers += number + b" rsp 6 200 OK\n"
    return messages, answers, False


def framed(pieces: list[bytes], rules: LineRules | None = None) -> tuple[list[bytes], bytes, bool]:
    framer = RelpFramer(rules or LineRules())
    messages: list[bytes] = []
    for piece in pieces:
        if not framer.closed:
            messages += framer.receive(piece)
    return messages, framer.take_answers(), bool(framer.fault) or framer.closed


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


MESSAGES = st.sampled_from(
    [
        b"<13>x",
        b"<13>two\nlines\n",
        b"",
        b"\n",
        b"x\r\n",
        b"x\0",
        b"\n9 syslog 3 abc\n",
        b"\xff" * 9,
    ]
)
PIECES = st.one_of(
    st.builds(frame, st.integers(0, 999999999), MESSAGES),
    st.sampled_from(
        [OPEN, b"8 close 0\n", b"7 what 2 ab\n", b"3 rsp 0\n", b"4 syslog 0 \n", b"5 syslog 4 ab\n\n\n"]
    ),
    st.sampled_from([b"x", b"1", b" ", b"\n", b"1 syslog 9999999999 ", b"2 syslog 999999999 "]),
)  # fmt: skip


@more(3)
@given(st.lists(PIECES, max_size=8).map(b"".join), st.integers(1, 60), st.booleans())
def test_as_the_contract_says_at_every_cut(data, size, opened):
    data = OPEN + data if opened else data
    assert framed([data]) == slowly(data)
    assert framed(cut(data, size)) == slowly(data)


@more(1)
@given(st.lists(PIECES, max_size=60).map(b"".join), st.integers(600, 5000))
def test_many_frames_in_a_chunk(data, size):
    """They are cut all at once; the outcome is the same."""
    many = b"".join(frame(number, b"<13>message\n") for number in range(2, 200))
    data = OPEN + many + data + many
    assert framed([OPEN, data[len(OPEN) :]]) == slowly(data)
    assert framed(cut(data, size)) == slowly(data)


def test_a_session_of_librelp_is_framed_and_answered():
    data = OPEN + b"2 syslog 8 <13>one\n\n3 syslog 7 <13>two\n999999999 syslog 1 x\n8 close 0\n"
    messages, answers, over = framed([data])
    assert messages == [b"<13>one", b"<13>two", b"x"]
    assert answers == (
        b"1 rsp %b" % OPENED
        + b"2 rsp 6 200 OK\n3 rsp 6 200 OK\n999999999 rsp 6 200 OK\n"
        + b"8 rsp 0\n0 serverclose 0\n"
    )
    assert over


def test_up_to_the_limit_and_no_further():
    framer = RelpFramer(LineRules())
    framer.receive(OPEN)
    whole = frame(2, b"x" * MOST_DATA)
    found = [message for piece in cut(whole, 1 << 20) for message in framer.receive(piece)]
    assert list(map(len, found)) == [MOST_DATA]
    assert not framer.receive(b"3 syslog %d xxx" % (MOST_DATA + 1))
    assert framer.fault == "a frame of 16777217 bytes is longer than 16777216 bytes"


@pytest.mark.parametrize("size", [1, 50, 4000])
def test_close_leaves_a_long_message_unanswered(size):
    rules = LineRules(max_line=5, oversize=Oversize.CLOSE)
    data = OPEN + frame(2, b"short\r\n") + frame(3, b"longer") + frame(4, b"x") * 300
    messages, answers, over = framed(cut(data, size), rules)
    assert (messages, answers.endswith(b"2 rsp 6 200 OK\n"), over) == ([b"short"], True, True)
