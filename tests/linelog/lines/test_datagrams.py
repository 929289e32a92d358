"""Each datagram is one or more lines, cleaned as those of a connection are."""

import pytest

from logsrv.linelog.lines.datagrams import frame_datagrams, join_datagrams
from logsrv.linelog.lines.rules import LineCounts, LineRules, Oversize


def stored(*payloads: bytes, rules: LineRules | None = None) -> bytes:
    block = frame_datagrams(payloads, rules or LineRules(), LineCounts())
    assert block is not None
    return bytes(block)


@pytest.mark.parametrize(
    ("payloads", "lines"),
    [
        ([b"one", b"two"], b"one\ntwo\n"),
        ([b"one\n", b"two\n"], b"one\ntwo\n"),
        ([b"one\r\n", b"two", b"three\r"], b"one\ntwo\nthree\n"),
        ([b""], b"\n"),
        ([b"", b"a", b""], b"\na\n\n"),
        ([b"\n"], b"\n"),
        ([b"a\n\n", b""], b"a\n\n\n"),
        ([b"a\nb", b"c"], b"a\nb\nc\n"),
        ([b"\r\0"], b"\n"),
        ([b"a\n\r\0"], b"a\n\n"),
    ],
)
def test_a_datagram_becomes_one_or_more_lines(payloads, lines):
    """A line ending at the end of a datagram changes nothing; an empty one is an empty line."""
    assert stored(*payloads) == lines


def test_no_datagrams_give_no_block():
    assert frame_datagrams([], LineRules(), LineCounts()) is None


def test_telnet_commands_in_datagrams_are_stored():
    """There is nobody to answer; the bytes are stored."""
    assert stored(b"\xff\xfd\x01x") == b"\\xff\\xfd\\x01x\n"


def test_over_long_ones_follow_the_rule_and_close_truncates():
    for oversize, lines in (
        (Oversize.SPLIT, b"abcd\nef\nok\n"),
        (Oversize.TRUNCATE, b"abcd\nok\n"),
        (Oversize.CLOSE, b"abcd\nok\n"),
    ):
        assert stored(b"abcdef", b"ok", rules=LineRules(max_line=4, oversize=oversize)) == lines


def test_each_datagram_is_joined_by_itself_as_long_as_there_are_not_too_many_lines():
    rules, counts = LineRules(join=True), LineCounts()
    trace = b"ERROR x\n\tat y\n"
    block = join_datagrams([trace, b"\n" * 9000, trace], rules, counts)
    joined = rb"ERROR x\x0a" + b"\tat y\n"
    assert block is not None
    assert bytes(block) == joined + b"\n" * 9000 + joined
