"""Lines of one record become one line, wherever the bytes are cut."""

import json
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.fields.continuations.joiner import MOST_BYTES, Joiner
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.formats.syslog.parse import SyslogFramer
from logsrv.linelog.lines.framer import LineFramer
from logsrv.linelog.lines.joined import JoiningFramer
from logsrv.linelog.lines.rules import LineCounts, LineRules, Oversize
from tests.parts.stack_traces import GO, JAVA, OTHERS, PYTHON, stamped

TEXTS = st.sampled_from(
    [line.removeprefix(">") for line in (JAVA + PYTHON + GO + OTHERS).split("\n")]
)
HEADS = st.sampled_from(["", "", "", "<11>1 2026-11-26T08:00:00Z web shop 7 - - "])
LINES = st.lists(st.tuples(HEADS, TEXTS).map("".join), max_size=40)
OUT, ERR = (f"2026-11-26T08:00:00.123456Z {stream}" for stream in ("stdout", "stderr"))
TRACE = b"ERROR no\njava.lang.IllegalStateException: x\n\tat f\n"


def framer_of(
    rules: LineRules | None = None, counts: LineCounts | None = None, *, syslog: bool = False
) -> JoiningFramer:
    rules, counts = rules or LineRules(), counts or LineCounts()
    return JoiningFramer((SyslogFramer if syslog else LineFramer)(rules, counts), rules, counts)


def stored(framer: JoiningFramer, chunks: list[bytes]) -> bytes:
    found = []
    for chunk in chunks:
        found.append(framer.receive(chunk))
        while framer.more:
            found.append(framer.receive(b""))
    return b"".join(bytes(block) for block in [*found, framer.finish()] if block)


@pytest.mark.parametrize("sample", [JAVA, PYTHON, GO, OTHERS])
@pytest.mark.parametrize("syslog", [False, True])
def test_a_stack_trace_is_one_line(sample, syslog):
    head = "<13>1 2026-11-26T08:00:00Z web shop 7 - - " if syslog else ""
    lines = sample.split("\n")
    data = "".join(f"{head}{line.removeprefix('>')}\n" for line in lines).encode()
    found = stored(framer_of(syslog=syslog), [data])
    assert found.replace(rb"\x0a", b"\n") == data
    assert found.count(b"\n") == sum(line.startswith(">") for line in lines)


@given(LINES)
def test_the_records_are_those_that_a_reader_finds(lines):
    """Of one program; a line of another one in between ends a record."""
    joiner = Joiner()
    records = [ParsedLine(stamped(line)) for line in lines]
    begins = [(joiner.first_line(record), record)[0] for record in records]
    wanted = [
        rb"\x0a".join(record.body for _, record in group) + b"\n"
        for _, group in groupby(zip(begins, records, strict=True), key=lambda pair: id(pair[0]))
    ]
    found = stored(framer_of(), ["".join(f"{line}\n" for line in lines).encode()])
    if all(line.startswith("<") == lines[0].startswith("<") for line in lines):
        assert found == b"".join(wanted)
    else:
        # Less is known of a program whose record was interrupted, so other lines may be joined.
        assert found.replace(rb"\x0a", b"\n") == b"".join(wanted).replace(rb"\x0a", b"\n")


@given(LINES, st.sampled_from(Oversize), st.integers(5, 200))
def test_each_byte_is_stored_or_counted(lines, oversize, longest):
    data = "".join(f"{line}\n" for line in lines).encode()
    counts = LineCounts()
    found = stored(framer_of(LineRules(max_line=longest, oversize=oversize), counts), [data])
    kept = len(found.replace(rb"\x0a", b"").replace(b"\n", b""))
    assert kept + counts.dropped_truncated + counts.dropped_closed == len(data) - data.count(b"\n")
    assert max(map(len, found.replace(rb"\x0a", b"\n").split(b"\n"))) <= longest


@pytest.mark.parametrize(
    ("oversize", "wanted", "counted"),
    [
        (Oversize.SPLIT, b"12345\n\t78\\x0a\tx\nx\n", (1, 0, 0)),
        (Oversize.TRUNCATE, b"12345\nx\n", (1, 5, 0)),
        (Oversize.CLOSE, b"12345\n", (1, 0, 6)),
    ],
)
def test_a_record_longer_than_max_line(oversize, wanted, counted):
    counts = LineCounts()
    framer = framer_of(LineRules(max_line=6, oversize=oversize), counts)
    assert stored(framer, [b"12345\n\t78\n\tx\nx\n"]) == wanted
    assert counted == (counts.oversize_lines, counts.dropped_truncated, counts.dropped_closed)
    assert bool(framer.closing) == (oversize is Oversize.CLOSE)


