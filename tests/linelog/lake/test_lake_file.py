"""The file of a day: the same bytes each time, and a note about its lines."""

import io
from pathlib import Path

import pyarrow.parquet
import pytest

from logsrv.linelog.lake import lake_file as module
from logsrv.linelog.lake.lake_file import LakeNote, read_note, write_day_file
from logsrv.linelog.lake.lake_segment import open_segment_days
from tests.parts.archived_stores import STORE, packed
from tests.parts.disks import at
from tests.parts.lakes import lake_in, store_of
from tests.parts.stores import line

NOTE = LakeNote(STORE, "0000000001-20261120T060000Z", "2026-11-20", "ab")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    store_of(tmp_path / "store", [line(f"line {number}", number) for number in range(50)])
    return tmp_path / "store"


def written(store: Path, note: LakeNote = NOTE) -> bytes:
    [segment] = packed(store)
    file = io.BytesIO()
    with open_segment_days(segment, at(store)) as days:
        write_day_file(file, 1, note, days.lines_of("2026-11-20"))
    return file.getvalue()


def noted(directory: Path, data: bytes) -> LakeNote | None:
    lake = lake_in(directory)
    lake.remove("x")
    lake.create("x", [data])
    return read_note(lake, "x", len(data))


def test_its_bytes_are_the_same_each_time(store):
    assert written(store) == written(store)


def test_engines_see_plain_texts(store):
    """Codes are ours: a reader would have to know them in all files."""
    schema = pyarrow.parquet.read_schema(io.BytesIO(written(store)))
    assert [str(schema.field(name).type) for name in ("time", "source", "fields")] == [
        "timestamp[us, tz=UTC]",
        "string",
        "map<string, string ('fields')>",
    ]
    assert not schema.field("position").nullable and schema.field("level").nullable


def test_a_group_of_rows_ends_when_it_has_enough_text(store, monkeypatch):
    monkeypatch.setattr(module, "MOST_TEXT", 1)
    footer = pyarrow.parquet.read_metadata(io.BytesIO(written(store)))
    assert footer.num_row_groups == 1 and footer.num_rows == 50
    times = footer.row_group(0).column(0)
    assert times.statistics.has_min_max and times.compression == "ZSTD"


def test_the_note_is_read_back(store, tmp_path):
    note = NOTE._replace(others={"2026-11-21": 7})
    data = written(store, note)
    assert noted(tmp_path / "lake", data) == note


def test_what_is_damaged_at_its_end_or_a_strangers_has_no_note(store, tmp_path):
    data = written(store)
    strange = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"a": [1]}), strange)
    for one in (data[:-1], data[:100], b"", b"PAR1", strange.getvalue(), bytes(len(data))):
        assert noted(tmp_path / "lake", one) is None
