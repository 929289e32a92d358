"""Counted frames, cut out all at once: as if gone through one by one."""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from logsrv.linelog.formats.syslog import counted
from logsrv.linelog.formats.syslog.counted import CountedFrames, cut_counted_frames

MESSAGES = st.sampled_from(
    [
        b"<13>x",
        b"<13>ends in 42",
        b"<1>with LF\n",
        b"<1>with CR LF\r\n",
        b"<1>with two LFs\n\n",
        b"<1>with CR\r",
        b"<1>LF and CR\n inside \r of it",
        b"<1>\r\n\r\n",
        b"<1>with NUL\0",
        b"<1>in 17 <13>it",
        b"<",
        b"<0>" + b"y" * 200,
        b"<5>5",
        b'{"n":12}',
        b'{"in":"17 {it"}\n',
        b'{"text":"' + b"z" * 40 + b'"}',
        b"2026-11-20 12:00 as text",
        b"",
        b"\n",
        b"\r\n",
        b"\0",
    ]
)
BETWEEN = st.sampled_from([b"", b"", b"", b"\n"])
PIECES = st.lists(st.tuples(MESSAGES, BETWEEN), max_size=40)
TAILS = st.sampled_from(
    [b"", b"5", b"12 ", b"12 <13>", b"0 <13>x", b"x", b"\n\n", b"9999999999 <", b"\0"]
)


def slowly(data: bytes, start: int, limit: int, raw: bool) -> CountedFrames | None:
    lines = b""
    stop, number, empty = start, 0, 0
    expression = rb"(0|[1-9]\d{0,8}) "
    while header := re.compile(expression).match(data, start):
        begin = header.end()
        end = begin + int(header[1])
        if end - begin > limit or end > len(data):
            break
        message = re.sub(rb"(\r?\n|\0)\Z", b"", data[begin:end]).replace(b"\n", rb"\x0a")
        if message:
            lines += (message if raw else message.replace(b"\r", rb"\x0d")) + b"\n"
        number, empty = number + 1, empty + (not message)
        stop, start = end, end + (data[end : end + 1] == b"\n")
        # Straight behind a frame, any count is one.
        expression = rb"(0|[1-9]\d{0,8}) " if start == stop else rb"([1-9]\d{0,8}) (?=<)"
    return CountedFrames(lines, stop, start, empty) if number else None


@contextmanager
def always_at_once() -> Iterator[None]:
    """Let what is for much data be done with little as well."""
    with patch.multiple(counted, _WORTH_IT=0, _MOST_BREAKS=1, _FEW=1):
        yield


@given(
    PIECES,
    TAILS,
    st.sampled_from([b"", b"<13>a line\n", b"7"]),
    st.sampled_from([10, 100, 1000]),
    st.booleans(),
)
@example([(b"<13>ends in 42", b"")] * 3, b"", b"", 1000, False)
def test_cutting_at_once_equals_one_by_one(pieces, tail, before, limit, raw):
    text = b"".join(b"%d %s%s" % (len(one), one, between) for one, between in pieces)
    data = before + text + tail
    for cut in {len(data), len(data) // 2, max(0, len(data) - 3)}:
        expected = slowly(data[:cut], len(before), limit, raw)
        assert cut_counted_frames(data[:cut], len(before), limit, raw) == expected
        with always_at_once():
            assert cut_counted_frames(data[:cut], len(before), limit, raw) == expected


@pytest.mark.parametrize(
    "message",
    [
        b"<13>Nov 20 06:23:18 host app[42]: something happened, number 17 of many",
        b'{"time":"2026-11-20T06:23:18Z","text":"something happened, number 17 of {many}"}',
    ],
)
def test_a_chunk_full_is_not_gone_through_one_by_one(message):
    frame = b"%d %s" % (len(message), message)
    calls: Counter[int] = Counter()

    def note(number: int) -> None:
        sys.setprofile(lambda *_: calls.update([number]))
        cut = cut_counted_frames(frame * number, 0, 65536, False)
        sys.setprofile(None)
        size = number * len(frame)
        assert cut == CountedFrames((message + b"\n") * number, size, size)

    for number in (1000, 4000):
        note(number)
    assert calls[1000] == calls[4000]
