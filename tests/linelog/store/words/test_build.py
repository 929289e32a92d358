"""The word index of a segment is there complete or not at all, and missing ones are made later."""

import os
from collections.abc import Sequence

import pytest

from logsrv.linelog.batch import Buffer
from logsrv.linelog.fields.level_names import RULES
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.index import segment_index as index
from logsrv.linelog.store.index.indexing import save_index
from logsrv.linelog.store.sealing.seal import seal
from logsrv.linelog.store.segment import sealed_segments
from logsrv.linelog.store.words import build
from logsrv.linelog.store.words.build import (
    WordIndexBuilder,
    make_missing_indexes,
    write_word_index,
)
from logsrv.linelog.store.words.layout import SECTION_MAGIC
from logsrv.linelog.store.words.lookup import WordIndex
from logsrv.linelog.store.words.section import SectionBuilder
from tests.parts.disks import FaultyDisk, at, no_space, text_of
from tests.parts.indexes import as_before
from tests.parts.word_segments import LINES, TEXT, plain, sealed


class NoRoomForWords(Disk):
    """A disk that is full when words are written."""

    def writev(self, fd: int, buffers: Sequence[Buffer]) -> int:
        if os.readlink(f"/proc/self/fd/{fd}").endswith(".words.tmp"):
            raise no_space()
        return super().writev(fd, buffers)


def test_a_sealed_segment_has_an_index_of_its_words_that_is_small(tmp_path):
    disk, packed = at(tmp_path), sealed(tmp_path, with_words=True)
    made, data = index.load(packed, disk), disk.read(packed.words)
    assert len(data) < 0.15 * made.compressed
    words = WordIndex(data)
    words.require_same_segment(made)
    last = len(made.frames) - 1
    found = words.frames_with(LINES[-1].split()[1])
    assert found is not None and found >> last & 1
    assert words.frames_with(b"quetzal") == 0


def test_a_word_is_found_in_whichever_section_its_frame_is(tmp_path, monkeypatch):
    """A segment of more than 512 MiB has several; here a section is full after two frames."""
    monkeypatch.setattr(SectionBuilder, "is_full", property(lambda section: section.frames == 2))
    disk, packed = at(tmp_path), sealed(tmp_path, with_words=True)
    made, data = index.load(packed, disk), disk.read(packed.words)
    count = len(made.frames)
    assert data.count(SECTION_MAGIC) == -(-count // 2) > 1
    words = WordIndex(data)
    words.require_same_segment(made)
    for number, frame in enumerate(made.frames):
        # The number of its first line, which no other has.
        unique = TEXT[frame.text : frame.text + 200].split(b" ")[3]
        found = words.frames_with(unique)
        assert found is not None and found >> number & 1, number
        assert found.bit_count() < count
    assert words.frames_with(b"quetzal") == 0


def test_a_segment_sealed_without_words_has_no_word_index(tmp_path):
    segment = plain(tmp_path)
    seal(segment, at(tmp_path), with_words=False)
    assert not (tmp_path / segment.words).exists()
    assert text_of(tmp_path) == TEXT


def test_a_word_index_too_large_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "MOST_PART", 0.0)
    segment = plain(tmp_path)
    seal(segment, at(tmp_path))
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"current.log", segment.packed, segment.index}
    disk = at(tmp_path)
    [packed] = sealed_segments(disk)
    (tmp_path / packed.words).write_bytes(b"an old one")
    assert not write_word_index(packed, index.load(packed, disk), disk)
    assert names == {path.name for path in tmp_path.iterdir()}


def test_a_disk_that_has_no_room_for_it_still_gets_the_text_sealed(tmp_path):
    """Sealing is what makes room."""
    segment = plain(tmp_path)
    disk = NoRoomForWords().open_directory(tmp_path)
    seal(segment, disk)
    assert text_of(tmp_path) == TEXT
    assert {path.name for path in tmp_path.iterdir()} == {
        "current.log",
        segment.packed,
        segment.index,
    }


def test_an_index_that_cannot_be_written_later_leaves_nothing(tmp_path):
    segment = plain(tmp_path)
    made = seal(segment, at(tmp_path), with_words=False)
    disk = FaultyDisk().open_directory(tmp_path)
    disk.errors["fdatasync"] = no_space()
    [packed] = sealed_segments(disk)
    with pytest.raises(OSError, match="No space"):
        write_word_index(packed, made, disk)
    assert not list(tmp_path.glob("*.words*"))