def test_the_last_record_is_kept_until_another_one_begins_or_it_is_ended():
    framer = framer_of()
    assert framer.receive(TRACE) is None
    assert framer.waits
    assert bytes(framer.receive(b"next\n") or b"") == TRACE[:-1].replace(b"\n", rb"\x0a") + b"\n"
    assert bytes(framer.receive_silence() or b"") == b"next\n"
    assert framer.receive_silence() is None
    assert not framer.waits
    assert stored(framer, [b"\tlate\n"]) == b"\tlate\n"


def test_an_object_of_json_is_stored_at_once_and_never_joined():
    framer = framer_of()
    lines = [json.dumps({"log": text}).encode() + b"\n" for text in ("ERROR no", "\tat f")]
    assert bytes(framer.receive(b"plain\n" + lines[0]) or b"") == b"plain\n" + lines[0]
    assert not framer.waits
    assert stored(framer, [lines[1], b"\tat g\n"]) == lines[1] + b"\tat g\n"


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        ([f"{OUT} P part one ", f"{OUT} F rest"], [f"{OUT} F part one rest"]),
        ([f"{OUT} P a", f"{OUT} P b"], [f"{OUT} P ab"]),
        ([f"{OUT} P a", f"{ERR} F b", f"{OUT} F c"], [f"{OUT} P a", f"{ERR} F b", f"{OUT} F c"]),
        (
            [f"{OUT} P ERROR ", f"{OUT} F {{", f"{OUT} F \tat a"],
            [f"{OUT} F ERROR {{\\x0a{OUT} F \tat a"],
        ),
        (
            [f'{OUT} P {{"a', f'{OUT} F ":1}}', f"{OUT} F \tat a"],
            [f'{OUT} F {{"a":1}}', f"{OUT} F \tat a"],
        ),
        (
            [f"{OUT} P a", f'{ERR} F {{"a":1}}', f"{ERR} F \tb"],
            [f"{OUT} P a", f'{ERR} F {{"a":1}}', f"{ERR} F \tb"],
        ),
        (
            [f"{OUT} F a", f"{OUT} P \tb", f"{OUT} F c", "\td"],
            [f"{OUT} F a\\x0a{OUT} F \tbc\\x0a\td"],
        ),
        (
            [f"{OUT} P {'x' * 300}"] * 4 + [f"{OUT} F y"],
            [f"{OUT} P {'x' * 600}"] * 2 + [f"{OUT} F y"],
        ),
        ([f"{OUT} P ", f"{OUT} F"], [f"{OUT} F "]),
    ],
)
def test_the_parts_of_a_container_s_line_are_joined_without_a_mark(lines, wanted):
    data = "".join(f"{line}\n" for line in lines).encode()
    found = stored(framer_of(LineRules(max_line=700)), [data])
    assert found.decode().splitlines() == wanted
    assert stored(framer_of(LineRules(max_line=700)), [bytes([one]) for one in data]) == found


def test_no_line_goes_on_with_a_truncated_one():
    rules = LineRules(max_line=100, oversize=Oversize.TRUNCATE)
    lines = [f"{OUT} P {'x' * 40}"] * 4 + [f"{OUT} F y", f"{OUT} F z"]
    found = stored(framer_of(rules), ["".join(f"{line}\n" for line in lines).encode()])
    assert found.decode().splitlines() == [f"{OUT} F {'x' * 40}", f"{OUT} F z"]


def test_a_line_that_begins_like_a_stored_one_is_read_from_its_beginning():
    """Some programs write such times; read as a stamp, the level would be its source."""
    head = b"2026-11-26T08:00:00.123456Z ERROR no\n"
    data = head + b"Traceback (most recent call last):\n"
    assert stored(framer_of(), [data]) == data[:-1].replace(b"\n", rb"\x0a") + b"\n"


def test_a_kept_record_is_never_longer_than_a_line():
    framer = framer_of(LineRules(max_line=1000))
    for number in range(300):
        framer.receive(b"app%d %b\n" % (number, b"x" * 900) + b"\tmore\n" * 20)
        assert len(kept := framer.receive_silence() or b"") <= 1000, kept


@pytest.mark.parametrize("size", [5000, 40_000])
def test_a_joined_record_has_a_limit_of_its_own_far_below_that_of_a_line(size):
    """A line may be longer, and alone it stays whole."""
    line = b"\t" + b"x" * size + b"\n"
    trace = TRACE + line * (3 * MOST_BYTES // len(line))
    longest = b"\t" + b"y" * 2 * MOST_BYTES + b"\n"
    found = stored(framer_of(LineRules(max_line=8 << 20)), [trace, longest]).split(b"\n")
    *records, last, _ = [record.replace(rb"\x0a", b"\n") + b"\n" for record in found]
    assert b"".join(records) == trace and last == longest
    assert len(records) >= 4 and max(map(len, records)) <= MOST_BYTES + 1


def test_many_lines_are_joined_in_pieces():
    framer = framer_of()
    assert framer.receive(b"x\n" * 10_000) is not None
    assert framer.more
    assert stored(framer, [b""]).count(b"\n") > 9000
