"""Lines as columns: the same that a record says of each."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy
import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.columns.read_file import GroupColumns, open_columns
from logsrv.linelog.columns.rows import ColumnRows
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.query.question import Term
from logsrv.linelog.sql.arrow_columns import ArrowColumnMaker, TextRows
from logsrv.linelog.sql.columns import ALWAYS, NO_COLUMN, ColumnType
from logsrv.linelog.sql.plan import ReadingPlan, WantedRows
from logsrv.linelog.sql.rows import MisfitValue, StoreReading, TableRows
from logsrv.linelog.store.index import segment_index as index
from tests.parts.disks import at, packed_segment
from tests.parts.made_columns import make_columns
from tests.parts.stores import line, lines, make_store, view_of

LINES = [
    line("plain text"),
    line('{"status": 500, "ms": 1.5, "list": ["a", 1], "big": 123456789012345678901}', 1.5),
    line('1.2.3.4 - - [20/Nov/2026:06:00:02 +0000] "GET /x HTTP/1.1" 404 - "-" "a \\"b\\""', 2),
    line(b"bytes \xff that are \xe2 no UTF-8", source="web@tcp:[::1]:5"),
    b"no stamp at all\n",
    b"2026-13-41T06:00:00.000000Z tcp:1.2.3.4:5 status=none ms=3\n",
    b"\n",
]
FIELDS = {
    "status": ColumnType.INTEGER,
    "ms": ColumnType.NUMBER,
    "agent": ColumnType.TEXT,
    "list": ColumnType.TEXT,
    "big": ColumnType.INTEGER,
    "port": ColumnType.INTEGER,
    "position": ColumnType.TEXT,
}


def test_every_column_has_the_values_of_its_lines():
    text = b"".join(LINES)
    starts = [sum(map(len, LINES[:number])) for number in range(len(LINES))]
    cells = ArrowColumnMaker(FIELDS, frozenset((*ALWAYS, *FIELDS)))
    batch, bad_values = cells.make_batch(TextRows(7, text, starts))
    batch.validate(full=True)
    rows = batch.to_pylist()
    for row, start, stored in zip(rows, starts, LINES, strict=True):
        record = ParsedLine(stored[:-1])
        assert row["message"] == record.message
        assert row["source"] == record.source
        assert (row["name"], row["host"], row["level"]) == (record.name, record.host, record.level)
        assert json.loads(row["fields"]).keys() == record.fields.keys()
        assert (row["segment"], row["offset"], row["position"]) == (7, start, f"7:{start}")
        assert row["port"] == record.port
    assert [row["status"] for row in rows] == [None, 500, 404, None, None, None, None]
    assert rows[1]["time"].isoformat() == "2026-11-20T06:00:01.500000+00:00"
    assert rows[4]["time"] is rows[5]["time"] is None
    assert (rows[1]["ms"], rows[1]["list"], rows[2]["agent"]) == (1.5, '["a",1]', 'a "b"')
    assert bad_values == {"status": (1, True, False), "big": (1, False, True)}


@pytest.mark.parametrize(
    "names", [["message"], ["status"], ["time", "level"], ["offset"], ["ms", "host"]]
)
def test_columns_do_not_depend_on_which_others_there_are(names):
    text = b"".join(LINES)
    piece = TextRows(1, text, range(len(LINES)))
    every = ArrowColumnMaker(FIELDS, frozenset((*ALWAYS, *FIELDS))).make_batch(piece)[0]
    some = ArrowColumnMaker(FIELDS, frozenset(names)).make_batch(piece)[0]
    for name in names:
        assert some.column(name).equals(every.column(name))


@contextmanager
def row_group(directory: Path, text: bytes) -> Iterator[GroupColumns]:
    """The columns of these lines."""
    packed, disk = packed_segment(directory, text), at(directory)
    make_columns(packed, disk)
    fd = disk.open(packed.columns, os.O_RDONLY)
    with open_columns(fd, index.load_head(packed, disk)) as columns:
        yield columns.group(0)
    disk.close()


def piece_of(stored: list[bytes], rows: Sequence[int]) -> TextRows:
    starts = [len(b"".join(stored[:row])) for row in rows]
    return TextRows(7, b"".join(stored[row] for row in rows), starts)


VALUES = ["5", "-0", "2.5", "1e3", '"x"', '"7"', '"2s"', "[1.10, 2]", "true", "null", str(1 << 63)]
NUMBERS = ["1", "-7", str(2**53 + 1)], ["1.5", "2.0"], ["-0.0", "1.25"], ["0.10", "12.50"]
KINDS = st.sampled_from([*ColumnType])


@given(
    values=st.one_of(
        [st.lists(st.sampled_from(some), min_size=1, max_size=9) for some in (VALUES, *NUMBERS)]
    ),
    kinds=st.fixed_dictionaries({"n": KINDS, "port": KINDS}),
)
def test_a_row_group_has_the_columns_of_its_text(tmp_path_factory, values, kinds):
    """So have some of its rows, with the bad values of these only."""
    stored = [*LINES, *(line(f'{{"n": {value}}}', number) for number, value in enumerate(values))]
    fields = FIELDS | kinds
    names = frozenset((*ALWAYS, *fields)) - {"message", "fields", "position"}
    maker = ArrowColumnMaker(fields, names)
    with row_group(tmp_path_factory.mktemp("store"), b"".join(stored)) as group:
        for kept in slice(None), slice(3, None, 2):
            rows = range(len(stored))[kept]
            expected, bad_values = maker.make_batch(piece_of(stored, rows))
            found, also_bad = maker.make_batch(ColumnRows(7, group, numpy.array(rows)))
            found.validate(full=True)
            assert repr(found.to_pylist()) == repr(expected.to_pylist())
            assert also_bad == bad_values


def rows_of(tmp_path: Path, plan: ReadingPlan) -> TableRows:
    every = lines(["a=1 b=2", "a=x b=3", "nothing"])
    view = view_of(make_store(tmp_path / "logs", [every[:2], every[2:]]))
    return TableRows(StoreReading(view, processes=1), {"a": ColumnType.INTEGER}, plan)


def test_columns_that_nobody_needs_are_empty(tmp_path):
    rows = rows_of(tmp_path, ReadingPlan(frozenset(["message"]), WantedRows(Term("b"))))
    table = pyarrow.table(rows)
    assert table.column_names == [NO_COLUMN, *ALWAYS, "a"]
    assert table.column("message").to_pylist() == ["a=1 b=2", "a=x b=3"]
    assert table.column("a").null_count == table.column("time").null_count == 2


def test_rows_can_be_counted_without_any_column(tmp_path):
    assert pyarrow.table(rows_of(tmp_path, ReadingPlan(frozenset(), WantedRows()))).num_rows == 3


def test_each_reading_begins_at_the_first_row(tmp_path):
    rows = rows_of(tmp_path, ReadingPlan(frozenset(["offset"]), WantedRows()))
    assert pyarrow.table(rows).equals(pyarrow.table(rows))
    assert rows.lines == 6


def test_a_value_that_does_not_fit_ends_the_reading_unless_it_may_be_missing(tmp_path):
    rows = rows_of(tmp_path, ReadingPlan(frozenset(["a"]), WantedRows()))
    with pytest.raises(Exception, match="a"):
        pyarrow.table(rows)
    assert isinstance(rows.error, MisfitValue)
    rows.lenient = {("a", False)}
    assert pyarrow.table(rows).column("a").to_pylist() == [1, None, None]
    assert rows.missing == {"a": 1}
