"""Texts without checksums: torn ends, holes, lines that have lost their beginning."""

from __future__ import annotations

from pathlib import Path

import pytest

from logsrv.linelog.store.segments.segment import Form, sealed_segments
from tests.linelog.read.stores import line
from tests.linelog.store.care.stores import at, found, kinds, notes, small_store


def test_a_torn_end_is_a_note_for_the_next_start_mends_it(tmp_path: Path) -> None:
    store = small_store(tmp_path / "store")
    with (store / "current.log").open("ab") as file:
        file.write(line("half")[:-1])
    for quick in (False, True):
        assert (kinds(found(store, quick=quick)), notes(found(store, quick=quick))) == (
            [],
            ["torn-end"],
        )


def test_a_hole_that_ends_with_a_sector_is_lost(tmp_path: Path) -> None:
    store = small_store(tmp_path / "store")
    [waiting] = [one for one in sealed_segments(at(store)) if one.form is Form.PLAIN]
    whole = b"".join(line(f"word{number}", 400 + number) for number in range(40))
    (store / waiting.name).write_bytes(whole[:600] + bytes(1024 - 600) + whole[1024:])
    assert kinds(found(store)) == ["hole", "odd-lines"]
    [hole] = [one for one in found(store) if one.kind == "hole"]
    assert hole.what.startswith("NUL bytes stand at 600 to 1024,")
    # Somebody with `--raw` may have sent NULs.
    (store / waiting.name).write_bytes(line("a\0b", 400) + whole)
    assert kinds(found(store)) == []


@pytest.mark.parametrize("quick", [False, True])
def test_nuls_at_the_end_are_lost_lines(tmp_path: Path, quick: bool) -> None:
    """Also where nothing else is left, and the file ends anywhere in a sector."""
    store = small_store(tmp_path / "store")
    size = (store / "current.log").stat().st_size
    (store / "current.log").write_bytes(bytes(size))
    assert kinds(found(store, quick=quick)) == ["hole"]
    (store / "current.log").write_bytes(line("one") + line("half")[:-1] + bytes(700))
    assert kinds(found(store, quick=quick)) == ["hole"]
    assert notes(found(store, quick=quick)) == ["torn-end"]


def test_a_line_that_does_not_begin_with_a_time_was_changed(tmp_path: Path) -> None:
    store = small_store(tmp_path / "store")
    with (store / "current.log").open("ab") as file:
        file.write(b"nobody's line\n" + line("one"))
    [one] = found(store)
    assert one.kind == "odd-lines" and one.what.startswith("1 of its lines")
