"""A backup has all lines up to its place, once and in order, and is a store for whoever starts on it."""

import itertools
import os
import shutil
from pathlib import Path

import pytest

from logsrv.errors import StoreError
from logsrv.linelog.backup.backup import Backup, count_store_lines, cut_between_lines
from logsrv.linelog.backup.copying import CopyMethod
from logsrv.linelog.store import identity
from logsrv.linelog.store.blocks import BlockNote, make_notes_file
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.notes import backup_note
from logsrv.linelog.store.notes.manifest import encode_manifest
from logsrv.linelog.store.place import Place, saved_places
from logsrv.linelog.store.place import save as save_place
from logsrv.linelog.store.sealing.seal import seal
from logsrv.linelog.store.segment import Form, Listing, Position, number_text, sealed_segments
from tests.parts.archived_stores import archive_all, remove_texts
from tests.parts.backups import take
from tests.parts.commands import logsrv
from tests.parts.disks import FaultyDisk, no_space, text_of
from tests.parts.erasing import erase, files_with_person, store_with_person
from tests.parts.examined_stores import STORE, at, found, kinds, manifest_of, packed_of, small_store
from tests.parts.looks import change_before_look
from tests.parts.stores import Writer, line, make_store


def seal_active(writer: Writer) -> None:
    """Rotate and seal; its writer names a segment by its number, which is the second of its first line."""
    writer.rotate()
    writer.seal()
    writer.count = writer.number


def test_a_backup_has_all_lines_and_the_places_of_readers(tmp_path):
    store, to = small_store(tmp_path / "store"), tmp_path / "to"
    (store / "ship" / "centre.json").write_bytes(b"{}")
    (store / "origins").write_bytes(
        make_notes_file(
            [BlockNote(Position(4, 0), "0b" * 16, Position(3, 0), Position(3, 5), 7)]
        ).to_bytes()
    )
    (store / packed_of(store)[0].columns).touch()
    made = take(store, to)
    assert not list(to.glob("*.parquet"))
    size = (store / "current.log").stat().st_size
    assert (made.note.place, made.note.lines) == (Position(5, size), 25)
    assert text_of(to) == text_of(store)
    assert kinds(found(to)) == []
    assert list(saved_places(str(to))) == list(saved_places(str(store)))
    assert identity.load(at(to)) == identity.load(at(store))
    assert (to / "origins").read_bytes() == (store / "origins").read_bytes()
    assert not (to / "ship" / "centre.json").exists()
    assert not list(to.rglob("*.coming"))
    assert made.copied == {CopyMethod.LINKED: 3}


def test_the_next_backup_copies_only_new_files(tmp_path):
    writer, to = Writer(tmp_path / "store"), tmp_path / "to"
    writer.count = writer.number
    for count in range(6):
        for _ in range(3):
            writer.write()
        made = take(writer.directory, to)
        assert text_of(to) == text_of(writer.directory)
        assert (made.note.lines, kinds(found(to))) == (3 * count + 3, [])
        if count % 2:
            seal_active(writer)
    assert made.copied[CopyMethod.THERE] == 2


def test_a_segment_whose_first_line_has_lost_its_time_comes_once_and_whole(tmp_path):
    """Its name is that of when it was written last, which is another each night."""
    store, to = small_store(tmp_path / "store"), tmp_path / "to"
    active = store / "current.log"
    for day in (1, 2):
        active.write_bytes(b"no time\n" + b"".join([line("one")] * day))
        os.utime(active, (day * 86400, day * 86400))
        take(store, to)
        assert text_of(to) == text_of(store)
        assert len(list(to.glob("0000000005-*"))) == 1


def test_the_next_backup_has_no_lines_that_were_erased_meanwhile(tmp_path):
    """Neither in a text that is there already, with the same size, nor in one that was sealed since."""
    store, to = store_with_person(tmp_path / "store"), tmp_path / "to"
    take(store, to)
    assert len(files_with_person(to)) == 4
    erase(store)
    made = take(store, to)
    assert files_with_person(to) == [] and kinds(found(to)) == []
    assert text_of(to) == text_of(store) and not made.damaged
    assert (to / "erased").read_bytes() == (store / "erased").read_bytes()


