"""What is wrong with a compressed segment: which lines are lost, and what a repair brings back."""

from __future__ import annotations

from pathlib import Path

import pytest

from logsrv.linelog.store.archive.manifest import encode
from logsrv.linelog.store.care.doctor.examine import total
from logsrv.linelog.store.care.doctor.findings import Weight
from logsrv.linelog.store.segments import index
from logsrv.linelog.store.segments.indexing import save
from logsrv.linelog.store.segments.segment import Form, Segment, number_text, sealed_name
from tests.linelog.read.stores import BEGIN, line, make_store
from tests.linelog.store.care.stores import (
    all_findings,
    at,
    examination,
    flip,
    found,
    kinds,
    manifest_of,
    packed_of,
    small_store,
)
from tests.linelog.store.faults import text_of


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return small_store(tmp_path / "store", words=6000)


def test_a_damaged_frame_is_lost_with_its_lines_and_nothing_else_is(store: Path) -> None:
    first = packed_of(store)[0]
    flip(store / first.name, 1000)
    [one] = [each for each in found(store) if each.weight is not Weight.NOTE]
    assert (one.kind, one.name, one.lines) == ("segment-damaged", first.name, 6005)
    assert "from 2026-11-20T06:00:00.000000Z to " in one.means
    assert kinds(found(store, repair=True)) == ["segment-damaged"]
    assert kinds(found(store, quick=True)) == []


def test_a_segment_that_was_cut_lacks_lines(store: Path) -> None:
    first = packed_of(store)[0]
    (store / first.name).write_bytes((store / first.name).read_bytes()[:-1])
    for quick in (True, False):
        one = next(each for each in found(store, quick=quick) if each.kind == "segment-cut")
        assert one.lines == 6005 and one.weight is Weight.LOST


@pytest.mark.parametrize("cut", [False, True])
def test_lines_that_cannot_be_read_are_not_counted(store: Path, cut: bool) -> None:
    first = packed_of(store)[0]
    lines, text = lines_and_text(store)
    lacking = index.load(first, at(store))
    if cut:
        (store / first.name).write_bytes((store / first.name).read_bytes()[:-1])
    else:
        flip(store / first.name, 1000)
    assert lines_and_text(store) == (lines - lacking.lines, text - lacking.text)


@pytest.mark.parametrize("indexed", [True, False])
def test_an_empty_file_is_read_as_no_lines_and_put_aside_if_its_index_says_that_it_had_none(
    tmp_path: Path, indexed: bool
) -> None:
    """As imports have left them, and `zstdcat *.zst` failed. Without an index somebody may have cut it."""
    made = make_store(tmp_path / "made", [[line("one")], [line("three")]])
    (made / "number").write_bytes(number_text(3))
    empty = Segment(2, sealed_name(2, BEGIN) + ".zst", Form.PACKED)
    (made / empty.name).touch()
    if indexed:
        save(index.Index(2), empty, at(made))
    assert text_of(made) == line("one") + line("three")
    [one] = found(made)
    if indexed:
        assert (one.kind, one.lines) == ("segment-empty", 0)
        assert kinds(found(made, repair=True)) == []
        assert not list(made.glob("*2-*.zst")) and text_of(made) == line("one") + line("three")
    else:
        assert (one.kind, one.lines, one.remedy) == ("segment-cut", None, None)


def lines_and_text(store: Path) -> tuple[int, int]:
    """What the doctor says that can be read."""
    examined = examination(store)
    list(all_findings(examined, examined.parts()))
    lines, text = total(examined.lines), examined.readable
    assert lines is not None and text is not None
    return lines, text


@pytest.mark.parametrize("how", ["damaged", "missing", "of another", "of a smaller file"])
def test_an_index_is_made_anew_and_the_damaged_one_kept(store: Path, how: str) -> None:
    first, second, _ = packed_of(store)
    before = (store / first.index).read_bytes()
    if how == "damaged":
        flip(store / first.index, 40)
    elif how == "missing":
        (store / first.index).unlink()
    elif how == "of another":
        (store / first.index).write_bytes((store / second.index).read_bytes())
    else:
        loaded = index.load(first, at(store))
        save(loaded._replace(compressed=loaded.compressed - 1), first, at(store))
    text = text_of(store, [])
    assert "index" in kinds(found(store))
    assert kinds(found(store, repair=True)) == []
    assert (store / first.index).read_bytes() == before
    assert (store / f"{first.index}.damaged").exists() is (how != "missing")
    assert text_of(store, []) == text


def test_a_word_index_is_made_anew(store: Path) -> None:
    first = packed_of(store)[0]
    before = (store / first.words).read_bytes()
    flip(store / first.words, len(before) // 2)
    assert kinds(found(store)) == ["words"]
    assert kinds(found(store, repair=True)) == []
    # The catalog has the words of so small a segment.
    assert not (store / first.words).exists() or (store / first.words).read_bytes() == before
    assert (store / f"{first.words}.damaged").exists()


def test_a_note_of_an_archive_that_makes_no_sense_is_put_aside(store: Path) -> None:
    first = packed_of(store)[0]
    (store / first.archived).write_bytes(encode(manifest_of(store)))
    assert kinds(found(store)) == []
    for text in (b"{}", encode(manifest_of(store, 2))):
        (store / first.archived).write_bytes(text)
        assert kinds(found(store)) == ["archived"]
        assert kinds(found(store, repair=True)) == []
        assert (store / first.name).exists()
