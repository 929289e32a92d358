"""The table `logs` as a stream of record batches: one for each frame of the store, made by all cores.

DuckDB asks for a batch when it has finished the last one, so only a few are in memory. Columns that are not
needed are included as NULL, because DuckDB refers to columns by their index.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow

from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.question import EVERYTHING, Question
from logsrv.linelog.read.answers.sources import (
    ColumnAnswers,
    IndexAnswers,
    TextAnswers,
)
from logsrv.linelog.read.hits import Hit, text_of_hits
from logsrv.linelog.read.plan import ReadTask, Scope, SearchStats
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.texts import SegmentFrames
from logsrv.linelog.read.view import View
from logsrv.linelog.sql.arrow_columns import ArrowColumnMaker, BadValues, TextRows
from logsrv.linelog.sql.columns import NO_COLUMN, ColumnType, arrow_schema
from logsrv.linelog.sql.plan import ReadingPlan
from logsrv.linelog.store.segment import Position

if TYPE_CHECKING:
    from logsrv.linelog.columns.rows import ColumnRows

# Rows in a batch without columns.
_ROWS = 100_000


class StoreReading(NamedTuple):
    """A store to read, and how to read it.

    question: the lines that are rows, and extracted fields, which are columns. with_index: whether to use
    word indexes. processes: the greatest number of them; 0 for one per core.
    """

    view: View
    question: Question = Question()
    with_index: bool = True
    processes: int = 0


class MisfitValue(Exception):
    """Values do not fit the column of their field. has_text, has_number: see `BadValues`."""

    def __init__(self, field: str, *, has_text: bool, has_number: bool) -> None:
        super().__init__(field)
        self.field = field
        self.has_text = has_text
        self.has_number = has_number


class TableRows:
    """The table, which DuckDB may read more than once, each time from its beginning.

    plan: the columns and rows to read, set before reading. error: the exception that ended a reading.
    lenient: fields whose bad values become NULL, each with whether numbers do, too; with `is_lenient` all
    fields. Other bad values raise MisfitValue. missing: the number of values that became NULL, by field.
    seen: the fields that some line had.
    """

    def __init__(
        self, reading: StoreReading, fields: Mapping[str, ColumnType], plan: ReadingPlan
    ) -> None:
        self.view = reading.view
        self.stats = SearchStats()
        self.on_frame: Callable[[], None] | None = None
        self.error: BaseException | None = None
        self.lenient: set[tuple[str, bool]] = set()
        self.is_lenient = False
        self.missing: dict[str, int] = {}
        self.seen: set[str] = set()
        self.lines = 0
        self.plan = plan
        self._reading = reading
        self._fields = fields
        self._schema = pyarrow.schema(
            [pyarrow.field(NO_COLUMN, pyarrow.null()), *arrow_schema(fields)]
        )
        self._open: list[Iterator[Any]] = []

    def __arrow_c_schema__(self) -> Any:
        """Return the schema by Arrow's PyCapsule protocol."""
        return self._schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object = None) -> Any:
        """Return a stream of all rows, by Arrow's PyCapsule protocol."""
        batches = self._batches()
        self._open.append(batches)
        reader = pyarrow.RecordBatchReader.from_batches(self._schema, batches)
        return reader.__arrow_c_stream__()

    def close(self) -> None:
        """End all readings."""
        while self._open:
            self._open.pop().close()  # type: ignore[attr-defined]

    def _batches(self) -> Iterator[pyarrow.RecordBatch]:
        try:
            yield from self._read_batches()
        except GeneratorExit:
            raise
        except BaseException as error:
            # Keep the exception, because Arrow and DuckDB pass on only its text.
            self.error = error
            raise

    def _read_batches(self) -> Iterator[pyarrow.RecordBatch]:
        wanted = self.plan.wanted
        since, until = wanted.times
        node = self._reading.question.narrowed(wanted.node)
        search = Search(
            self.view,
            make_matcher(node),
            Scope(since=since, until=until),
            with_index=self._reading.with_index,
            processes=self._reading.processes,
        )
        # One object for all readings of the table, which counts them together.
        search.stats = self.stats
        search.on_frame = self.on_frame
        maker = ArrowColumnMaker(
            self._fields, self.plan.columns, self._reading.question.extractions
        )
        whole = node == EVERYTHING and not since and not until
        indexed: list[int] = []

        def count_frame(frames: SegmentFrames, frame: int) -> int | None:
            counts = frames.level_counts(frame, 0)
            return None if counts is None else sum(counts)

        def work(task: ReadTask) -> list[bytes]:
            if not maker.names:
                return [b"", b"%d" % _count_rows(search, task)]
            results = []
            for rows in _rows_of_task(search, task, whole=whole, by_columns=not maker.needs_text):
                batch, bad_values = maker.make_batch(rows)
                results += [_as_arrow_stream(batch), json.dumps(bad_values).encode()]
            return results

        sources = (
            IndexAnswers(count_frame if whole and not maker.names else None, indexed.append),
            ColumnAnswers(search, maker.stored, work, and_text=maker.needs_text),
            TextAnswers(work),
        )
        with closing(search):
            for _, results in search.ask(sources):
                for packed, rest in zip(*[iter(results)] * 2, strict=True):
                    if packed:
                        self._note_bad_values(json.loads(rest))
                        batch = pyarrow.ipc.open_stream(packed).read_next_batch()
                        known = dict(zip(batch.schema.names, batch.columns, strict=True))
                        yield self._full_batch(known, batch.num_rows)
                    else:
                        yield self._full_batch({}, int(rest))
        for left in range(sum(indexed), 0, -_ROWS):
            yield self._full_batch({}, min(left, _ROWS))

    def _note_bad_values(self, bad_values: BadValues) -> None:
        for field, (count, has_text, has_number) in bad_values.items():
            if not self.is_lenient and (field, has_number) not in self.lenient:
                raise MisfitValue(field, has_text=has_text, has_number=has_number)
            self.missing[field] = self.missing.get(field, 0) + count

    def _full_batch(self, known: dict[str, Any], count: int) -> pyarrow.RecordBatch:
        """Return a batch of `count` rows with all columns of the table; unknown ones are NULL."""
        self.lines += count
        self.seen.update(name for name, column in known.items() if column.null_count < count)
        columns = [
            known[field.name] if field.name in known else pyarrow.nulls(count, field.type)
            for field in self._schema
        ]
        return pyarrow.RecordBatch.from_arrays(columns, schema=self._schema)


