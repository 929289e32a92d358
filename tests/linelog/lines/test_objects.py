"""Messages that are to be JSON objects: stored as they are, and all else as text."""

from collections.abc import Sequence

import pytest

from logsrv.linelog.lines.bodies import Records
from logsrv.linelog.lines.objects import add_objects_or_text
from logsrv.linelog.lines.records import RecordRun, frame_records
from logsrv.linelog.lines.rules import LineCounts, LineRules
from tests.parts.records import runs_of


def added(messages: Sequence[bytes], most: int) -> Records:
    records = Records()
    add_objects_or_text(messages, most, records)
    return records


def test_the_text_of_json_stays():
    """Digits, order, keys that are there twice."""
    message = b'{"b":123456789012345678901.10,"a":1,"a":2}'
    assert runs_of(added([message], 100)) == [RecordRun([message], True)]


@pytest.mark.parametrize(
    "message", [b"{" * 5000, b'{"a":' * 5000, b'{"a":NaN}', b'{"a":"\xff"}', b"{} {}", b"null"]
)
def test_a_message_that_is_no_object_is_text(message):
    found = added([message], 1 << 20)
    assert found.as_text == 1
    assert runs_of(found) == [RecordRun([message], False)]


def test_kinds_that_alternate_stay_in_order():
    found = added([b"{}", b'{"a":1}', b"x", b"", b"{}"], 100)
    assert runs_of(found) == [
        RecordRun([b"{}", b'{"a":1}'], True),
        RecordRun([b"x", b""], False),
        RecordRun([b"{}"], True),
    ]
    assert found.as_text == 1


def test_an_object_that_would_become_too_long_is_text():
    """One with characters that are escaped in a line grows."""
    message = '{"a":"\x85\x85\x85"}'.encode()
    assert runs_of(added([message], len(message))) == [RecordRun([message], False)]


def test_objects_with_control_characters_become_lines_without_escapes():
    """What comes out is what the connection stores: no line of JSON needs an escape."""
    (run,) = runs_of(added(['{"a":"\x9b\u2028",\n"b":"\x7f"}'.encode()], 100))
    block, _ = frame_records(run.lines, LineRules(), LineCounts())
    assert block is not None
    assert bytes(block) == rb'{"a":"\u009b\u2028","b":"\u007f"}' + b"\n"


@pytest.mark.parametrize("number", [b"1E400", b"-1e400", b"1e-400", b"0.1000", b"1" * 5000])
def test_numbers_in_messages_keep_their_digits(number):
    message = b'{"short_message":"x","_n":%b}' % number
    assert runs_of(added([message, b"{}"], 10_000)) == [RecordRun([message, b"{}"], True)]
