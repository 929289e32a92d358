"""Texts without checksums: torn ends, holes, lines that have lost their beginning."""

from __future__ import annotations

from pathlib import Path

import pytest

from logsrv.linelog.store.care.doctor.findings import Weight
from logsrv.linelog.store.sealing.seal import seal
from logsrv.linelog.store.segments.segment import Form, sealed_segments
from logsrv.linelog.store.segments.waiting import note_waiting
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


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("size", [-1, -60, -200])
def test_a_torn_end_of_a_segment_that_waits_is_lost(tmp_path: Path, size: int, quick: bool) -> None:
    """Lines went on in the next: it was complete."""
    store = small_store(tmp_path / "store")
    [waiting] = store.glob("*Z.log")
    waiting.write_bytes(waiting.read_bytes()[:size])
    [lost] = found(store, quick=quick)
    assert (lost.kind, lost.weight, lost.name) == ("torn-end", Weight.LOST, waiting.name)


@pytest.mark.parametrize("sealed", [False, True])
def test_a_segment_that_was_cut_behind_a_line_is_lost_also_when_it_is_compressed_by_now(
    tmp_path: Path, sealed: bool
) -> None:
    store = small_store(tmp_path / "store")
    [waiting] = [one for one in sealed_segments(at(store)) if one.form is Form.PLAIN]
    lines = (store / waiting.name).read_bytes().splitlines(keepends=True)
    note_waiting(waiting.number, len(b"".join(lines)), at(store))
    assert found(store) == []
    (store / waiting.name).write_bytes(b"".join(lines[:1] + lines[3:]))
    if sealed:
        seal(waiting, at(store))
    [lost] = found(store)
    assert (lost.kind, lost.weight) == ("text-cut", Weight.LOST)


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
    assert one.kind == "odd-lines" and one.what.startswith("1 line of it")
