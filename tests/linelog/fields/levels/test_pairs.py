"""A field of logfmt tells its level at once where nothing else can be meant."""

import numpy
import pytest

from logsrv.linelog.fields.level import LEVELS
from logsrv.linelog.fields.levels.pairs import WIDTH, LevelFields, levels_of_pairs


def level(message: bytes) -> str | None:
    at = message.index(b"level=")
    places = (at, at + 6, 0, len(message))
    raw = numpy.frombuffer(message + b"\n" + bytes(2 * WIDTH), numpy.uint8)
    [number] = levels_of_pairs(
        raw, LevelFields(*(numpy.array([place]) for place in places))
    ).tolist()
    return (None, *LEVELS)[number]


@pytest.mark.parametrize(
    ("message", "found"),
    [
        (b"level=Warn a=b", "warning"),
        (b"ts=1 level=info caller=x.go:1 msg=", "info"),
        (b'time="06:18:42" level=error msg="a b"', "error"),
        (b"<11>web app: level=info a=b", "info"),
    ],
)
def test_an_unambiguous_pair_gives_the_level(message, found):
    assert level(message) == found


@pytest.mark.parametrize(
    "message",
    [
        b"level=info",
        b"level=info and more",
        b"level=banana a=b",
        b"level=30 a=b",
        b"loglevel=info a=b",
        b'level=info msg="a b',
        b'level=info msg="a b"x',
        b'msg="a level=info b=c"',
        b'a=" level=info b=c',
        b'a "b=" level=info c=d',
        b"<11>1 - host level=info a=b",
        b"level=info " + b"a" * 50 + b"=b",
    ],
)
def test_what_may_be_something_else_is_left(message):
    assert level(message) is None