def test_a_temporary_file_that_somebody_else_took_over_is_not_given_the_name(tmp_path):
    """Two that make the index of a segment at once: the first to end must not name the other's half."""
    disk, segment = at(tmp_path), plain(tmp_path)
    made = seal(segment, disk, with_words=False)
    builder = WordIndexBuilder(segment, disk)
    other = WordIndexBuilder(segment, disk)
    assert not builder.finish(made)
    assert "removed meanwhile" in str(builder.error)
    assert (tmp_path / f"{segment.words}.tmp").exists()
    builder.close()
    other.close()


def test_missing_indexes_are_made_and_existing_ones_left(tmp_path):
    disk, packed = at(tmp_path), sealed(tmp_path)
    disk.unlink(packed.index)
    assert [one.made for one in make_missing_indexes(disk)] == [("index", "words")]
    found = WordIndex(disk.read(packed.words)).frames_with(LINES[0].split()[1])
    assert found is not None and found & 1
    assert [one.made for one in make_missing_indexes(disk)] == [()]
    assert text_of(tmp_path) == TEXT


@pytest.mark.parametrize("old", [b"", b"logsrv-words-0\n\0" + bytes(100)])
def test_a_damaged_or_older_word_index_is_replaced(tmp_path, old):
    disk, packed = at(tmp_path), sealed(tmp_path)
    (tmp_path / packed.words).write_bytes(old)
    assert [one.made for one in make_missing_indexes(disk)] == [("words",)]
    WordIndex(disk.read(packed.words))


def test_an_index_of_an_unknown_version_or_a_damaged_one_is_made_anew(tmp_path):
    disk, packed = at(tmp_path), sealed(tmp_path, with_words=True)
    newest = disk.read(packed.index)
    (tmp_path / packed.index).write_bytes(b'{"segment":1,"text":1,"compressed":1,"frames":[]}')
    assert [one.made for one in make_missing_indexes(disk)] == [("index",)]
    assert disk.read(packed.index) == newest
    (tmp_path / packed.index).write_bytes(newest.replace(b"2026", b"2025"))
    assert [one.made for one in make_missing_indexes(disk)] == [("index",)]
    assert disk.read(packed.index) == newest


@pytest.mark.parametrize("other", [-1, 1])
def test_an_index_whose_lines_were_counted_by_other_rules_is_made_anew(tmp_path, other):
    disk, packed = at(tmp_path), sealed(tmp_path, with_words=True)
    newest = disk.read(packed.index)
    old = index.load(packed, disk)._replace(rules=RULES + other)
    save_index(old, packed, disk)
    assert [one.made for one in make_missing_indexes(disk)] == [("index",)]
    assert disk.read(packed.index) == newest
    (tmp_path / packed.index).write_bytes(as_before(newest, 2))
    assert [one.made for one in make_missing_indexes(disk)] == [("index",)]
    assert disk.read(packed.index) == newest


def test_the_index_of_a_segment_that_was_cut_still_says_what_is_missing(tmp_path):
    disk, packed = at(tmp_path), sealed(tmp_path, with_words=True)
    made = disk.read(packed.index)
    (tmp_path / packed.name).write_bytes(
        disk.read(packed.name)[: index.decode_index(made).frames[-1].at]
    )
    assert [one.made for one in make_missing_indexes(disk)] == [()]
    assert disk.read(packed.index) == made


def test_a_word_index_of_another_segment_is_replaced(tmp_path):
    (tmp_path / "other").mkdir()
    seal(plain(tmp_path / "other", TEXT[:-100] + b"\n"), at(tmp_path / "other"))
    disk, packed = at(tmp_path), sealed(tmp_path)
    (tmp_path / packed.words).write_bytes((tmp_path / "other" / packed.words).read_bytes())
    assert [one.made for one in make_missing_indexes(disk)] == [("words",)]


@pytest.mark.parametrize("step", ["create", "fdatasync", "rename"])
def test_a_segment_removed_meanwhile_is_no_error_and_leaves_nothing(tmp_path, step):
    sealed(tmp_path)
    disk = FaultyDisk().open_directory(tmp_path)
    [packed] = sealed_segments(disk)

    def remove() -> None:
        for name in packed.files:
            at(tmp_path).unlink(name)

    disk.before[step] = remove
    assert [one.gone for one in make_missing_indexes(disk)] == [True]
    assert [path.name for path in tmp_path.iterdir()] == ["current.log"]


def test_a_damaged_segment_is_reported_and_the_others_get_indexes(tmp_path):
    disk, packed = at(tmp_path), sealed(tmp_path)
    data = disk.read(packed.name)
    second = packed.name.replace("01-", "02-")
    (tmp_path / second).write_bytes(data)
    (tmp_path / packed.name).write_bytes(data[:-9])
    first, other = make_missing_indexes(disk)
    assert first.error is not None and "no whole frame begins" in first.error
    assert other.made == ("index", "words")
    assert not list(tmp_path.glob("*.tmp"))
