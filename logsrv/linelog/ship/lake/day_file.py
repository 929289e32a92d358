"""The Parquet file of a segment and a day, and the note in its footer."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from typing import IO, Any, NamedTuple

import pyarrow
import pyarrow.parquet

from logsrv.linelog.fields.byte_places import Array
from logsrv.linelog.ship.lake.rows import SCHEMA, rows_of_lines
from logsrv.linelog.store.archive.objects import Archive

FORMAT = 1
"""The version of the schema: a file with another one has other columns, or other values in them."""
LEAST_LINES, MOST_TEXT = 100_000, 32 << 20
"""A group of rows has so many lines, or so many bytes of text, whichever comes first."""
LONGEST_FOOTER = 1 << 20
"""Bytes that are read of a file for its footer: enough for a thousand groups of rows."""
_KEY = "logsrv"
_CODED = [one.name for one in SCHEMA if pyarrow.types.is_dictionary(one.type)]
_OPTIONS: Mapping[str, Any] = {
    "compression": "zstd",
    "compression_level": 3,
    # Arrow's own description of the schema would name the codes, which other readers do not know.
    "store_schema": False,
    "write_page_checksum": True,
    "use_dictionary": [
        "segment",
        "port",
        *_CODED,
        "fields.key_value.key",
        "fields.key_value.value",
    ],
    "column_encoding": dict.fromkeys(("time", "position"), "DELTA_BINARY_PACKED"),
}


class LakeNote(NamedTuple):
    """The origin of a file, in its footer.

    segment: the short name of the segment. text: the SHA-256 of its compressed text. others: in the first
    file, the sizes of the other files by day. format, made_by: the versions of the schema and of the
    writer; the same ones make the same bytes.
    """

    store: str
    segment: str
    day: str
    text: str
    others: Mapping[str, int] = {}
    format: int = FORMAT
    made_by: str = f"pyarrow {pyarrow.__version__}"


def write_day_file(
    file: IO[bytes], number: int, note: LakeNote, pieces: Iterator[tuple[bytes, Array]]
) -> None:
    """Write the file of a day. number: of the segment. pieces: the lines, with their positions.

    Raises OSError, and whatever `pieces` raises.
    """
    with pyarrow.parquet.ParquetWriter(file, SCHEMA, **_OPTIONS) as writer:
        for rows in _groups_of_rows(number, pieces):
            writer.write_table(rows, row_group_size=rows.num_rows)
        writer.add_key_value_metadata({_KEY: json.dumps(note._asdict())})
    # A bucket gets the whole file from memory.
    pyarrow.default_memory_pool().release_unused()


def _groups_of_rows(number: int, pieces: Iterator[tuple[bytes, Array]]) -> Iterator[pyarrow.Table]:
    batches: list[pyarrow.RecordBatch] = []
    lines = size = 0
    for text, positions in pieces:
        batches.append(rows_of_lines(number, text, positions))
        lines, size = lines + len(positions), size + len(text)
        if lines >= LEAST_LINES or size >= MOST_TEXT:
            yield pyarrow.Table.from_batches(batches)
            batches, lines, size = [], 0, 0
    if batches:
        yield pyarrow.Table.from_batches(batches)


def read_note(archive: Archive, name: str, size: int) -> LakeNote | None:
    """Return the note in a file of so many bytes; None if it has none, or is damaged at its end.

    Raises ArchiveError.
    """
    tail = archive.read(name, max(0, size - LONGEST_FOOTER))
    try:
        footer = pyarrow.parquet.read_metadata(io.BytesIO(tail))
        return LakeNote(**json.loads(footer.metadata[_KEY.encode()]))
    except Exception:
        # A stranger's file can be anything.
        return None
