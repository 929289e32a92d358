"""A store of many small segments is one that a search takes for a server's: its names tell its times."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.stores import WORD, make_small
from logsrv.linelog.query.language.parse import parse
from logsrv.linelog.query.matching.match import make_matcher
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segments import index
from logsrv.linelog.store.segments.disk import Disk
from logsrv.linelog.store.segments.segment import Form, segments


@pytest.mark.slow
def test_many_small_segments_are_of_a_minute_each(tmp_path: Path) -> None:
    made = tmp_path / "store"
    make_small(made, 25, 10)
    disk = Disk().open_directory(made)
    *sealed, active = segments(disk)
    assert [one.number for one in sealed] == list(range(1, 26)) and active.number == 26
    for one in sealed:
        assert one.form is Form.PACKED
        smallest, largest, sure = index.load(one, disk).times
        assert (
            sure and smallest == one.first_time and largest and largest[:17] == one.first_time[:17]
        )
    disk.close()
    view = View(str(made), pytest.fail)
    assert Search(view, make_matcher(parse(WORD)), Scope()).count() == 1
    view.close()
