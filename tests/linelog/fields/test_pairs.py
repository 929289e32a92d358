"""One name in many lines of `key=value`: read where it is plain what it is, handed back where not."""

import pytest

from logsrv.linelog.fields.pairs import PairReader
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.fields.values import Value

STAMP = b"2026-11-20T06:18:42.123456Z user=@tcp:10.0.0.1:51234 "


def read(message: bytes) -> tuple[Value | None, bool]:
    """Return the value of `user` in a message, and whether the line needs a closer look."""
    stamps = StampedLines(STAMP + b"first\n" + STAMP + message + b"\n")
    pairs = PairReader("user")
    column: list[Value | None] = [None, None]
    others = pairs.read_into(stamps, *pairs.pair_places(stamps), column)
    assert column[0] is None
    return column[1], others == [1]


@pytest.mark.parametrize(
    ("message", "value"),
    [
        (b"user=bob a=1", "bob"),
        (b"a=1 user=bob", "bob"),
        (b'a=1 msg="a user b" user="b c"', "b c"),
        (b"logged in: id=5\tuser= ", ""),
        (b"a=1 user=b=c", "b=c"),
        (b"a=1 superuser=bob", None),
    ],
)
def test_unambiguous_pairs_are_read_without_a_record(message, value):
    assert read(message) == (value, False)


@pytest.mark.parametrize(
    "message",
    [
        b"user=bob",
        b'msg="a user=bob b=1"',
        b'"a b=" user=bob c=1"',
        b"a=1 user=bob user=eve",
        b'a=1 user="b\\"c"',
        b'a=1 user="bob',
        b"a=1 [x] user=bob",
    ],
)
def test_others_need_a_closer_look(message):
    assert read(message) == (None, True)
