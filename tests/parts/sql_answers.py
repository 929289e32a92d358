"""A store with word indexes, and the rows of an answer."""

from pathlib import Path
from typing import Any

from logsrv.linelog.read.view import View
from logsrv.linelog.sql.answer import SqlAnswer
from logsrv.linelog.sql.rows import StoreReading
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.words.build import make_missing_indexes
from tests.parts.stores import view_of


def indexed(directory: Path) -> View:
    """A store whose sealed segments have word indexes."""
    disk = Disk().open_directory(directory)
    list(make_missing_indexes(disk))
    disk.close()
    return view_of(directory)


def rows(view: View, statement: str, *, pushed: bool = True) -> list[dict[str, Any]]:
    answer = SqlAnswer(statement, StoreReading(view, processes=1), utc=True, pushed=pushed)
    try:
        return [row for batch in answer.batches() for row in batch.to_pylist()]
    finally:
        answer.close()
