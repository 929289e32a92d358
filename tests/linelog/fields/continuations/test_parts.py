"""Lines that container runtimes have cut, as one line again; and which lines belong to one."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.fields.continuations.joiner import MOST_BYTES, Joiner
from logsrv.linelog.fields.continuations.parts import is_cut, join_parts
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.lines.clean import escaped

STAMP = "2026-11-26T08:00:00.000000Z file:/var/log/pods/a/0.log "
TIME = "2026-11-26T08:00:00.123456789Z"
OUT, ERR = f"{TIME} stdout", f"{TIME} stderr"
HEADER = "<13>1 2026-11-26T08:00:00Z web shop 7 - - "


def docker(log: str, stream: str = "stdout", more: str = "") -> str:
    return f'{{"log":"{log}","stream":"{stream}"{more},"time":"{TIME}"}}'


# Lines as they come, and their records: the lines of each.
RECORDS = {
    "two parts": (
        [f"{OUT} P part one ", f"{OUT} F rest", f"{OUT} F next"],
        [[f"{OUT} F part one rest"], [f"{OUT} F next"]],
    ),
    "parts of two streams": (
        [f"{OUT} P a", f"{ERR} F x", f"{ERR} P b", f"{OUT} F c", f"{ERR} F d"],
        [[f"{OUT} F ac"], [f"{ERR} F x"], [f"{ERR} F bd"]],
    ),
    "an object in parts": (
        [f'{OUT} P {{"a":1,"mess', f'{OUT} P age":', f'{OUT} F "x"}}'],
        [[f'{OUT} F {{"a":1,"message":"x"}}']],
    ),
    "a part that never ends": ([f"{OUT} P a", f"{OUT} P b"], [[f"{OUT} P ab"]]),
    "an end without a beginning": ([f"{OUT} F a", f"{OUT} F b"], [[f"{OUT} F a"], [f"{OUT} F b"]]),
    "a trace behind parts": (
        [f"{OUT} P ERROR fai", f"{OUT} F led", f"{OUT} F java.lang.Error: x", f"{OUT} F \tat a.B"],
        [[f"{OUT} F ERROR failed", f"{OUT} F java.lang.Error: x", f"{OUT} F \tat a.B"]],
    ),
    "parts within a trace": (
        [f"{OUT} F a", f"{OUT} P \tat a.", f"{OUT} F B.c", f"{OUT} F \tat d", f"{OUT} F e"],
        [[f"{OUT} F a", f"{OUT} F \tat a.B.c", f"{OUT} F \tat d"], [f"{OUT} F e"]],
    ),
    "an exception in parts": (
        [
            f"{ERR} F Traceback (most recent call last):",
            f"{ERR} P ValueError: no ",
            f"{ERR} F Other: no",
            f"{ERR} F INFO end",
        ],
        [
            [f"{ERR} F Traceback (most recent call last):", f"{ERR} F ValueError: no Other: no"],
            [f"{ERR} F INFO end"],
        ],
    ),
    "a rest that looks like the beginning of a record": (
        [f"{OUT} P a", f"{OUT} F panic: b", f"{OUT} F goroutine 1 [running]:"],
        [[f"{OUT} F apanic: b"], [f"{OUT} F goroutine 1 [running]:"]],
    ),
    "parts with names of programs": (
        [f"{OUT} P level=info app=a msg=", f"{OUT} F x app=b pid=3", f"{OUT} F app=c"],
        [[f"{OUT} F level=info app=a msg=x app=b pid=3"], [f"{OUT} F app=c"]],
    ),
    "empty parts": (
        [f"{OUT} P ", f"{OUT} P", f"{OUT} F a", f"{OUT} P b", f"{OUT} F"],
        [[f"{OUT} F a"], [f"{OUT} F b"]],
    ),
    "spaces stay": ([f"{OUT} P a  ", f"{OUT} F   b "], [[f"{OUT} F a    b "]]),
    "a further tag": ([f"{OUT} P:X a", f"{OUT} F:X b"], [[f"{OUT} F:X ab"]]),
    "colours": (
        [f"{OUT} P \\x1b[31mred", f"{OUT} F \\x1b[0m end"],
        [[f"{OUT} F \\x1b[31mred\\x1b[0m end"]],
    ),
    "a character in two parts": (
        [f"{OUT} P a\\xe2\\x82", f"{OUT} F \\xac b", f"{OUT} P \\xd0", f"{OUT} F \\xb0"],
        [[f"{OUT} F a€ b"], [f"{OUT} F а"]],
    ),
    "bytes that are no character": (
        [f"{OUT} P a\\xe2", f"{OUT} F \\xac b", f"{OUT} P \\xc2", f"{OUT} F \\x85"],
        [[f"{OUT} F a\\xe2\\xac b"], [f"{OUT} F \\xc2\\x85"]],
    ),
    "a text that only looks like a part": (
        [f"at {OUT} P a", f"{OUT} X b", f"{OUT} P", "c"],
        [[f"at {OUT} P a"], [f"{OUT} X b"], [f"{OUT} P"], ["c"]],
    ),
    "programs behind one relay": (
        [
            f"{HEADER}{OUT} P a",
            f"{HEADER.replace('shop', 'db')}{OUT} F x",
            f"{HEADER}{OUT} F b",
            f"{HEADER}{OUT} F \tat c",
        ],
        [
            [f"{HEADER}{OUT} F ab", f"{HEADER}{OUT} F \tat c"],
            [f"{HEADER.replace('shop', 'db')}{OUT} F x"],
        ],
    ),
    "objects of Docker": (
        [
            docker('{\\"a\\":'),
            docker("no", "stderr"),
            docker('1}\\n', more=',"attrs":{"tag":"x"}'),
            docker("\\\\n", "stderr"),
            docker("\\n", "stderr"),
            docker("next\\n"),
        ],
        [[docker('{\\"a\\":1}\\n')], [docker("no\\\\n\\n", "stderr")], [docker("next\\n")]],
    ),
    "other objects": (
        ['{"log":"a","stream":"stdout"}', f'{{"log":"b","time":"{TIME}"}}', '{"log":"c'],
        [['{"log":"a","stream":"stdout"}'], [f'{{"log":"b","time":"{TIME}"}}'], ['{"log":"c']],
    ),
}  # fmt: skip


def records_of(lines: list[str], stamp: str = STAMP) -> list[list[str]]:
    """Return the lines of each record, with their parts joined."""
    joiner = Joiner()
    found: dict[int, list[ParsedLine]] = {}
    firsts = []
    for line in lines:
        record = ParsedLine(f"{stamp}{line}".encode())
        firsts.append(joiner.first_line(record))
        found.setdefault(id(firsts[-1]), []).append(record)
    wholes = [[line.line for line in join_parts(one)] for one in found.values()]
    return [[line.decode().removeprefix(stamp) for line in one] for one in wholes]


@pytest.mark.parametrize(("lines", "records"), RECORDS.values(), ids=RECORDS)
def test_the_parts_of_a_line_are_one_line_of_its_record(lines, records):
    assert records_of(lines) == records


def test_a_whole_line_has_the_fields_and_the_level_of_all_parts():
    parts = [f'{OUT} P {{"level":"err', f'{OUT} F or","message":"x"}}']
    ((line,),) = records_of(parts)
    whole = ParsedLine((STAMP + line).encode())
    assert (whole.level, whole.kind, whole.fields["message"]) == ("error", "json", "x")
    assert not is_cut(whole)


def test_a_part_is_shown_alone_if_the_next_one_comes_late_or_from_elsewhere():
    joiner = Joiner()
    sent = [(0, "a", "P"), (0, "b", "F"), (11, "a", "F"), (12, "a", "P"), (13, "a", "F")]
    lines = [
        f"2026-11-26T08:00:{second:02}.000000Z tcp:{source}:1 {OUT} {letter} x".encode()
        for second, source, letter in sent
    ]
    records = [ParsedLine(line) for line in lines]
    begins = [joiner.first_line(record) is record for record in records]
    assert begins == [True, True, True, True, False]


def test_a_line_of_ten_megabytes_is_some_bounded_records():
    parts = [f"{OUT} P {'x' * 16_384}"] * 640
    records = records_of([*parts, f"{OUT} F end", f"{OUT} F other"])
    assert 30 < len(records) < 60 and records[-1] == [f"{OUT} F other"]
    assert max(len(line) for lines in records for line in lines) <= MOST_BYTES
    assert sum(line.count("x") for lines in records for line in lines) == 640 * 16_384


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=40)


@given(TEXTS, st.lists(st.integers(0, 160), max_size=6), st.booleans())
def test_any_cuts_of_a_text_give_the_text(text, cuts, is_raw):
    """Runtimes cut in the middle of a character, whose bytes are stored as codes, or with --raw."""
    data = text.replace("\\", "/").encode()
    ends = [0, *sorted(min(cut, len(data)) for cut in set(cuts)), len(data)]
    pieces = [data[start:end] for start, end in pairwise(ends)]
    if any(0 < len(piece) < 4 and piece[0] & 0xC0 == 0x80 for piece in pieces[:-1]):
        # No runtime cuts a character twice.
        return
    lines = [
        f"{OUT} {'F' if number == len(pieces) else 'P'} ".encode() + piece
        for number, piece in enumerate(pieces, 1)
    ]
    stored = lines if is_raw else [escaped(line + b"\n")[:-1] for line in lines]
    (whole,) = join_parts([ParsedLine(STAMP.encode() + line) for line in stored])
    assert whole.line == (f"{STAMP}{OUT} F ".encode() + data)


@given(st.lists(st.binary(max_size=60)))
def test_parts_of_any_bytes_are_joined(lines):
    records = [ParsedLine(f"{STAMP}{OUT} P ".encode() + line) for line in lines]
    assert len(join_parts(records)) == min(1, len(lines))
