"""What segments lack is made, and what happens to the store meanwhile is no error."""

import pytest

from logsrv.linelog.fields.level import RULES
from logsrv.linelog.store import index
from logsrv.linelog.store.indexing import save_index
from logsrv.linelog.store.seal import seal
from logsrv.linelog.store.segment import sealed_files
from logsrv.linelog.store.words.lookup import WordIndex
from logsrv.linelog.store.words.reindex import make_missing_indexes
from tests.parts.disks import FaultyDisk, at, text_of
from tests.parts.indexes import as_before
from tests.parts.word_segments import LINES, TEXT, plain, sealed


def test_missing_indexes_are_made_and_existing_ones_left(tmp_path):
    sealed(tmp_path)
    disk = at(tmp_path)
    [packed] = sealed_files(disk)
    disk.unlink(packed.index)
    assert [one.made for one in make_missing_indexes(disk)] == [("index", "words")]
    found = WordIndex(disk.read(packed.words)).frames_with(LINES[0].split()[1])
    assert found is not None and found & 1
    assert [one.made for one in make_missing_indexes(disk)] == [()]
    assert text_of(tmp_path) == TEXT


@pytest.mark.parametrize("old", [b"", b"logsrv-words-0\n\0" + bytes(100)])
def test_a_damaged_or_older_word_index_is_replaced(tmp_path, old):
    sealed(tmp_path)
    disk = at(tmp_path)
    [packed] = sealed_files(disk)
    (tmp_path / packed.words).write_bytes(old)
    assert [one.made for one in make_missing_indexes(disk)] == [("words",)]
    WordIndex(disk.read(packed.words))


def test_an_index_of_an_unknown_version_or_a_damaged_one_is_made_anew(tmp_path):
    seal(plain(tmp_path), at(tmp_path))
    disk = at(tmp_path)
    [packed] = sealed_files(disk)
    newest = disk.read(packed.index)
    (tmp_path / packed.index).write_bytes(b'{"segment":1,"text":1,"compressed":1,"frames":[]}')
    assert [one.made for one in make_missing_indexes(disk)] == [("index",)]
    assert disk.read(packed.index) == newest
    (tmp_path / packed.index).write_bytes(newest.replace(b"2026", b"2025"))
    assert [one.made for one in make_missing_indexes(disk)] == [("index",)]
    assert disk.read(packed.index) == newest


@pytest.mark.parametrize("other", [-1, 1])
def test_an_index_whose_lines_were_counted_by_other_rules_is_made_anew(tmp_path, other):
    seal(plain(tmp_path), at(tmp_path))
    disk = at(tmp_path)
    [packed] = sealed_files(disk)
    newest = disk.read(packed.index)
    old = index.load(packed, disk)._replace(rules=RULES + other)
    save_index(old, packed, disk)
    assert [one.made for one in make_missing_indexes(disk)] == [("index",)]
    assert disk.read(packed.index) == newest
    (tmp_path / packed.index).write_bytes(as_before(newest, 2))
    assert [one.made for one in make_missing_indexes(disk)] == [("index",)]
    assert disk.read(packed.index) == newest


def test_the_index_of_a_segment_that_was_cut_still_says_what_is_missing(tmp_path):
    seal(plain(tmp_path), at(tmp_path))
    disk = at(tmp_path)
    [packed] = sealed_files(disk)
    made = disk.read(packed.index)
    (tmp_path / packed.name).write_bytes(
        disk.read(packed.name)[: index.decode_index(made).frames[-1].at]
    )
    assert [one.made for one in make_missing_indexes(disk)] == [()]
    assert disk.read(packed.index) == made


def test_a_word_index_of_another_segment_is_replaced(tmp_path):
    (tmp_path / "other").mkdir()
    seal(plain(tmp_path / "other", TEXT[:-100] + b"\n"), at(tmp_path / "other"))
    sealed(tmp_path)
    disk = at(tmp_path)
    [packed] = sealed_files(disk)
    (tmp_path / packed.words).write_bytes((tmp_path / "other" / packed.words).read_bytes())
    assert [one.made for one in make_missing_indexes(disk)] == [("words",)]


@pytest.mark.parametrize("step", ["create", "fdatasync", "rename"])
def test_a_segment_removed_meanwhile_is_no_error_and_leaves_nothing(tmp_path, step):
    sealed(tmp_path)
    disk = FaultyDisk().open_directory(tmp_path)
    [packed] = sealed_files(disk)

    def remove() -> None:
        for name in packed.files:
            at(tmp_path).unlink(name)

    disk.before[step] = remove
    assert [one.gone for one in make_missing_indexes(disk)] == [True]
    assert [path.name for path in tmp_path.iterdir()] == ["current.log"]


def test_a_damaged_segment_is_reported_and_the_others_get_indexes(tmp_path):
    sealed(tmp_path)
    disk = at(tmp_path)
    [packed] = sealed_files(disk)
    data = disk.read(packed.name)
    second = packed.name.replace("01-", "02-")
    (tmp_path / second).write_bytes(data)
    (tmp_path / packed.name).write_bytes(data[:-9])
    first, other = make_missing_indexes(disk)
    assert first.error is not None and "no whole frame begins" in first.error
    assert other.made == ("index", "words")
    assert not list(tmp_path.glob("*.tmp"))
