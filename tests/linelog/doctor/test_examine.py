"""A store that is whole is found whole; a flipped byte of it is found, or changes nothing that is read."""

import contextlib
import os
import re
import shutil
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.errors import StoreError
from logsrv.kit.text.checksums import json_then_checksum
from logsrv.linelog.doctor.repair import keep_aside, replace_keeping_old
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.read.hits import Hit
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.view import View
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.notes.manifest import encode_manifest
from logsrv.linelog.store.sealing.seal import seal
from logsrv.linelog.store.segment import Form, Position, sealed_segments
from tests.parts.disks import FaultyDisk
from tests.parts.examined_stores import (
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
from tests.parts.small_segments import small_segments
from tests.parts.stores import Writer, line, make_store
from tests.parts.strangers import at_most


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_store(tmp_path_factory.mktemp("whole") / "store", words=6000)


def read(store: Path) -> list[Hit]:
    """All lines that searches for all, for words and by time find."""
    lines = []
    with View(str(store), lambda _: None) as view:
        for query, since in (("", ""), ("word3", ""), ("", "2026-11-20T06:03:00.000000Z")):
            with closing(
                Search(view, make_matcher(parse(query)), Scope(since=since), processes=1)
            ) as search:
                lines += list(search.hits())
    return lines


@pytest.mark.parametrize("quick", [False, True])
def test_a_whole_store_is_sound(whole, quick):
    assert found(whole, quick=quick) == []
    examined = examination(whole, quick=quick)
    assert list(all_findings(examined.parts())) == []
    assert examined.end_position == Position(5, (whole / "current.log").stat().st_size)
    if not quick:
        assert examined.readable_lines == 5 * 5 + 6000


@pytest.mark.parametrize(("quick", "lines"), [(False, 2), (True, None)])
def test_uncounted_lines_are_unknown_and_not_none(tmp_path, quick, lines):
    store = make_store(tmp_path / "store", [[line("one"), line("two")]])
    examined = examination(store, quick=quick)
    assert list(all_findings(examined.parts())) == []
    assert examined.readable_lines == lines


@pytest.mark.slow
@given(st.data())
def test_a_flipped_bit_is_found_or_changes_nothing_that_is_read(whole, data):
    """Texts that are not compressed have no checksums: there a line would just be another."""
    names = sorted(
        str(path.relative_to(whole))
        for path in whole.rglob("*")
        if path.is_file() and not path.name.endswith(".log") and path.stat().st_size
    )
    name = data.draw(st.sampled_from(names))
    where = data.draw(st.integers(0, (whole / name).stat().st_size - 1))
    bit = 1 << data.draw(st.integers(0, 7))
    copy = whole.parent / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(whole, copy)
    times = (whole / name).stat()
    flip(copy / name, where, bit)
    os.utime(copy / name, ns=(times.st_atime_ns, times.st_mtime_ns))
    if not kinds(found(copy)):
        assert read(copy) == read(whole)


@pytest.mark.slow
def test_a_writer_at_work_gives_no_finding(tmp_path):
    """Between any two looks lines come, segments are rotated, sealed and removed."""
    writer = Writer(tmp_path / "store")
    steps = [writer.write, writer.rotate, writer.write, writer.seal, writer.remove]
    count = 0

    def step(_: object = None) -> None:
        nonlocal count
        steps[count % len(steps)]()
        count += 1

    class Moving(Disk):
        def entries(self) -> dict[str, bool]:
            names = super().entries()
            step()
            return names

        def open(self, name: str, flags: int) -> int:
            step()
            return super().open(name, flags)

    for _ in range(12):
        writer.write()
        writer.rotate()
    writer.seal()
    for _ in range(8):
        examined = examination(writer.directory)
        examined.disk.close()
        examined.disk = Moving().open_directory(writer.directory)
        wrong = list(all_findings(examined.parts()))
        # Its writer leaves no notes of what it removes.
        assert [one for one in wrong if one.kind != "missing"] == []
        examined.disk.close()


@pytest.mark.slow
@pytest.mark.parametrize("damaged", [False, True])
def test_any_number_of_segments_takes_as_many_listings(tmp_path, damaged):
    """A listing for each of 20,000 segments took an hour."""

    class Counting(Disk):
        listings = 0

        def entries(self) -> dict[str, bool]:
            self.listings += 1
            return super().entries()

    def costs(number: int) -> int:
        store = small_segments(tmp_path / f"{number}", number)
        for path in store.glob("*.idx") if damaged else ():
            path.unlink()
        examined = examination(store)
        examined.disk.close()
        examined.disk = counting = Counting().open_directory(store)
        wrong = list(all_findings(examined.parts()))
        assert len(wrong) == (number if damaged else 0)
        for one in wrong:
            assert one.remedy is not None
            one.remedy()
        counting.close()
        assert found(store) == []
        return counting.listings

    assert costs(30) == costs(10)


def test_a_store_sealed_meanwhile_is_looked_at_by_its_other_name(tmp_path):
    store = small_store(tmp_path / "store")
    examined = examination(store)
    parts = examined.parts()
    [waiting] = [one for one in sealed_segments(at(store)) if one.form is Form.PLAIN]
    seal(waiting, at(store))
    assert list(all_findings(parts)) == []
    assert examined.looked[4].lines == 5 and len(packed_of(store)) == 4


PYTHON = re.compile(
    r"codec can't|Expecting |Extra data|invalid literal|not enough values|too many values|\[Errno"
    r"|has no attribute|not subscriptable|must be |indices|KeyError|Error\(|Traceback|NoneType|zstd"
    r"|argument|got an|unexpected keyword|object is not"
)
SENSELESS = [
    *(b"", b"\xff\xfe\n", b"{\n", b"[]\n", b"null\n", b"{}\n", b"7\n", b"x y z\n", b"1:2:3\n"),
    *(
        json_then_checksum({}),
        json_then_checksum({"position": 7}),
        json_then_checksum({"position": "x"}),
    ),
]


@pytest.mark.slow
def test_no_finding_has_words_of_python(tmp_path):
    """Whatever is in a file of a store, whose owner is to understand what is said of it."""
    whole = small_store(tmp_path / "whole", words=6000)
    first, *_ = packed_of(whole)
    (whole / first.archived).write_bytes(encode_manifest(manifest_of(whole)))
    for name in ("origins", "empty", "removed", "waiting", "format", "backup", "imported"):
        (whole / name).touch()
    names = [str(path.relative_to(whole)) for path in whole.rglob("*") if path.is_file()]
    wrong = []
    for name in names:
        before = (whole / name).read_bytes()
        for data in SENSELESS:
            (whole / name).write_bytes(data)
            with contextlib.suppress(StoreError):
                for one in found(whole, quick=True):
                    said = f"{one.what} {one.advice}"
                    wrong += [(name, data, said)] if PYTHON.search(said) else []
        (whole / name).write_bytes(before)
    assert not wrong


def test_each_file_that_is_kept_has_a_name_of_its_own(tmp_path):
    disk = at(tmp_path)
    assert keep_aside("number", disk) == ""
    for text in (b"1", b"2", b"3"):
        replace_keeping_old("number", text, disk)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["number", "number.damaged", "number.damaged-2"]
    assert (tmp_path / "number.damaged-2").read_bytes() == b"2"


def test_a_file_that_cannot_be_written_anew_keeps_its_name(tmp_path):
    """A full disk: a file that is damaged does not become one that is missing."""
    (tmp_path / "number").write_bytes(b"1")
    disk = FaultyDisk()
    disk.open_directory(tmp_path)
    disk.room = 0
    with pytest.raises(OSError, match="No space left"):
        replace_keeping_old("number", b"2", disk)
    assert (tmp_path / "number").read_bytes() == b"1"
    assert not (tmp_path / "number.damaged").exists()


def test_the_words_of_a_damaged_segment_are_not_made(tmp_path):
    store = small_store(tmp_path / "store", words=6000)
    first = packed_of(store)[0]
    flip(store / first.name, 1000)
    flip(store / first.words, 1000)
    wrong = all_findings(examination(store).parts())
    [words] = [one for one in wrong if one.name.endswith(".words")]
    assert words.remedy is not None
    with pytest.raises(StoreError):
        words.remedy()
    assert (store / f"{first.words}.damaged").exists()


@pytest.mark.slow
def test_a_line_that_does_not_end_takes_no_memory(tmp_path):
    """A file with holes may be as long as its maker likes."""
    store = small_store(tmp_path / "store")
    with open(store / "current.log", "r+b") as file:
        file.write(b"a")
        file.truncate((256 << 20) - 1)
        file.seek(0, 2)
        file.write(b"\n")
    with at_most(128 << 20):
        assert {"text", "missing"} >= set(kinds(found(store)))


@pytest.mark.parametrize("many", [b"\n", b"a" * 99 + b"\n"])
def test_notes_of_origins_longer_than_any_are_not_read(tmp_path, many):
    store = small_store(tmp_path / "store")
    (store / "origins").write_bytes(many * ((40 << 20) // len(many)))
    with at_most(80 << 20):
        [one] = [one for one in found(store) if one.kind == "origins"]
    assert "it has more than 32 MiB, or too many lines" in one.what
    assert one.remedy is None
