"""What is wrong with a store, how it is found, and what a repair leaves of it: a table."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from logsrv.linelog.doctor.findings import KINDS, LOST, StoreFinding
from logsrv.linelog.store import identity, place
from logsrv.linelog.store.blocks import BlockNote, parse_notes_file
from logsrv.linelog.store.index import segment_index as index
from logsrv.linelog.store.index.indexing import save_index
from logsrv.linelog.store.notes import backup_note
from logsrv.linelog.store.notes.manifest import encode_manifest
from logsrv.linelog.store.notes.segment_notes import (
    RemovedRun,
    note_empty,
    note_removed,
    note_waiting,
)
from logsrv.linelog.store.place import Place
from logsrv.linelog.store.sealing.seal import seal
from logsrv.linelog.store.segment import (
    Form,
    Position,
    Segment,
    number_text,
    sealed_name,
    sealed_segments,
)
from tests.parts.backups import take
from tests.parts.disks import Crash, CrashingDisk, text_of
from tests.parts.erasing import erase
from tests.parts.examined_stores import (
    STORE,
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
from tests.parts.stores import BEGIN, line, make_store

ORIGIN = BlockNote(Position(1, 0), "0b" * 16, Position(3, 0), Position(3, 5), 7).as_line()
OTHER = "0b" * 16


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("made")
    take(small_store(directory / "store", words=6000), directory / "backup")
    return directory


@pytest.fixture
def whole(made: Path, tmp_path: Path) -> Path:
    """A store, and its backup beside it."""
    shutil.copytree(made, tmp_path / "whole")
    return tmp_path / "whole"


@pytest.fixture
def store(whole: Path) -> Path:
    return whole / "store"


def write(name: str, data: bytes) -> Callable[[Path], object]:
    return lambda store: (store / name).write_bytes(data)


def remove(*names: str) -> Callable[[Path], None]:
    def hurt(store: Path) -> None:
        for name in names:
            for path in store.glob(name):
                path.unlink()

    return hurt


def change(name: str, how: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def hurt(store: Path) -> None:
        [path] = store.glob(name)
        path.write_bytes(how(path.read_bytes()))

    return hurt


def bit(where: float) -> Callable[[bytes], bytes]:
    """Change a bit at a byte, or at a share of all."""

    def how(data: bytes) -> bytes:
        at = int(where * len(data)) if where < 1 else int(where)
        return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]

    return how


def all_of(*steps: Callable[[Path], object]) -> Callable[[Path], None]:
    def hurt(store: Path) -> None:
        for step in steps:
            step(store)

    return hurt


def keep(
    position: Position, name: str = "ship/centre", store: str = STORE
) -> Callable[[Path], None]:
    def hurt(directory: Path) -> None:
        folder, _, reader = name.partition("/")
        place.save(at(directory / folder), reader, Place(position, store, "then"))

    return hurt


def archived(number: int) -> Callable[[Path], object]:
    """Let an archive have the first segment, or a note of another stand there."""
    return lambda store: (store / packed_of(store)[0].archived).write_bytes(
        encode_manifest(manifest_of(store, number))
    )


def of_another(store: Path) -> None:
    first, second, _ = packed_of(store)
    (store / first.index).write_bytes((store / second.index).read_bytes())


def of_a_smaller(store: Path) -> None:
    first = packed_of(store)[0]
    loaded = index.load(first, at(store))
    save_index(loaded._replace(compressed=loaded.compressed - 1), first, at(store))


def shortened(store: Path) -> None:
    """A segment that waits loses two lines behind a line."""
    [waiting] = [one for one in sealed_segments(at(store)) if one.form is Form.PLAIN]
    lines = (store / waiting.name).read_bytes().splitlines(keepends=True)
    note_waiting(waiting.number, len(b"".join(lines)), at(store))
    assert kinds(found(store)) == []
    (store / waiting.name).write_bytes(b"".join(lines[:1] + lines[3:]))


def sealed(store: Path) -> None:
    [waiting] = [one for one in sealed_segments(at(store)) if one.form is Form.PLAIN]
    seal(waiting, at(store))


def holed(store: Path) -> None:
    text = b"".join(line(f"word{number}", 400 + number) for number in range(40))
    [waiting] = store.glob("*Z.log")
    waiting.write_bytes(text[:600] + bytes(1024 - 600) + text[1024:])


def rival(store: Path) -> None:
    """The text of a segment comes again, under the number of another and an earlier time."""
    first, second = packed_of(store)[:2]
    (store / f"{second.name[:10]}-20200101T000000Z.log.zst").write_bytes(
        (store / first.name).read_bytes()
    )


def no_file(name: str) -> Callable[[Path], None]:
    def hurt(store: Path) -> None:
        for path in store.glob(name):
            path.unlink()
        (store / name).mkdir()

    return hurt


def noted(**changes: Any) -> Callable[[Path], None]:
    def hurt(to: Path) -> None:
        note = backup_note.load(at(to))
        assert note is not None
        backup_note.save_backup_note(at(to), attrs.evolve(note, **changes))

    return hurt


FIRST, SECOND = "0000000001-2*.log.zst", "0000000002-2*"
INDEX, WORDS = f"{FIRST}.idx", f"{FIRST}.words"
NINTH = "0000000009-20261120T061842Z.log"
away = all_of(archived(1), remove(FIRST))


@attrs.frozen
class Case:
    """A damage. kinds: of what is found; quick: without the text, None for the same.

    left: after a repair; None if nothing can be repaired.
    """

    name: str
    hurt: Callable[[Path], object]
    kinds: list[str]
    left: list[str] | None = None
    quick: list[str] | None = None
    of: str = "store"


CASES = [
    Case("frame", change(FIRST, bit(1000)), ["text"], quick=[]),
    Case("cut", change(FIRST, lambda data: data[:-1]), ["text"]),
    Case("index", change(INDEX, bit(40)), ["index idx"], []),
    Case("no index", remove(INDEX), ["index idx"], []),
    Case("index of another", of_another, ["index idx"], []),
    Case("index of a smaller file", of_a_smaller, ["index idx"], []),
    Case("words", change(WORDS, bit(0.5)), ["index words"], [], []),
    Case("archived", archived(2), ["file archived"], []),
    Case(
        "archived, no JSON",
        all_of(archived(1), change("*.archived", bit(9))),
        ["file archived"],
        [],
    ),
    Case("away, index", all_of(away, change(INDEX, bit(30))), ["index idx"]),
    Case("away, words", all_of(away, change(WORDS, bit(0.5))), ["index words"], quick=[]),
    Case(
        "away, cut", all_of(away, change("*.archived", lambda data: data[:-20])), ["file archived"]
    ),
    Case(
        "away, of another",
        all_of(away, change("*.archived", lambda data: data.replace(b"0000000001", b"0000000009"))),
        ["file archived"],
    ),
    Case("number", write("number", b"five\n"), ["file number"], []),
    Case("no number", remove("number"), ["file number"], []),
    Case("synced", write("synced", b"\xff" * 32), ["file synced"], []),
    Case("empty", write("empty", b"3:x y\n"), ["file empty"], []),
    Case("removed", write("removed", b"3:x y\n"), ["file removed"], []),
    Case("waiting", write("waiting", b"3:x y\n"), ["file waiting"], []),
    Case("erased", write("erased", b"3:x y\n"), ["file erased"], []),
    Case("erase not begun", write("erasing", b'{"time":"2026-'), []),
    Case("format", write("format", b"new"), ["file format"]),
    Case("imported", write("imported", b'{"files":[]'), ["file imported"]),
    Case("archive", write("ship/far.archive", b"archive file:///srv 00000000\n"), ["place"]),
    Case("restoring", write("restoring", b""), ["unfinished"]),
    Case("origins", write("origins", b"x" + ORIGIN + ORIGIN), ["origins"], []),
    Case("origins, a bit", write("origins", bit(20)(ORIGIN)), []),
    Case("origins without an end", write("origins", ORIGIN + ORIGIN[:30]), ["origins"], []),
    Case("identity, a bit", change("store", bit(20)), ["identity"], []),
    Case("identity, more", write("store", b"{"), ["identity"]),
    Case("no identity", remove("store"), ["identity"]),
    Case("identity no file", no_file("store"), ["identity"]),
    Case("link", lambda store: (store / NINTH).symlink_to("/etc/passwd"), ["stray"]),
    Case("folder", no_file(f"{NINTH}.zst"), ["stray"]),
    Case("current.log", no_file("current.log"), ["stray", "text"]),
    Case("rival", write("0000000001-20201120T061842Z.log", b""), ["stray"]),
    Case("compressed rival", rival, ["stray"]),
    Case("torn", change("*Z.log", lambda data: data[:-1]), ["text"]),
    Case("torn before a line", change("*Z.log", lambda data: data[:-200]), ["text"]),
    Case("shortened", shortened, ["missing"]),
    Case("shortened and sealed", all_of(shortened, sealed), ["missing"]),
    Case("hole", holed, ["text"], quick=[]),
    Case("nothing but a hole", change("current.log", lambda data: bytes(len(data))), ["text"]),
    Case("hole at the end", write("current.log", line("one") + b"half" + bytes(700)), ["text"]),
    Case("text gone", write("current.log", b""), ["missing"]),
    Case("missing", remove(SECOND), ["missing"]),
    Case("missing with its place", all_of(remove(SECOND), keep(Position(2, 0))), ["missing"]),
    Case("missing before the end", remove("0000000004-2*"), ["missing"]),
    Case("place behind the store", keep(Position(5, 9000)), ["ahead"]),
    Case("place in the next segment", keep(Position(6, 0)), ["ahead"]),
    Case("place behind its segment", keep(Position(2, 9000)), ["ahead"]),
    Case("place", change("ship/centre", bit(20)), ["place"]),
    Case("place of an alert", change("alerts/1", bit(20)), ["place"]),
    Case("backup short of lines", remove("0000000001-2*"), ["missing"], quick=[], of="backup"),
    Case("backup cut", noted(place=Position(5, 9999)), ["missing"], of="backup"),
    Case("backup begun", noted(state="begun"), ["unfinished"], of="backup"),
    Case("backup coming", noted(state="coming"), ["unfinished"], of="backup"),
    Case("backup", write("backup", b"x"), ["file backup"], of="backup"),
    # What is no finding.
    Case("in an archive", away, []),
    Case("removed by retention", remove("0000000001-2*", SECOND), []),
    Case("both forms", lambda store: (store / packed_of(store)[0].name[:-4]).touch(), []),
    Case("left over", write("0000000009-20261120T061842Z.log.zst.idx", b""), []),
    Case("torn current.log", change("current.log", lambda data: data + line("half")[:-1]), []),
    Case("NULs of a sender", change("*Z.log", lambda data: line("a\0b", 400) + data), []),
    Case("killed", write("lock", b"99999999\n"), []),
    Case(
        "origins beside its writer",
        all_of(write("origins", ORIGIN + ORIGIN[:30]), write("lock", b"%d\n" % os.getpid())),
        [],
    ),
    Case("place of another store", keep(Position(9, 9), "alerts/1", OTHER), []),
    Case("place in what was removed", all_of(keep(Position(1, 9)), remove("0000000001-2*")), []),
    Case("never an identity", remove("store", "ship/centre", "alerts/1"), []),
    Case("more lines than a backup says", noted(lines=3), [], of="backup"),
    Case("backup that was killed once", write("lock", b"99999999\n"), [], of="backup"),
]


def named(findings: list[StoreFinding]) -> list[str]:
    """The kinds of findings; of files and indexes with the end of the name."""
    return [
        f"{one.kind} {one.name.rpartition('.')[2]}" if one.kind in ("file", "index") else one.kind
        for one in findings
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.name))
def test_each_kind_of_damage_is_found_and_repaired(whole, case):
    """Nothing of the text that can be read goes by a repair."""
    store = whole / case.of
    case.hurt(store)
    quick = case.kinds if case.quick is None else case.quick
    assert named(found(store, quick=True)) == quick
    assert named(found(store)) == case.kinds
    if case.left is None:
        assert [one for one in found(store) if one.remedy] == []
    else:
        text = text_of(store, [])
        assert named(found(store, repair=True)) == case.left
        assert text_of(store, []) == text


def test_an_interrupted_erase_is_found_and_finished(store):
    with pytest.raises(Crash):
        erase(store, "word3", disk=CrashingDisk(at=5).open_directory(store))
    assert b"word3" in text_of(store)
    finding = only(found(store), "erase")
    assert finding.what.endswith("`logsrv erase` was interrupted")
    assert found(store, repair=True) == []
    assert b"word3" not in text_of(store) and b"word2" in text_of(store)


def test_each_kind_is_in_the_table_of_the_page():
    page = Path("docs/operating.md").read_text()
    for name, kind in KINDS.items():
        assert f"| `{name}` | {kind.weight} |" in page
    in_table = {word for case in CASES for kind in case.kinds for word in kind.split()[:1]}
    # An interrupted erase changes the text when it is repaired: it has a test of its own. A copy is one of
    # several stores: see test_doctor_command.py.
    assert in_table | {"erase", "copy"} == {*KINDS}


@pytest.mark.parametrize(
    ("name", "hurt", "was"),
    [
        ("number", write("number", b"five\n"), number_text(5)),
        ("*1-2*.idx", change(INDEX, bit(40)), None),
        ("store", change("store", bit(20)), None),
    ],
)
def test_a_repaired_file_is_as_before_and_the_damaged_one_is_kept(store, name, hurt, was):
    [path] = store.glob(name)
    before = path.read_bytes()
    hurt(store)
    damaged = path.read_bytes()
    assert kinds(found(store, repair=True)) == []
    assert path.read_bytes() == (was or before)
    assert path.with_name(f"{path.name}.damaged").read_bytes() == damaged


def only(found: list[StoreFinding], kind: str) -> StoreFinding:
    [one] = [each for each in found if each.kind == kind]
    return one


def test_a_finding_of_lost_lines_has_their_number_and_times(store):
    first = packed_of(store)[0]
    flip(store / first.name, 1000)
    one = only(found(store), "text")
    assert (one.name, one.weight) == (first.name, LOST)
    assert one.why.startswith("6,005 lines, ")
    assert "from 2026-11-20T06:00:00.000000Z to " in one.what
    (store / first.name).write_bytes((store / first.name).read_bytes()[:-1])
    for quick in (True, False):
        first_finding, *_ = found(store, quick=quick)
        assert first_finding.kind == "text" and first_finding.why.startswith("6,005 lines, ")


@pytest.mark.parametrize("cut", [False, True])
def test_lines_that_cannot_be_read_are_not_counted(store, cut):
    first = packed_of(store)[0]
    lines, lacking = readable_lines(store), index.load(first, at(store)).lines
    if cut:
        (store / first.name).write_bytes((store / first.name).read_bytes()[:-1])
    else:
        flip(store / first.name, 1000)
    assert readable_lines(store) == lines - lacking


def readable_lines(store: Path) -> int:
    """What the doctor says that can be read."""
    examined = examination(store)
    list(all_findings(examined.parts()))
    assert examined.readable_lines is not None
    return examined.readable_lines


@pytest.mark.parametrize("indexed", [True, False])
def test_an_empty_file_is_no_lines_if_its_index_says_that_it_had_none(tmp_path, indexed):
    """As imports have left them. Without an index somebody may have cut it."""
    made = make_store(tmp_path / "made", [[line("one")], [line("three")]])
    (made / "number").write_bytes(number_text(3))
    empty = Segment(2, sealed_name(2, BEGIN) + ".zst", Form.PACKED)
    (made / empty.name).touch()
    if indexed:
        save_index(index.Index(2), empty, at(made))
    assert text_of(made) == line("one") + line("three")
    told = [(one.kind, one.remedy) for one in found(made)]
    assert told == ([] if indexed else [("text", None)])


def test_archived_segments_are_counted_by_their_notes(store):
    away(store)
    examined = examination(store)
    assert list(all_findings(examined.parts())) == []
    assert examined.looked[1].lines == 6005


def test_without_sealed_segments_the_number_is_unknown(store):
    remove("0*", "number")(store)
    one = only(found(store), "file")
    assert one.remedy is None and one.what.endswith("it is 5")


def test_a_missing_segment_is_reported_with_its_time(store):
    remove(SECOND, "0000000003-2*")(store)
    one = only(found(store), "missing")
    assert one.name == "segments 2 to 3"
    assert "from 2026-11-20T06:00:00.000000Z on up to 2026-11-20T06:05:00" in one.what
    note_removed([RemovedRun(range(2, 3), 300, 3)], at(store))
    note_empty(3, at(store))
    assert found(store) == []


def test_a_number_that_is_far_off_is_told_at_once(store):
    """A digit that a disk has made up: nobody counts to a billion for it."""
    (store / "number").write_bytes(b"999999999\n")
    (store / "empty").write_bytes(b"700000000-900000000 5-8\n")
    assert [one.name for one in found(store) if one.kind == "missing"] == [
        "segments 9 to 699999999",
        "segments 900000001 to 999999998",
    ]


def test_a_hole_is_told_with_its_place(store):
    holed(store)
    assert only(found(store), "text").what.endswith(
        "NUL bytes from byte 600 on, which a start marks or cuts off"
    )


def test_a_damaged_line_of_origins_goes_and_the_others_stay(store):
    (store / "origins").write_bytes(b"x" + ORIGIN + ORIGIN)
    assert kinds(found(store, repair=True)) == []
    assert parse_notes_file((store / "origins").read_bytes()).line_count == 1


def test_another_identity_that_was_asked_for_stays(store):
    """`logsrv ship --new-identity`: places of before name the one of before."""
    end = Position(5, (store / "current.log").stat().st_size)
    place.save(at(store / "ship"), "at-the-end", Place(end, STORE))
    made = identity.make_identity(at(store), end, os.urandom)
    assert kinds(found(store, repair=True)) == []
    assert identity.load(at(store)) == made


def test_an_identity_that_its_checksum_does_not_tell_is_not_guessed(store):
    (store / "store").write_bytes(b"{")
    one = only(found(store), "identity")
    assert one.remedy is None and "--new-identity" in one.advice


def test_a_file_that_a_backup_lacks_is_named(whole):
    remove("ship/centre")(whole / "backup")
    assert only(found(whole / "backup"), "missing").what.endswith(": it lacks ship/centre")


def test_lines_that_a_backup_has_lost_are_counted(whole):
    remove("0000000002-2*")(whole / "backup")
    note_removed([RemovedRun(range(2, 3), 300, 3)], at(whole / "backup"))
    assert ": it has 6,0" in only(found(whole / "backup"), "missing").what
