"""Statuses of access logs are levels where it is plain that the line is one; others are left."""

import numpy
import pytest

from logsrv.linelog.fields.level import LEVELS
from logsrv.linelog.fields.levels.names import UNSURE
from logsrv.linelog.fields.levels.statuses import NO_ACCESS, levels_of_statuses

TIME = b"[20/Nov/2026:06:18:42 +0000]"


def level(message: bytes) -> str | int | None:
    raw = numpy.frombuffer(message + b"\n" + bytes(200), numpy.uint8)
    [number] = levels_of_statuses(raw, numpy.array([0]), numpy.array([len(message)])).tolist()
    return int(number) if number in (UNSURE, NO_ACCESS) else (None, *LEVELS)[number]


@pytest.mark.parametrize(
    ("message", "found"),
    [
        (b"::1 - - " + TIME + b' "GET / HTTP/1.1" 503 12 "-" "curl"', "error"),
        (b"::1 - bob " + TIME + b' "GET / HTTP/1.1" 404 -', "warning"),
        (b"::1 - - " + TIME + b' "" 200 5', None),
        (b"www:80 ::1 - - " + TIME + b' "GET / HTTP/1.1" 503 12', "error"),
        (b"* localhost - - " + TIME + b' "GET / HTTP/1.1" 404 12', "warning"),
        (b"[::1]:443 10.0.0.1 - bob " + TIME + b' "GET / HTTP/1.1" 404 12', UNSURE),
        (b"www:port ::1 - - " + TIME + b' "GET / HTTP/1.1" 503 12', NO_ACCESS),
        (b"10.0.0.1 - Bob Smith " + TIME + b' "GET / HTTP/1.1" 503 12', NO_ACCESS),
        (b"::1 - - " + TIME + b' "GET /\\"x HTTP/1.1" 503 12', UNSURE),
        (b"::1 - - " + TIME + b' "GET / HTTP/1.1" 503 12x', UNSURE),
        (b"::1 - - " + TIME + b' "GET / HTTP/1.1" 50', UNSURE),
        (b"::1 - - " + TIME + b' "GET /', UNSURE),
        (b"::1 - - [20/Nov/2026:06:18:42.123] x", UNSURE),
        (b"2026-11-20T06:18:42Z web nginx: x " + TIME + b' "GET /" 503 12', NO_ACCESS),
    ],
)
def test_an_access_logs_status_gives_the_level(message, found):
    assert level(message) == found