def test_a_text_that_was_sealed_and_erased_in_takes_the_place_of_that_before(tmp_path):
    store, to = store_with_person(tmp_path / "store"), tmp_path / "to"
    take(store, to)
    seal(sealed_segments(at(store))[2], at(store))
    erase(store)
    made = take(store, to)
    assert files_with_person(to) == [] and kinds(found(to)) == []
    assert text_of(to) == text_of(store) and not made.damaged
    assert not list(to.glob("0000000003-*Z.log"))


def test_the_next_backup_has_no_word_index_of_lines_that_were_all_erased(tmp_path):
    """The store has none of such a segment any more, so nothing takes the place of the one before."""
    store, to = store_with_person(tmp_path / "store"), tmp_path / "to"
    words = packed_of(store)[0].words
    (store / words).write_bytes(b"words of Zebulon")
    take(store, to)
    assert (to / words).exists()
    erase(store, is_damaged=True)
    assert not (store / words).exists()
    take(store, to)
    assert files_with_person(to) == [] and kinds(found(to)) == []


def test_a_text_that_the_store_has_in_an_archive_alone_is_not_kept_beside_an_index_of_after_an_erase(
    tmp_path,
):
    """The backup has the earlier text: it says so and keeps it whole, or --delete removes it."""
    store, to = store_with_person(tmp_path / "store"), tmp_path / "to"
    archive_all(store, tmp_path / "cold", STORE)
    identity.save_identity(at(store), identity.Identity(STORE, Position(1, 0)))
    save_place(at(store / "ship"), "far", Place(Position(3, 0), STORE, note={"target": "file:"}))
    take(store, to)
    texts = [to / one.name for one in packed_of(store)]
    before = [one.read_bytes() for one in texts]
    remove_texts(store)
    assert not take(store, to).damaged and kinds(found(to)) == []
    assert (
        logsrv("erase", "zebulon OR quist", "--yes", "--everywhere", "-d", str(store)).returncode
        == 0
    )
    names = [one.name for one in Listing(at(store)).away]
    assert take(store, to).damaged == dict.fromkeys(names, CopyMethod.EARLIER)
    assert kinds(found(to)) == [] and [one.read_bytes() for one in texts] == before
    done = logsrv("backup", str(store), str(to))
    assert done.returncode == 1 and b"--delete removes that text" in done.stderr
    done = logsrv("backup", "--delete", str(store), str(to))
    assert (done.returncode, done.stderr) == (0, b"")
    assert files_with_person(to) == [] and kinds(found(to)) == []
    assert [one.name for one in Listing(at(to)).away] == names


def test_a_backup_in_which_the_same_lines_were_erased_takes_the_indexes_again(tmp_path):
    store, to = store_with_person(tmp_path / "store"), tmp_path / "to"
    archive_all(store, tmp_path / "cold", STORE)
    identity.save_identity(at(store), identity.Identity(STORE, Position(1, 0)))
    save_place(at(store / "ship"), "far", Place(Position(3, 0), STORE, note={"target": "file:"}))
    take(store, to)
    remove_texts(store)
    for place, *more in ((store, "--everywhere"), (to,)):
        words = ("erase", "zebulon OR quist", "--yes", *more, "-d", str(place))
        assert logsrv(*words).returncode == 0
    assert not take(store, to).damaged
    assert files_with_person(to) == [] and kinds(found(to)) == []


def test_lines_can_be_erased_in_a_backup_alone(tmp_path):
    """Its compressed segments are the same files as those of the store."""
    store, to = store_with_person(tmp_path / "store"), tmp_path / "to"
    take(store, to)
    text = text_of(store)
    erase(to)
    assert files_with_person(to) == [] and kinds(found(to)) == []
    assert text_of(store) == text and kinds(found(store)) == []


