"""Opening a store beside whatever happens to it."""

import errno
import os

import pytest

from logsrv.errors import StoreError
from logsrv.linelog.read import view as view_module
from logsrv.linelog.read.follow import Follower, end_of_store
from logsrv.linelog.read.view import View
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.sealing.seal import seal
from logsrv.linelog.store.segment import Form, Position, Segment, sealed_name, sealed_segments
from tests.parts.looks import change_before_look
from tests.parts.stores import BEGIN, Writer, line, make_store, view_of

LINES = [line(f"{number} " + "x" * 300, number) for number in range(8000)]


def test_a_missing_directory_is_an_error(tmp_path):
    with pytest.raises(StoreError, match="none cannot be read: No such file or directory"):
        view_of(tmp_path / "none")


def test_a_directory_without_a_store_is_an_error(tmp_path):
    told: list[str] = []
    with pytest.raises(StoreError, match=r"is no store of logsrv: there is no current\.log in it"):
        View(str(tmp_path), told.append)
    assert told == []


def test_a_directory_that_cannot_be_listed_is_let_go(tmp_path, monkeypatch):
    """A server asks again and again, and must not run out of descriptors."""

    def fails(disk: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(view_module, "Listing", fails)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(StoreError, match="cannot be read: Input/output error"):
        view_of(make_store(tmp_path / "logs", [LINES[:1]]))
    assert os.listdir("/proc/self/fd") == before


def test_a_removed_segment_is_none(tmp_path):
    view = view_of(make_store(tmp_path / "logs", [LINES, []]))
    for path in (tmp_path / "logs").glob("0*"):
        path.unlink()
    assert view.open_segment(1) is None


def test_a_segment_that_retention_removes_is_read_to_its_end_without_a_word(tmp_path):
    store = make_store(tmp_path / "logs", [LINES, []])
    told: list[str] = []
    with View(str(store), told.append) as view:
        frames = view.open_segment(1)
        for path in store.glob("0*"):
            # A backup on this file system has the same file.
            os.link(path, tmp_path / path.name)
            path.unlink()
        assert frames is not None
        with frames:
            lines = [text for _, text in frames.lines_between(0, frames.size)]
    assert b"".join(lines) == b"".join(LINES)
    assert told == []


def whole_text(view: View, number: int) -> bytes:
    frames = view.open_segment(number)
    assert frames is not None
    with frames:
        return b"".join(text for _, text in frames.lines_between(0, frames.size))


def test_a_segment_that_is_sealed_between_listing_and_opening_is_found_again(tmp_path, monkeypatch):
    store = make_store(tmp_path / "logs", [LINES, []], packed=0)
    (plain,) = store.glob("0*.log")
    view, real = view_of(store), Disk.open

    def sealed_before(self: Disk, name: str, flags: int) -> int:
        monkeypatch.setattr(Disk, "open", real)
        seal(Segment(1, plain.name, Form.PLAIN), self)
        return real(self, name, flags)

    monkeypatch.setattr(Disk, "open", sealed_before)
    assert whole_text(view, 1) == b"".join(LINES)
    assert not plain.exists()


def test_a_file_that_has_taken_the_name_is_not_taken_for_the_segment(tmp_path, monkeypatch):
    """A rotation between the listing and the opening of current.log."""
    store = make_store(tmp_path / "logs", [LINES[:1], LINES[1:]])
    view, real = view_of(store), Disk.open

    def rotated_before(self: Disk, name: str, flags: int) -> int:
        monkeypatch.setattr(Disk, "open", real)
        (store / "current.log").rename(store / sealed_name(2, BEGIN))
        (store / "current.log").write_bytes(b"the next one\n")
        return real(self, name, flags)

    monkeypatch.setattr(Disk, "open", rotated_before)
    assert whole_text(view, 2) == b"".join(LINES[1:])


@pytest.mark.parametrize("then_sealed", [False, True])
def test_a_rotation_at_any_moment_of_a_listing_hides_and_doubles_no_line(
    tmp_path, monkeypatch, then_sealed
):
    """The listing takes several looks at the directory; the rotation comes before each of them in turn."""
    for moment in range(100):
        writer = Writer(tmp_path / str(moment))
        writer.write()
        writer.rotate()
        writer.write()

        def rotate(writer: Writer = writer) -> None:
            writer.write()
            writer.rotate()
            writer.write()
            if then_sealed:
                writer.seal()
                writer.seal()

        with monkeypatch.context() as patch:
            came = change_before_look(patch, moment, rotate)
            view = view_of(writer.directory)
        if not came():
            assert moment > 3
            return
        with view:
            assert whole_text(view, 2) == line("line 1", 1) + line("line 2", 2)
            follower, seen = Follower(view, Position(0, 0)), b""
            while news := follower.read():
                seen += news.text
            follower.close()
        assert seen == b"".join(line(f"line {number}", number) for number in range(writer.count))
    raise AssertionError("a listing takes not so many looks")


@pytest.mark.parametrize("index", [None, b"{}", b"\xff not json", b'{"segment": 7}'])
def test_without_an_index_all_is_read_and_it_is_said(tmp_path, index):
    store = make_store(tmp_path / "logs", [LINES, []])
    [beside] = store.glob("*.idx")
    if index is None:
        beside.unlink()
    else:
        beside.write_bytes(index)
    told: list[str] = []
    view = View(str(store), told.append)
    for _ in range(2):
        frames = view.open_segment(1)
        assert frames is not None
        text = b"".join(piece for _, piece in frames.lines_between(0, frames.size))
        assert text == b"".join(LINES)
    assert len(told) == 1
    assert ".idx is not used: " in told[0]


def test_the_span_of_a_store_has_late_lines_in_it(tmp_path):
    late, early = line("late", -60), line("early", 1e6)
    middle = [LINES[0], early, late, *LINES[1:10]]
    for packed in (-1, 0):
        store = make_store(tmp_path / f"logs{packed}", [LINES[:10], middle, LINES[10:20]], packed)
        assert view_of(store).read_time_span() == (late[:27].decode(), early[:27].decode())


def test_the_span_of_a_segment_without_an_index_is_known_roughly(tmp_path):
    store = make_store(tmp_path / "logs", [LINES, []])
    [packed] = store.glob("*.zst")
    os.utime(packed, (BEGIN, BEGIN + 7000))
    next(store.glob("*.idx")).unlink()
    with View(str(store), lambda _: None) as view:
        assert view.read_time_span() == (LINES[0][:27].decode(), LINES[7000][:27].decode())


def test_the_span_of_a_store_is_its_first_and_last_time(tmp_path):
    store = make_store(tmp_path / "logs", [LINES[:10], LINES[10:20]])
    assert view_of(store).read_time_span() == (
        "2026-11-20T06:00:00.000000Z",
        LINES[19][:27].decode(),
    )
    assert view_of(make_store(tmp_path / "empty", [[]])).read_time_span() == ("", "")
    odd = make_store(tmp_path / "odd", [LINES[:1], LINES[3:4], [b"no time\n"]], packed=0)
    next(odd.glob("0000000001*")).write_bytes(b"no time\n")
    assert view_of(odd).read_time_span() == (LINES[3][:27].decode(),) * 2


def test_the_last_lines_are_found_with_one_listing(tmp_path, monkeypatch):
    """A directory with tens of thousands of names takes long to list."""
    store = make_store(tmp_path / "logs", [LINES[:10], LINES[10:20]])
    listed: list[Disk] = []
    entries = Disk.entries

    def counted(disk: Disk) -> dict[str, bool]:
        listed.append(disk)
        return entries(disk)

    monkeypatch.setattr(Disk, "entries", counted)
    view = view_of(store)
    view.report_odd_names()
    end = end_of_store(view)
    frames = view.open_segment(end.segment)
    assert frames is not None
    assert frames.size == end.offset == sum(map(len, LINES[10:20]))
    assert len(listed) == 1


def test_a_rotation_is_noticed_by_who_asks_for_the_end(tmp_path):
    store = make_store(tmp_path / "logs", [LINES[:10], LINES[10:20]])
    view = view_of(store)
    before = end_of_store(view)
    os.rename(store / "current.log", store / f"{before.segment:010}-20261120T000000Z.log")
    (store / "current.log").write_bytes(LINES[20])
    after = end_of_store(view)
    assert after == Position(before.segment + 1, len(LINES[20]))
    frames = view.open_segment(before.segment)
    assert frames is not None
    assert frames.size == before.offset


def test_has_finds_a_segment_under_each_of_its_names(tmp_path):
    """By its names: it may have been rotated or sealed since it was listed."""
    store = make_store(tmp_path / "store", [[line("a")], [line("b", 1)], [line("c", 2)]], packed=1)
    with view_of(store) as view:
        assert [view.segment_exists(number) for number in (0, 1, 2, 3, 4)] == [
            False,
            True,
            True,
            True,
            False,
        ]
        disk = Disk().open_directory(store)
        seal(sealed_segments(disk)[1], disk)
        disk.close()
        (store / "current.log").rename(store / sealed_name(3, 0))
        (store / "current.log").touch()
        assert view.segment_exists(2) and view.segment_exists(3)
        next(store.glob("0000000001*.zst")).unlink()
        assert not view.segment_exists(1)
