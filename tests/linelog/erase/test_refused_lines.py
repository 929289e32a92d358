"""Lines that a target has refused are erased in their files."""

from pathlib import Path

import pytest

from logsrv.linelog.erase.refused_lines import erase_refused_lines
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.pipeline import parse_question
from logsrv.linelog.read.plan import Scope
from tests.parts.disks import at
from tests.parts.stores import line


@pytest.fixture
def store(tmp_path: Path) -> Path:
    (tmp_path / "ship").mkdir()
    (tmp_path / "ship" / "far.refused").write_bytes(line("ann 1", 1) + line("bob", 2) + b"torn ann")
    (tmp_path / "ship" / "far.refused.old").write_bytes(line("ann 2", 3))
    (tmp_path / "ship" / "far").write_bytes(line("ann 3", 3))
    return tmp_path


def erased(store: Path, query: str, scope: Scope, *, dry_run: bool = False) -> int:
    matcher = make_matcher(parse_question(query).node)
    return erase_refused_lines(at(store), matcher, scope, dry_run=dry_run)


def test_matching_lines_are_overwritten_in_place(store):
    before = (store / "ship" / "far.refused").read_bytes()
    assert erased(store, "ann", Scope(), dry_run=True) == 2
    assert (store / "ship" / "far.refused").read_bytes() == before
    assert erased(store, "ann", Scope()) == 2
    text = (store / "ship" / "far.refused").read_bytes()
    assert b"ann 1" not in text and line("bob", 2) in text and len(text) == len(before)
    assert b"ann" not in (store / "ship" / "far.refused.old").read_bytes()
    assert b"ann 3" in (store / "ship" / "far").read_bytes()
    assert erased(store, "ann", Scope()) == 0


def test_time_and_source_limit_it(store):
    assert erased(store, "ann", Scope(since="2026-11-20T06:00:02"), dry_run=True) == 1
    assert erased(store, "ann", Scope(until="2026-11-20T06:00:02"), dry_run=True) == 1
    assert erased(store, "", Scope(source="udp:*"), dry_run=True) == 0
    assert erased(store, "", Scope(source="tcp:*"), dry_run=True) == 3