def test_other_lines_of_the_same_number_stay(tmp_path):
    """Of a copy of the store that went on by itself: nobody else may have them."""
    store, to = small_store(tmp_path / "store"), tmp_path / "to"
    take(store, to)
    for name in ("0000000001-20200101T000000Z.log", "0000000005-20200101T000000Z.log"):
        (to / name).write_bytes(line("another"))
    take(store, to)
    assert kinds(found(to)).count("stray") == 2
    assert len(list(to.glob("*-20200101T000000Z.log"))) == 2


def test_segments_removed_by_retention_stay_in_a_backup_without_delete(tmp_path):
    store, to = small_store(tmp_path / "store"), tmp_path / "to"
    whole = text_of(store)
    take(store, to)
    for path in store.glob("0000000001-2*"):
        path.unlink()
    take(store, to)
    assert text_of(to) == whole
    take(store, to, delete=True)
    assert text_of(to) == text_of(store) != whole
    assert not list(to.glob("0000000001-2*"))


def test_segments_that_are_sealed_or_removed_meanwhile_are_no_error(tmp_path):
    store, to = small_store(tmp_path / "store"), tmp_path / "to"
    to.mkdir()
    whole = text_of(store)
    made = Backup(at(store), at(to), "backup", lambda: "then")
    steps = made.copy_segments()
    next(steps)
    first, *_ = packed_of(store)
    for name in (first.name, first.index, first.words):
        at(store).unlink(name)
    [waiting] = [one for one in sealed_segments(at(store)) if one.form is Form.PLAIN]
    seal(waiting, at(store))
    for _ in steps:
        pass
    assert text_of(to) == text_of(store) and whole.endswith(text_of(to))
    assert len(packed_of(to)) == 3


def test_the_places_of_a_backup_are_not_after_its_last_line(tmp_path):
    """The server rotates and ships on meanwhile: after a restore those lines would never be sent."""
    store, to = small_store(tmp_path / "store"), tmp_path / "to"
    to.mkdir()
    backup = Backup(at(store), at(to), "backup", lambda: "then")
    steps = backup.copy_segments()
    next(steps)
    with open(store / "current.log", "ab") as file:
        file.write(line("shipped meanwhile"))
    with Disk().open_directory(store / "ship") as places:
        moved = Place(Position(5, (store / "current.log").stat().st_size), STORE)
        save_place(places, "centre", moved)
    for _ in steps:
        pass
    [(_, place, _)] = [one for one in saved_places(str(to)) if one[0] == "ship/centre"]
    assert place is not None and place.position <= backup.note.place


@pytest.mark.slow
def test_at_whatever_moment_a_line_is_shipped_its_place_is_not_after_the_last_line(
    tmp_path, monkeypatch
):
    """The line comes, is shipped, and the place is saved, before each look of the backup in turn."""
    for moment in itertools.count():
        store, to = tmp_path / f"store {moment}", tmp_path / f"to {moment}"
        make_store(store, [[line("one")], [line("two")]])
        (store / "ship").mkdir()

        def ship(store: Path = store) -> None:
            with open(store / "current.log", "ab") as file:
                file.write(line("shipped meanwhile"))
            with Disk().open_directory(store / "ship") as places:
                end = Position(2, (store / "current.log").stat().st_size)
                save_place(places, "centre", Place(end, STORE))

        with monkeypatch.context() as patch:
            came = change_before_look(patch, moment, ship)
            made = take(store, to)
        assert text_of(store).startswith(text_of(to))
        for _, place, _ in saved_places(str(to)):
            assert place is not None and place.position <= made.note.place
        if not came():
            break
    assert moment > 20


