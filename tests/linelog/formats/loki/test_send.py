"""Pushes to Loki: our own input reads the same lines, times and levels out of them."""

import json
from typing import Any

import pytest
from hypothesis import given

from logsrv.linelog.fields.outgoing import OutgoingLines
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.formats.loki import parse as loki
from logsrv.linelog.formats.loki.send import OTHERS, LokiEncoder, count_refused_by_time
from logsrv.linelog.lines.bodies import JSON, BodyRules
from tests.parts.records import lines_of, taken_by
from tests.parts.sample_lines import LINES, TIME, line

WRONG_TIME = (
    "entry with timestamp 2026-11-20 06:18:42 +0000 UTC ignored, reason: 'entry too far behind,"
)

TOO_OLD = (
    "entry for stream '{}' has timestamp too old: 2026-11-20T06:18:41Z, oldest acceptable timestamp"
    " is: 2026-11-20T06:18:42.5Z"
)


def streams(lines: list[bytes], encoder: LokiEncoder | None = None) -> Any:
    return json.loads((encoder or LokiEncoder()).encode_push(OutgoingLines(lines)))["streams"]


@given(LINES)
def test_our_own_input_reads_the_same(lines):
    body = LokiEncoder().encode_push(OutgoingLines(lines))
    taken = taken_by(loki.add_loki_entries, body, BodyRules(JSON, "/loki/api/v1/push", 1 << 20))
    assert taken.reply.status == 204
    came = [ParsedLine(record) for record in lines_of(taken.records)]
    wanted = [ParsedLine(one) for one in lines]
    assert sorted(map(told, came)) == sorted(
        (
            record.message,
            str(record.time)[:-1],
            record.level or "",
            record.host or "",
            record.name or "",
        )
        for record in wanted
    )


def told(record: ParsedLine) -> tuple[str, ...]:
    """What a line was, of a record of the input; the last three digits tell equal lines apart."""
    found = json.loads(record.line)
    return (
        found["message"], found["time"][:-4], record.level or "", found.get("host", ""),
        found.get("listener", ""),
    )  # fmt: skip


def test_labels_are_few():
    """Neither the port nor anything else of which there is no end."""
    lines = [
        line(b'{"level":"error","id":%d}' % port, f"web@tcp:10.0.0.1:{port}") for port in range(9)
    ]
    [stream] = streams(lines)
    assert stream["stream"] == {
        "job": "logsrv", "listener": "web", "host": "10.0.0.1", "level": "error",
    }  # fmt: skip
    assert len(stream["values"]) == 9


def test_hosts_beyond_a_number_are_one():
    """Also in later pushes, and those that have a label keep it."""
    encoder = LokiEncoder(most_hosts=2)
    lines = [line(b"x", f"tcp:10.0.0.{number}:1") for number in range(4)]
    hosts = [stream["stream"]["host"] for stream in streams(lines, encoder)]
    assert hosts == ["10.0.0.0", "10.0.0.1", OTHERS, OTHERS]
    [again] = streams(lines[1:2], encoder)
    assert again["stream"]["host"] == "10.0.0.1"


def test_equal_lines_of_a_moment_are_all_kept():
    """Loki drops what is the same in time, labels and text; sent again, each has its own time again."""
    lines = [line(b"x"), line(b"x"), line(b"y"), line(b"x")]
    [stream] = streams(lines)
    times = [int(time) % 1000 for time, _ in stream["values"]]
    assert times == [0, 1, 0, 2]
    assert streams(lines) == [stream]


@pytest.mark.parametrize(
    ("said", "number"),
    [
        (f"{WRONG_TIME} …'\nuser 'fake', total ignored: 2 out of 3 for stream: {{}}", 2),
        (TOO_OLD, 2),
        ("entry has timestamp too new", 1),
        ("error parsing labels: timestamp", 0),
        ("total ignored: 2 out of 3", 0),
    ],
)  # fmt: skip
def test_a_refusal_for_its_time_says_how_many(said, number):
    times = (TIME, TIME, "2026-11-20T06:18:43.000000Z")
    lines = OutgoingLines([line(b"x", time=time) for time in times])
    assert count_refused_by_time(said, lines) == number
