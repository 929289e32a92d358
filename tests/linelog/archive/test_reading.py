"""Searching segments whose text is in an archive only."""

import os
import threading
from pathlib import Path

import pytest

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.objects.directory import DirectoryArchive
from logsrv.linelog.objects.interface import ArchiveError
from logsrv.linelog.objects.reader_threads import AT_ONCE, ReaderThreads
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.view import View
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.notes.archive_notes import save_archive_url
from logsrv.linelog.store.segment import Form
from tests.parts.archived_stores import (
    RARE,
    STORE,
    archive_all,
    packed,
    remove_texts,
    sealed_store,
)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store whose two sealed segments have their text in an archive only."""
    made = sealed_store(tmp_path / "store", 2)
    archive_all(made, tmp_path / "archive")
    remove_texts(made)
    return made


def found(store: Path, query: str, *, away: bool = True) -> tuple[list[bytes], list[str], Search]:
    """The messages that match, what was told, and the search."""
    told: list[str] = []
    with View(str(store), told.append, away=away) as view:
        search = Search(view, make_matcher(parse(query)), Scope(), processes=1)
        lines = [hit.line.split(b" ", 2)[2] for hit in search.hits()]
        search.close()
        return lines, told, search


def file_of(store: Path, number: int) -> Path:
    """The text of a segment in the archive."""
    [path] = (store.parent / "archive" / STORE).glob(f"{number:010d}-*.log.zst")
    return path


def test_a_rare_word_is_found_where_it_is(store):
    lines, told, search = found(store, RARE[1])
    assert lines == [b"segment 2 line %d walnut" % number for number in (0, 1000, 2000)]
    assert told == []
    assert search.stats.skipped_segments == 1


def test_all_lines_are_found_in_order(store):
    lines, told, _ = found(store, "line")
    assert told == []
    assert [line.rpartition(b" ")[0] for line in lines] == [
        b"segment %d line %d" % (number, line) for number in (1, 2) for line in range(3000)
    ]


def test_a_search_without_the_archive_reads_only_local_segments(store):
    """Alerts, shippers and those who follow wait for no archive."""
    lines, told, _ = found(store, "line OR last", away=False)
    assert (lines, told) == ([b"the last one"], [])


def test_only_frames_that_may_have_the_word_are_fetched(store, monkeypatch):
    """Each is a request of an object store."""
    asked: list[str] = []
    read = DirectoryArchive.read

    def counted(self: DirectoryArchive, name: str, *where: int) -> bytes:
        asked.append(name)
        return read(self, name, *where)

    monkeypatch.setattr(DirectoryArchive, "read", counted)
    assert found(store, RARE[0])[0]
    assert len(asked) == 1
    asked.clear()
    assert found(store, "nowherehere")[0] == []
    assert asked == []


def test_a_flipped_bit_is_refused_with_a_sentence(store):
    path = file_of(store, 1)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    lines, told, _ = found(store, "line")
    assert len(lines) == 3000 and all(line.startswith(b"segment 2") for line in lines)
    [sentence] = told
    assert path.name in sentence and "is not what was archived" in sentence


def test_a_frame_of_another_segment_is_never_read_for_it(store):
    """Its checksum of Zstandard is right, and so may be its size."""
    other = sealed_store(store.parent / "other", 2)
    for path in packed(other):
        text = (other / path.name).read_bytes()
        number = 2 if path.number == 1 else 1
        file_of(store, number).write_bytes(text)
    lines, told, _ = found(store, "line")
    assert lines == []
    assert len(told) == 2 and all("is not what was archived" in one for one in told)


def test_an_archive_that_is_gone_is_told_with_what_to_do(store):
    os.rename(store.parent / "archive", store.parent / "elsewhere")
    lines, told, _ = found(store, "line OR last")
    assert lines == [b"the last one"]
    assert len(told) == 1 and "mount it, or make the directory" in told[0]


def test_a_second_archive_helps_out(store):
    folder = Disk().open_directory(store / "ship")
    save_archive_url(folder, "another", f"file://{store.parent}/elsewhere")
    folder.close()
    os.rename(store.parent / "archive", store.parent / "elsewhere")
    (store.parent / "archive").mkdir()
    lines, told, _ = found(store, "line")
    assert (len(lines), told) == (6000, [])


def test_a_store_that_knows_no_archive_says_so(store):
    (store / "ship/far.archive").unlink()
    lines, told, _ = found(store, "line")
    assert lines == []
    assert told and all("this store knows of none" in one for one in told)


def test_an_index_that_is_damaged_here_comes_from_the_archive(store):
    for path in store.glob("*.idx"):
        path.write_bytes(b"{}")
    lines, told, _ = found(store, "line")
    assert len(lines) == 6000
    assert told == []


def test_without_any_index_the_segment_is_told(store):
    """And the rest of the store is searched."""
    os.rename(store.parent / "archive", store.parent / "elsewhere")
    for path in store.glob("0*"):
        if path.suffix in (".idx", ".words"):
            path.write_bytes(b"{}")
    lines, told, _ = found(store, "line OR last")
    assert lines == [b"the last one"]
    assert [one for one in told if "cannot be read" in one and "mount it" in one]


def test_a_note_that_is_damaged_is_told(store):
    for path in store.glob("*.archived"):
        path.write_bytes(b"{}")
    lines, told, _ = found(store, "line")
    assert lines == []
    assert len(told) == 2 and all("cannot be read: it is no manifest" in one for one in told)


def test_a_text_that_is_here_again_is_read_here(store):
    told: list[str] = []
    with View(str(store), told.append, away=True) as view:
        assert [one.form for one in view.segments] == [Form.AWAY, Form.AWAY, Form.ACTIVE]
        path = file_of(store, 1)
        (store / path.name).write_bytes(path.read_bytes())
        path.unlink()
        frames = view.open_segment(1)
        assert frames is not None and frames.path == str(store / path.name)
        assert b"".join(text for _, text in frames.lines_between(0, 100)).startswith(b"2026")
        frames.close()
    assert told == []


def test_times_leave_segments_out_without_a_look_at_the_archive(store):
    os.rename(store.parent / "archive", store.parent / "elsewhere")
    told: list[str] = []
    with View(str(store), told.append, away=True) as view:
        search = Search(
            view, make_matcher(parse("")), Scope(since="2030-01-01T00:00:00Z"), processes=1
        )
        assert list(search.hits()) == []
        assert view.read_time_span()[0] == "2026-11-20T07:23:20.000000Z"
    assert told == []


def test_all_reads_are_under_way_at_once():
    together = threading.Barrier(AT_ONCE)
    readers = ReaderThreads()
    found = readers.read_all([lambda: together.wait(PATIENCE)] * AT_ONCE)
    assert sorted(one.result() for one in found) == list(range(AT_ONCE))
    readers.close()


def test_further_reads_wait_for_a_free_thread():
    readers = ReaderThreads()
    found = readers.read_all([lambda of=number: of * 2 for number in range(200)])  # type: ignore[misc]
    assert [one.result() for one in found] == list(range(0, 400, 2))
    readers.close()


class Panic(BaseException):
    """As one of obstore."""


@pytest.mark.parametrize("kind", [ArchiveError, Panic])
def test_the_error_of_a_read_is_raised_to_its_caller(kind):
    def fail() -> bytes:
        raise kind("gone")

    readers = ReaderThreads()
    one = readers.start(fail)
    with pytest.raises(kind, match="gone"):
        one.result()
    readers.close()


def test_no_waiting_read_is_begun_after_close():
    readers = ReaderThreads()
    hold, begun = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        hold.wait(PATIENCE)

    held = [readers.start(wait) for _ in range(AT_ONCE)]
    late: list[int] = []
    waiting = readers.start(lambda: late.append(1))
    begun.wait(PATIENCE)
    readers.close()
    hold.set()
    held[0].result()
    assert late == [] and waiting is not None