def test_any_number_of_segments_that_are_sealed_meanwhile_takes_one_more_listing(tmp_path):
    class Counting(Disk):
        listings = 0

        def entries(self) -> dict[str, bool]:
            self.listings += 1
            return super().entries()

    def listings(number: int) -> int:
        store = make_store(
            tmp_path / f"store{number}", [[line("one", count)] for count in range(number)], packed=0
        )
        to = tmp_path / f"to{number}"
        to.mkdir()
        disk = Counting().open_directory(store)
        backup = Backup(disk, at(to), "backup", lambda: "then")
        for count, _ in enumerate(backup.copy_segments()):
            if not count:
                for waiting in sealed_segments(at(store)):
                    seal(waiting, at(store))
        return disk.listings

    assert listings(12) == listings(4)


def test_segments_in_an_archive_come_with_what_they_are_found_by(tmp_path):
    store, to = small_store(tmp_path / "store"), tmp_path / "to"
    first = packed_of(store)[0]
    (store / first.archived).write_bytes(encode_manifest(manifest_of(store)))
    (store / first.name).unlink()
    made = take(store, to)
    assert made.note.lines == count_store_lines(at(to)) == 25
    assert (to / first.index).exists() and kinds(found(to)) == []


@pytest.mark.parametrize(
    "call", ["rename", "create", "writev", "fdatasync", "sync_directory", "unlink"]
)
def test_a_disk_that_fails_leaves_the_backup_of_before_and_the_next_goes_on(tmp_path, call):
    writer, to = Writer(tmp_path / "store"), tmp_path / "to"
    writer.count = writer.number
    for _ in range(4):
        writer.write()
        seal_active(writer)
    writer.write()
    take(writer.directory, to)
    before = text_of(to)
    writer.write()
    seal_active(writer)
    writer.write()
    for failing in range(1, 60):
        disk = FaultyDisk().open_directory(to)
        calls = 0

        def fail(failing: int = failing) -> None:
            nonlocal calls
            calls += 1
            if calls == failing:
                raise no_space()

        disk.before[call] = fail
        try:
            take(writer.directory, to, disk=disk)
        except OSError:
            # Whoever uses it finishes the last step.
            backup_note.finish_renaming(at(to))
            assert text_of(to) in (before, text_of(writer.directory))
            assert kinds(found(to)) == []
            continue
        break
    assert failing > 3
    assert text_of(to) == text_of(writer.directory)


def test_a_segment_damaged_since_does_not_replace_the_whole_one(tmp_path):
    store, to = small_store(tmp_path / "store"), tmp_path / "to"
    take(store, to)
    first, text = packed_of(store)[0], text_of(to)
    for name in (first.name, first.index):
        data = (store / name).read_bytes()
        (store / name).unlink()
        (store / name).write_bytes(data[:-40])
    assert take(store, to).damaged == {first.name: CopyMethod.KEPT}
    assert text_of(to) == text
    assert kinds(found(to)) == []


def test_a_rotation_that_a_power_cut_took_back_is_not_backed_up_twice(tmp_path):
    """Its next number is on the disk, and the new current.log is not."""
    store, to = small_store(tmp_path / "store"), tmp_path / "to"
    os.link(store / "current.log", store / "0000000005-20261120T060641Z.log")
    (store / "number").write_bytes(number_text(6))
    size = (store / "current.log").stat().st_size
    assert take(store, to).note.place == Position(5, size)
    assert (to / "0000000005-20261120T060641Z.log").stat().st_size == size


def test_a_text_that_may_not_be_on_the_disk_of_the_store_is_not_said_to_be_backed_up(tmp_path):
    """A power cut would take it there, and others would come in its place."""
    store, to = small_store(tmp_path / "store"), tmp_path / "to"
    to.mkdir()
    source = FaultyDisk().open_directory(store)
    source.errors["fdatasync"] = no_space()
    with pytest.raises(OSError, match="No space"):
        list(Backup(source, at(to), "backup", lambda: "then").copy_segments())
    with pytest.raises(StoreError, match="is not complete: give"):
        backup_note.finish_renaming(at(to))