def _as_arrow_stream(batch: pyarrow.RecordBatch) -> bytes:
    """Return a batch as a complete Arrow stream, which includes its dictionaries."""
    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    packed: bytes = sink.getvalue().to_pybytes()
    return packed


def _count_rows(search: Search, task: ReadTask) -> int:
    return search.columns.rows(task).lines if task.group else search.count_in_task(task)


def _rows_of_task(
    search: Search, task: ReadTask, *, whole: bool, by_columns: bool
) -> Iterator[TextRows | ColumnRows]:
    """Yield the rows of a task. whole: whether all its lines match. by_columns: whether columns suffice."""
    if task.group and by_columns:
        yield search.columns.rows(task)
    elif whole and not task.group:
        for offset, text in search.task_texts(task):
            ended = text if text.endswith(b"\n") else text + b"\n"
            first_lines = search.first_lines(Position(task.segment, offset), text)
            yield TextRows(task.segment, ended, offset, first_lines)
    elif task.group:
        for found in search.columns.lines(task):
            yield _text_rows(task.segment, found)
    elif hits := list(search.hits_in_task(task)):
        yield _text_rows(task.segment, hits)


def _text_rows(segment: int, hits: Sequence[Hit]) -> TextRows:
    text, first_lines = text_of_hits(hits)
    return TextRows(segment, text, [hit.position.offset for hit in hits], first_lines)
