"""Columns of a segment in a file give the fields that the records of its lines have."""

import gc
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given

from logsrv.linelog.columns import groups
from logsrv.linelog.columns.read_file import NumberColumn
from logsrv.linelog.fields.stamps import NO_TIME
from logsrv.linelog.store.index.kept_continuations import MOST_TEXT
from tests.parts.made_columns import columns_of, values_of
from tests.parts.mixed_lines import (
    BEHIND,
    LINES,
    LOGINS,
    OBJECTS,
    PAIRS,
    STAMP,
    WHOLE,
    fields_of_records,
    records_of,
)
from tests.parts.stores import small_frames

STAMPED = ("source", "name", "host", "port", "level")


def kept(directory: Path, *values: str, name: str = "a") -> tuple[list[Any], NumberColumn | None]:
    """Return the values of a field in lines of JSON, and its numbers if it is stored as such."""
    lines = [STAMP + b'{"%s":%s}' % (name.encode(), one.encode()) for one in values]
    with columns_of(directory, lines) as columns:
        numbers = columns.group(0).numbers(name)
        return values_of(columns, name), None if numbers is None else numbers


def test_records_go_on_from_a_frame_for_which_nothing_had_to_be_looked_for(tmp_path):
    """Together they are too long to be kept for the next frame: its reader looks for them in this one."""
    moment, sources = b"2026-11-20T06:00:00.000000Z ", [b"tcp:10.0.0.1:%d " % n for n in range(99)]
    heads = [moment + source + b"ERROR failed " + b"x" * (MOST_TEXT // 90) for source in sources]
    # Enough for a frame whose columns are made before the next one is read.
    before = [moment + b"udp:10.0.0.1:9 DEBUG " + b"x" * 1000] * 3200
    inside = [moment + source + b"\tat x.Y.z(Y.java:7)" for source in sources]
    frame = sum(len(line) + 1 for line in (*before, *heads))
    with small_frames(frame), columns_of(tmp_path, [*before, *heads, *inside]) as columns:
        levels = values_of(columns, "level")
    assert levels[-len(inside) :] == ["error"] * len(inside)


@given(lines=LINES.filter(bool))
def test_every_field_is_the_one_of_the_records(tmp_path_factory, lines):
    records = records_of(lines)
    known = fields_of_records(records)
    for name in STAMPED:
        said = [getattr(one, name) for one in records]
        known[name] = {row: str(value) for row, value in enumerate(said) if value is not None}
    with columns_of(tmp_path_factory.mktemp("store"), lines) as columns:
        assert sum(one.lines for one in columns.groups) == len(lines)
        for name, values in known.items():
            if columns.has(name):
                assert values_of(columns, name) == [values.get(row) for row in range(len(lines))]


def test_a_row_group_of_many_fields_has_fewer_lines(tmp_path, monkeypatch):
    """All lines have a number in each column, and a row group is written at once."""
    monkeypatch.setattr(groups, "GROUP_CELLS", 2000)
    lines = [STAMP + b'{"f%d":%d,"text":"%s"}' % (n % 40, n, 90_000 * b"x") for n in range(80)]
    with columns_of(tmp_path, lines) as columns:
        assert len(columns.groups) > 1 and sum(one.lines for one in columns.groups) == 80
        assert values_of(columns, "f3") == [
            "3" if n == 3 else "43" if n == 43 else None for n in range(80)
        ]


def test_what_was_read_for_columns_is_freed_before_anybody_looks_for_garbage(tmp_path):
    """The process looks rarely: all values of a segment were kept, and the third had no memory."""
    lines = [STAMP + one for one in [*OBJECTS, *PAIRS, *LOGINS, *BEHIND, *WHOLE]]
    try:
        for turn in ("imports", "lines"):
            (tmp_path / turn).mkdir()
            with columns_of(tmp_path / turn, lines):
                pass
            left = gc.collect()
            gc.disable()
        assert left == 0
    finally:
        gc.enable()


def test_a_line_has_its_offset_and_its_time(tmp_path):
    lines = [STAMP + b"one", b"no stamp", b"1969-12-31T23:59:59.999999Z tcp:h:1 two"]
    with columns_of(tmp_path, lines) as columns:
        group = columns.group(0)
        assert group.offsets().tolist() == [0, len(lines[0]) + 1, len(lines[0]) + 10]
        assert group.moments().tolist() == [1_795_155_522_123_456, NO_TIME, -1]
        assert columns.groups[0].smallest == columns.groups[0].largest == NO_TIME


@pytest.mark.parametrize(
    ("values", "numbers"),
    [
        (["1", "-2", "9223372036854775807"], [1, -2, 2**63 - 1]),
        (["9223372036854775807"] * 2, [2**63 - 1] * 2),
        (["-9223372036854775807", "-9223372036854775808"], [1 - 2**63, -(2**63)]),
        (["1", '"2"', "30"], [1, 2, 30]),
        (["1", "2.5", "0.001"], [1.0, 2.5, 0.001]),
        (["1.0", "2.5"], [1.0, 2.5]),
        (["1.50", "2.25", "-0.00"], [1.5, 2.25, -0.0]),
        (["0.1234567890123456", "1"], [0.1234567890123456, 1.0]),
        (["1", '"x"'], None),
        (['"01"', "2"], None),
        (["9223372036854775808", "1"], None),
        (["NaN", "1.5"], None),
        (["1e5", "1.5"], None),
        (["1.5", "1.50"], None),
        (['"-0"', "1"], None),
        (['""', "1"], None),
        (['" 1"', "2"], None),
        (['"+1"', "2"], None),
        (['"0x10"', "2"], None),
        (['"inf"', "2"], None),
    ],
)
def test_numbers_keep_their_texts(tmp_path, values, numbers):
    texts, found = kept(tmp_path, *values)
    assert texts == [one.strip('"') for one in values]
    assert (None if found is None else found.values.tolist()) == numbers


def test_the_numbers_of_lines_without_a_field_are_marked(tmp_path):
    lines = [STAMP + b'{"a":1}', STAMP + b"text", STAMP + b'{"a":3}']
    with columns_of(tmp_path, lines) as columns:
        found = columns.group(0).numbers("a")
        assert found is not None and found.missing is not None
        assert found.values[[0, 2]].tolist() == [1, 3]
        assert found.missing.tolist() == [False, True, False]
        assert columns.group(0).numbers("source") is columns.group(0).numbers("b") is None


def test_lists_are_lists_again(tmp_path):
    texts, _ = kept(tmp_path, "[1,2.50]", '"x"', '["a"]')
    assert texts == [["1", "2.50"], "x", ["a"]]


def test_a_field_with_lists_and_texts_that_look_like_them_is_left_out(tmp_path):
    lines = [STAMP + b'{"a":[1],"b":[1]}', STAMP + b'{"a":"[1]","b":"x"}']
    with columns_of(tmp_path, lines) as columns:
        assert not columns.has("a")
        assert columns.has("b")


def test_names_of_all_kinds(tmp_path):
    names = ["a.b", "a", "a b", "\u00e9", 'q\\"', "Status", "status", "fields", "Time", ""]
    lines = [STAMP + b"{%s}" % b",".join(b'"%s":"v"' % one.encode() for one in names)]
    with columns_of(tmp_path, lines) as columns:
        for name in names:
            if columns.has(name.replace('\\"', '"')):
                assert values_of(columns, name.replace('\\"', '"')) == ["v"], name


def test_nobody_has_a_field_that_no_line_has(tmp_path):
    with columns_of(tmp_path, [STAMP + b"a=1"]) as columns:
        assert columns.has("status")
        assert values_of(columns, "status") == [None]
        assert not columns.has("message")
        assert not columns.has("fields.a")
        assert not columns.has("syslog.app")


def test_row_groups_are_whole_frames(tmp_path, monkeypatch):
    monkeypatch.setattr(groups, "GROUP_LINES", 30_000)
    random = Random(59)
    lines = [
        STAMP + b"n=%d user=%d %s" % (one % 999, one % 7, random.randbytes(10).hex().encode())
        for one in range(60_000)
    ]
    with columns_of(tmp_path, lines) as columns:
        assert sum(one.lines for one in columns.groups) == len(lines)
        assert len(columns.groups) > 1
        assert columns.groups[0].stop == columns.groups[1].start
        assert columns.group(1).offsets()[0] == columns.groups[1].start
        assert values_of(columns, "n") == [str(one % 999) for one in range(len(lines))]
        assert values_of(columns, "user") == [str(one % 7) for one in range(len(lines))]


def test_fields_whose_values_are_nearly_all_different_are_left_out(tmp_path):
    lines = [STAMP + b"id=x%08dx%08d kind=%d" % (one, one, one % 3) for one in range(5000)]
    with columns_of(tmp_path, lines) as columns:
        assert columns.left_out == {"id", "text"} & columns.left_out
        assert not columns.has("id")
        assert columns.has("kind")