def test_a_directory_that_is_removed_meanwhile_is_an_error(tmp_path):
    store, to = small_store(tmp_path / "store"), tmp_path / "to"
    to.mkdir()
    steps = Backup(at(store), at(to), "backup", lambda: "then").copy_segments()
    next(steps)
    shutil.rmtree(to)
    with pytest.raises(FileNotFoundError):
        list(itertools.islice(steps, 100))


def test_the_rest_of_an_interrupted_removal_goes_with_the_next(tmp_path):
    store, to = small_store(tmp_path / "store"), tmp_path / "to"
    take(store, to)
    for path in store.glob("0000000001-2*"):
        path.unlink()
    next(to.glob("0000000001-2*.zst")).unlink()
    take(store, to, delete=True)
    assert not list(to.glob("0000000001-2*"))


@pytest.mark.parametrize("how", ["other store", "not empty", "damaged note", "another command"])
def test_a_directory_that_is_something_else_is_refused(tmp_path, how):
    store, to = small_store(tmp_path / "store"), tmp_path / "to"
    if how == "not empty":
        to.mkdir()
        (to / "letter").write_text("")
    else:
        take(store, to)
        if how == "other store":
            identity.make_identity(at(store), Position(5, 0), os.urandom)
        elif how == "damaged note":
            (to / "backup").write_text("x")
        else:
            note = backup_note.load(at(to))
            assert note
            backup_note.save_backup_note(
                at(to), backup_note.BackupNote("complete", "restore", note.store)
            )
    before = sorted(os.listdir(to))
    with pytest.raises(StoreError):
        take(store, to)
    assert sorted(os.listdir(to)) == before


def test_a_store_that_is_not_complete_itself_is_refused(tmp_path):
    store = small_store(tmp_path / "store")
    for name in ("restoring", "importing"):
        (store / name).write_bytes(b"")
        with pytest.raises(StoreError, match="again first"):
            take(store, tmp_path / "to")
        (store / name).unlink()


ONE, OTHER = "0b" * 16, "0c" * 16


def note(begin: int, size: int, origin: str = ONE, segment: int = 5) -> BlockNote:
    return BlockNote(
        Position(segment, begin), origin, Position(3, begin), Position(3, begin + size), 7
    )


def test_a_line_that_is_being_written_is_left_out(tmp_path):
    store = small_store(tmp_path / "store")
    size = (store / "current.log").stat().st_size
    with (store / "current.log").open("ab") as file:
        file.write(line("half")[:-1])
    made = cut_between_lines(at(store))
    assert (made.position, made.origins.notes) == (Position(5, size), ())
    os.close(made.fd)


def test_a_block_that_is_there_in_part_is_left_out_with_its_note(tmp_path):
    store = small_store(tmp_path / "store")
    size = (store / "current.log").stat().st_size
    whole, part = note(0, 63), note(63, 4000, OTHER)
    before = note(0, 9, OTHER, segment=4)
    (store / "origins").write_bytes(b"".join(one.as_line() for one in (before, whole, part)))
    made = cut_between_lines(at(store))
    assert made.position == Position(5, 63) < Position(5, size)
    assert set(made.origins.notes) == {whole, before}
    os.close(made.fd)


def test_notes_that_were_written_anew_meanwhile_are_read_again(tmp_path):
    store = small_store(tmp_path / "store")
    (store / "origins").write_bytes(note(0, 9).as_line())

    class Busy(Disk):
        reads = 0

        def read(self, name: str, size: int = -1) -> bytes:
            data = super().read(name, size)
            if name == "origins":
                self.reads += 1
                if self.reads == 1:
                    (store / "origins").write_bytes(note(9, 20).as_line())
            return data

    disk = Busy().open_directory(store)
    made = cut_between_lines(disk)
    assert made.origins.notes == (note(9, 20),) and disk.reads == 4
    os.close(made.fd)


def test_a_directory_without_current_log_is_no_store(tmp_path):
    with pytest.raises(StoreError, match="is no store"):
        cut_between_lines(at(tmp_path))
