"""GELF over streams: at every cut, JSON objects as they are and all else as text."""

import json

from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.framing.events.gelf import GelfFramer
from logsrv.linelog.framing.lines.long_work import run_to_result
from logsrv.linelog.framing.lines.rules import LineCounts, LineRules, Oversize
from tests.parts.examples import more
from tests.parts.records import lines_of

MESSAGES = st.sampled_from(
    [b'{"short_message":"x"}', b'{"a": 1,\n "b": "\xc3\xa9"}', b"text", b"two\nlines\n", b"", b"[1]",
     b'{"broken": ', b"\xff\xfe", b"{}\n", b' {"a":"' + b"y" * 50 + b'"} ', b"long " * 20]
)  # fmt: skip


def slowly(data: bytes, most: int) -> list[tuple[bool, bytes]]:
    found = []
    for message in data.split(b"\0"):
        try:
            structured = len(message) <= most and isinstance(json.loads(message.decode()), dict)
        except ValueError:
            structured = False
        if structured:
            text = json.dumps(json.loads(message), ensure_ascii=False, separators=(",", ":"))
            found.append((True, text.encode()))
        elif len(message) > most:
            found.append((False, message.replace(b"\n", rb"\x0a")))
        elif message.removesuffix(b"\n"):
            found.append((False, message.removesuffix(b"\n")))
    return found


@more(3)
@given(st.lists(MESSAGES, max_size=8), st.integers(1, 80), st.sampled_from([30, 1000]))
def test_as_the_contract_says_at_every_cut(messages, size, most):
    data = b"\0".join(messages)
    framer = GelfFramer(LineRules(), LineCounts(), most)
    given = [
        run_to_result(framer.receive(data[at : at + size])) for at in range(0, len(data), size)
    ]
    given.append(run_to_result(framer.finish()))
    expected = slowly(data, most)
    assert [line for one in given for line in lines_of(one) if line] == [
        line for _, line in expected
    ]
    assert sum(one.as_text for one in given) == sum(not structured for structured, _ in expected)


def test_no_more_is_held_than_a_record_may_have():
    counts, as_text = LineCounts(), 0
    framer = GelfFramer(LineRules(max_line=100), counts, 1000)
    for _ in range(100):
        as_text += run_to_result(framer.receive(b'{"a":"' + b"x" * 500)).as_text
        assert framer.unfinished_bytes <= 1000
    assert counts.oversize_lines == as_text == 1
    last = run_to_result(framer.receive(b"\0{}\0"))
    assert lines_of(last)[-1] == b"{}" and last.as_text == 0


def test_too_long_by_the_other_rules():
    counts = LineCounts()
    framer = GelfFramer(LineRules(max_line=5, oversize=Oversize.TRUNCATE), counts, 10)
    first, last = (
        run_to_result(framer.receive(b"x" * 9)),
        run_to_result(framer.receive(b"x" * 9 + b"\0{}\0")),
    )
    assert lines_of(first) == [] and lines_of(last) == [b"xxxxx", b"{}"]
    assert counts.dropped_truncated == 13
    framer = GelfFramer(LineRules(max_line=5, oversize=Oversize.CLOSE), counts, 10)
    run_to_result(framer.receive(b"x" * 18 + b"\0{}\0"))
    assert framer.closing == "a line is longer than 5 bytes"


def test_a_byte_order_mark_in_front_of_a_message_is_left_out():
    framer = GelfFramer(LineRules(), LineCounts(), 100)
    found = run_to_result(framer.receive(b'\xef\xbb\xbf{"a":1}\0{"b":2}\0\xef\xbb\xbftext\0'))
    assert lines_of(found) == [b'{"a":1}', b'{"b":2}', b"text"]
    assert found.as_text == 1
