"""The catalogs of an archive."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from logsrv.linelog.archive import catalog
from logsrv.linelog.archive.catalog import (
    ArchiveCatalogEntry,
    add_to_archive_catalogs,
    archive_catalog_entry,
    catalogs_in_use,
    last_archived_number,
    pack_archive_catalog,
    read_catalog,
    unpack_archive_catalog,
)
from logsrv.linelog.archive.names import manifest_object_name
from logsrv.linelog.archive.putting import put_segment
from logsrv.linelog.archive.view import ArchiveView
from logsrv.linelog.objects.directory import DirectoryArchive
from logsrv.linelog.objects.interface import ArchiveError, ChangedObject
from logsrv.linelog.store.frames import compressor
from logsrv.linelog.store.notes.manifest import (
    Manifest,
    decode_manifest,
    encode_manifest,
    object_name,
)
from logsrv.linelog.store.words.lookup import WordIndex
from tests.parts.archived_stores import STORE, packed, sealed_store
from tests.parts.disks import at
from tests.parts.strangers import at_most


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return sealed_store(tmp_path / "store", 3)


@pytest.fixture
def archive(tmp_path: Path) -> DirectoryArchive:
    (tmp_path / "archive").mkdir()
    return DirectoryArchive(str(tmp_path / "archive"))


def putting(archive: DirectoryArchive, store: Path) -> list[Callable[[], Manifest]]:
    return [
        lambda of=one: put_segment(archive, of, at(store), STORE)  # type: ignore[misc]
        for one in packed(store)
    ]


def entered(archive: DirectoryArchive) -> list[int]:
    """The numbers of the segments in the catalogs that count."""
    names = catalogs_in_use(archive.names(f"{STORE}/catalog/"), STORE)
    return [
        decode_manifest(one.manifest).number
        for name in names
        for one in read_catalog(archive, name)
    ]


def test_a_catalog_of_an_archive_is_unpacked_as_it_was_packed():
    made = [
        ArchiveCatalogEntry(b"one", b"index", 100, ((0, b"head"), (90, b"end"))),
        ArchiveCatalogEntry(b"two", b"", 0, ()),
    ]
    assert unpack_archive_catalog(pack_archive_catalog(made)) == made
    assert made[0].file is not None and made[1].file is None


@pytest.mark.parametrize("change", [b"", b"rubbish", None])
def test_bytes_that_are_no_catalog_are_refused(change):
    data = pack_archive_catalog([ArchiveCatalogEntry(b"one", b"index", 0, ())])
    with pytest.raises(ValueError, match="no catalog"):
        unpack_archive_catalog(data[:-1] if change is None else change)


HEAD = b'{"format":1,"segments":['


@pytest.mark.parametrize(
    ("before", "filling", "times", "after"),
    [
        (HEAD, b"[],", (64 << 20 >> 2) - 1, b"[]]}\n"),
        (HEAD, b" ", 200 << 20, b"]}\n"),
        (b'{"format":1,"segments":[[%d,0,0,[]]]}\n' % (100 << 20), b"[", 100 << 20, b""),
    ],
    ids=["lists", "spaces", "a manifest"],
)
def test_few_bytes_that_become_many_are_refused_before_that(before, filling, times, after):
    stored = compressor().compress(before + filling * times + after)
    with at_most(1 << 20), pytest.raises(ValueError, match="its size makes no sense"):
        unpack_archive_catalog(stored)


@pytest.mark.slow
def test_a_first_line_of_many_values_is_refused():
    # As much as may be unpacked of so many bytes.
    stored = compressor().compress(HEAD + b"[]," * (1 << 20) + b"[]]}\n" + os.urandom(1 << 16))
    with at_most(32 << 20), pytest.raises(ValueError, match="no catalog"):
        unpack_archive_catalog(stored)


@pytest.mark.parametrize(
    ("words", "at"),
    [("100", 0), (None, 0), (-1, 0), (100.5, 0), (100, "0"), (100, -5), (100, None)],
)
def test_invalid_sizes_in_a_catalog_are_refused(words, at):
    with pytest.raises(ValueError, match="no catalog"):
        unpack_archive_catalog(
            pack_archive_catalog([ArchiveCatalogEntry(b"one", b"index", words, ((at, b"head"),))])
        )


def test_a_catalog_without_an_end_is_not_read_to_it(archive, monkeypatch):
    name = f"{STORE}/catalog/0000000000/0000000001-0001.zst"
    archive.create(
        name, [pack_archive_catalog([ArchiveCatalogEntry(b"one", b"index", 0, ())]), bytes(1 << 20)]
    )
    monkeypatch.setattr(catalog, "LARGEST_PACKED", 1 << 16)
    read: list[int] = []
    whole = archive.read

    def reading(name: str, at: int = 0, size: int = -1) -> bytes:
        found = whole(name, at, size)
        read.append(len(found))
        return found

    monkeypatch.setattr(archive, "read", reading)
    read_catalog(archive, name)
    assert read == [1 << 16]


def test_the_parts_of_a_word_index_tell_where_all_else_is(archive, store):
    made = putting(archive, store)[0]()
    file = archive_catalog_entry(made, at(store).read).file
    assert file is not None
    words, whole = WordIndex(file), WordIndex(at(store).read(made.segment.words))
    assert (words.segment, words.frames, words.essential_parts()) == (
        1,
        whole.frames,
        whole.essential_parts(),
    )


def test_each_archived_segment_is_in_the_catalog(archive, store):
    for number, step in enumerate(putting(archive, store), 1):
        add_to_archive_catalogs(archive, step(), at(store).read)
        assert entered(archive) == list(range(1, number + 1))
        # Those before it are gone.
        assert len(archive.names(f"{STORE}/catalog/")) == 1


def test_a_segment_left_out_by_a_kill_is_entered_with_the_next(archive, store):
    first, second, third = putting(archive, store)
    first()
    add_to_archive_catalogs(archive, second(), at(store).read)
    assert entered(archive) == [1, 2]
    made = third()
    add_to_archive_catalogs(archive, made, at(store).read)
    add_to_archive_catalogs(archive, made, at(store).read)
    assert entered(archive) == [1, 2, 3]


def test_groups_have_catalogs_of_their_own(archive, store, monkeypatch):
    monkeypatch.setattr(catalog, "GROUP", 2)
    for step in putting(archive, store):
        add_to_archive_catalogs(archive, step(), at(store).read)
    assert sorted(archive.names(f"{STORE}/catalog/")) == [
        f"{STORE}/catalog/0000000000/0000000001-0001.zst",
        f"{STORE}/catalog/0000000002/0000000003-0002.zst",
    ]
    assert entered(archive) == [1, 2, 3]


def test_a_damaged_archive_catalog_is_made_anew(archive, store):
    steps = putting(archive, store)
    made = [step() for step in steps]
    add_to_archive_catalogs(archive, made[2], at(store).read)
    [name] = archive.names(f"{STORE}/catalog/")
    (Path(archive.address.removeprefix("file://")) / name).write_bytes(b"rubbish")
    with pytest.raises(ChangedObject):
        read_catalog(archive, name)
    add_to_archive_catalogs(archive, made[0], at(store).read)
    assert entered(archive) == [1, 2, 3]


@pytest.mark.parametrize("what", ["", "rubbish", "another", "words"])
def test_a_segment_that_is_damaged_is_named_and_hinders_no_other(archive, store, what):
    """No segment behind it was in a catalog, and the target stood still."""
    first, second, third = (step() for step in putting(archive, store))
    name = manifest_object_name(STORE, first.name)
    if what == "words":
        name = object_name(STORE, first.segment.words)
    path = Path(archive.address.removeprefix("file://")) / name
    whole = path.read_bytes()
    path.write_bytes(encode_manifest(second) if what == "another" else what.encode())
    [told] = add_to_archive_catalogs(archive, second, at(store).read)
    assert name in told and add_to_archive_catalogs(archive, third, at(store).read) == []
    told_of: list[str] = []
    with ArchiveView(archive.address, told_of.append) as view:
        found = [one.number for one in view.segments]
        assert found == ([1, 2, 3] if what == "words" else [2, 3])
        assert [name in one for one in told_of] == ([] if what == "words" else [True])
    path.write_bytes(whole)
    with ArchiveView(archive.address, told_of.append) as view:
        assert [one.number for one in view.segments] == [1, 2, 3]


def test_without_the_right_to_remove_older_catalogs_stay(archive, store, monkeypatch):
    def refuse(name: str) -> None:
        raise ArchiveError("no")

    monkeypatch.setattr(archive, "remove", refuse)
    for step in putting(archive, store):
        add_to_archive_catalogs(archive, step(), at(store).read)
    assert len(archive.names(f"{STORE}/catalog/")) == 3
    assert entered(archive) == [1, 2, 3]


def test_a_lost_catalog_is_noticed():
    def name(first: int, last: int) -> str:
        return f"{STORE}/catalog/{first:010d}/{last:010d}-0001.zst"

    size = catalog.GROUP
    whole = [name(0, size - 1), name(size, 2 * size - 1), name(2 * size, 2 * size + 3)]
    assert last_archived_number(whole) == 2 * size + 3
    assert last_archived_number(whole[:1]) == size - 1
    for lost in ([], whole[1:], [whole[0], whole[2]], [name(0, 5), *whole[1:]]):
        assert last_archived_number(lost) is None
