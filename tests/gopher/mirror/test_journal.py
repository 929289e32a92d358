"""What a mirror has finished is known to the next run, and only that."""

import errno
import os
from pathlib import Path

import pytest

from logsrv.errors import ConfigurationError
from logsrv.gopher.fetch.local import MIRROR_JOURNAL
from logsrv.gopher.mirror.journal import MirrorJournal
from logsrv.gopher.wire.url import GopherURL

ROOT = GopherURL.parse("gopher://h/")
A, B = GopherURL.parse("gopher://h/0/a%FF"), GopherURL.parse("gopher://h/1/b")
MENU = b"0\xff\t/a\th\t70\r\n"


@pytest.fixture
def written(tmp_path: Path) -> Path:
    journal = MirrorJournal(tmp_path, ROOT, "path")
    journal.add_file(A, ("x", "a"), 5)
    assert [done.url for done in journal.read().done] == [A]
    done = journal.add_menu(B, ("b",), MENU)
    assert (done.url, done.path, journal.read_menu(done)) == (B, ("b",), MENU)
    journal.add_failure(B, "it broke off")
    journal.close()
    return tmp_path


def test_what_is_finished_is_there_in_the_next_run(written):
    journal = MirrorJournal(written, ROOT, "path")
    first, second = journal.read().done
    assert (first.url, first.path, first.size) == (A, ("x", "a"), 5)
    assert (second.url, second.path, second.size) == (B, ("b",), None)
    assert journal.read_menu(second) == MENU
    more = journal.add_menu(A, (), b"more")
    assert journal.read_menu(more) == b"more"
    journal.close()


def test_a_mirror_of_another_version_is_known_by_its_first_line(written):
    lines = (written / MIRROR_JOURNAL).read_bytes().splitlines()
    assert lines[0] == b'{"mirror": 1, "url": "gopher://h/", "span": "path"}'


def test_a_line_that_a_crash_cut_counts_as_not_written(written):
    whole = (written / MIRROR_JOURNAL).read_bytes()
    end = whole.rindex(b"\n", 0, -1) + 1
    for cut in range(end + 1, len(whole)):
        (written / MIRROR_JOURNAL).write_bytes(whole[:cut])
        journal = MirrorJournal(written, ROOT, "path")
        assert len(journal.read().done) == 2
        journal.close()
        assert (written / MIRROR_JOURNAL).read_bytes() == whole[:end]


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, 200_000])
def test_a_long_menu_that_a_crash_cut_takes_no_other_line_with_it(written, size):
    whole = (written / MIRROR_JOURNAL).read_bytes()
    (written / MIRROR_JOURNAL).write_bytes(whole + b"x" * size)
    MirrorJournal(written, ROOT, "path").close()
    assert (written / MIRROR_JOURNAL).read_bytes() == whole


def test_a_cut_first_line_begins_anew(tmp_path):
    (tmp_path / MIRROR_JOURNAL).write_bytes(b'{"mirror": 1, "url": "goph' + b"x" * 70_000)
    journal = MirrorJournal(tmp_path, ROOT, "path")
    assert journal.read().done == []
    journal.close()


@pytest.mark.parametrize(("url", "span"), [("gopher://other/", "path"), ("gopher://h/", "host")])
def test_a_mirror_of_something_else_is_left_alone(written, url, span):
    with pytest.raises(ConfigurationError, match="is a mirror of gopher://h/"):
        MirrorJournal(written, GopherURL.parse(url), span)


def test_a_new_one_takes_the_place_of_any(written):
    other = GopherURL.parse("gopher://other/")
    journal = MirrorJournal(written, other, "path", anew=True)
    assert (journal.is_new, journal.read().done) == (True, [])
    journal.close()
    MirrorJournal(written, other, "path").close()


def test_two_at_once_are_refused(tmp_path):
    journal = MirrorJournal(tmp_path, ROOT, "path")
    with pytest.raises(ConfigurationError, match="another gopher mirror is running"):
        MirrorJournal(tmp_path, ROOT, "path")
    journal.close()
    MirrorJournal(tmp_path, ROOT, "path").close()


@pytest.mark.parametrize(
    "line",
    [
        b"rubbish\n",
        b'{"url": "gopher://h/0a", "path": ["..", "a"], "size": 1}\n',
        b'{"url": "gopher://h/0a", "path": ["/etc/passwd"], "size": 1}\n',
        b'{"url": "http://h/", "path": ["a"], "size": 1}\n',
        b'{"url": "gopher://h/0a", "path": ["a"]}\n',
        b'{"url": "gopher://h/0a", "path": ["a"], "size": "x"}\n',
        b'{"url": "gopher://h/1m", "path": ["m"], "menu": "\\u20ac"}\n',
        b'{"url": "gopher://h/1m", "path": ["m"], "menu": 5}\n',
        b'["path"]\n',
        b"[" * 100_000 + b"\n",
    ],
    ids=lambda line: line[:60].decode(),
)
def test_a_file_that_somebody_changed_is_refused_with_its_line(written, line):
    with open(written / MIRROR_JOURNAL, "ab") as file:
        file.write(line)
    journal = MirrorJournal(written, ROOT, "path")
    with pytest.raises(ConfigurationError, match=r"line 5 of .* is not what gopher mirror writes"):
        journal.read()
    journal.close()
    (written / MIRROR_JOURNAL).write_bytes(line)
    with pytest.raises(ConfigurationError, match="line 1 of"):
        MirrorJournal(written, ROOT, "path")


def test_a_first_line_without_all_that_belongs_into_it_is_no_mirrors(written):
    (written / MIRROR_JOURNAL).write_bytes(b'{"mirror": 1, "url": "gopher://h/"}\n')
    with pytest.raises(ConfigurationError, match="line 1 of"):
        MirrorJournal(written, ROOT, "path")


def test_an_update_asks_again_for_all_of_before(written):
    journal = MirrorJournal(written, ROOT, "path")
    journal.begin_update()
    contents = journal.read()
    assert contents.done == []
    assert [done.url for done in contents.old or ()] == [A, B]
    journal.add_file(A, ("x", "a"), 7)
    journal.close()
    interrupted = MirrorJournal(written, ROOT, "path")
    contents = interrupted.read()
    assert [done.size for done in contents.done] == [7]
    assert [done.url for done in contents.old or ()] == [A, B]
    interrupted.end_update()
    interrupted.close()
    journal = MirrorJournal(written, ROOT, "path")
    contents = journal.read()
    assert ([done.size for done in contents.done], contents.old) == ([7], None)
    journal.close()


def test_all_before_the_last_of_several_updates_is_of_before(written):
    first, file, menu, *_ = (written / MIRROR_JOURNAL).read_bytes().splitlines(keepends=True)
    update = b'{"update": 1}\n'
    (written / MIRROR_JOURNAL).write_bytes(first + file + update + menu + update + file)
    journal = MirrorJournal(written, ROOT, "path")
    contents = journal.read()
    assert [done.url for done in contents.done] == [A]
    assert [done.url for done in contents.old or ()] == [A, B]
    journal.close()


@pytest.mark.parametrize("kept", [[B], [A, B]])
def test_what_an_update_did_not_ask_for_may_be_kept(written, kept):
    journal = MirrorJournal(written, ROOT, "path")
    journal.begin_update()
    old = journal.read().old or []
    journal.add_file(A, ("x", "a"), 7)
    journal.end_update(done for done in reversed(old) if done.url in kept)
    journal.close()
    journal = MirrorJournal(written, ROOT, "path")
    contents = journal.read()
    assert [done.url for done in contents.done] == [*kept, A]
    assert contents.old is None
    assert journal.read_menu(contents.done[-2]) == MENU
    journal.close()


def test_a_link_is_no_journal(tmp_path):
    (tmp_path / "other").write_bytes(b"somebody's")
    (tmp_path / MIRROR_JOURNAL).symlink_to("other")
    with pytest.raises(ConfigurationError, match="is a symbolic link; remove it"):
        MirrorJournal(tmp_path, ROOT, "path")
    assert (tmp_path / "other").read_bytes() == b"somebody's"


@pytest.mark.parametrize("written", [0, 7, None])
def test_ctrl_c_at_any_moment_leaves_whole_lines(tmp_path, monkeypatch, written):
    """Python raises it between two steps: before a write, after it, or after a part was written."""
    write = os.write
    journal = MirrorJournal(tmp_path, ROOT, "path")

    def interrupted(file: int, line: bytes) -> int:
        if written != 0:
            write(file, line[:written])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            journal.add_file(A, ("a",), 5)
    done = journal.add_menu(B, ("b",), MENU)
    assert journal.read_menu(done) == MENU
    journal.close()
    again = MirrorJournal(tmp_path, ROOT, "path")
    assert [each.url for each in again.read().done] == [B]
    again.close()


def test_a_full_disk_is_told_with_the_name_of_the_journal(tmp_path, monkeypatch):
    journal = MirrorJournal(tmp_path, ROOT, "path")

    def full(file: int, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space") as error:
            journal.add_file(A, ("x", "a"), 5)
    assert error.value.filename == str(tmp_path / MIRROR_JOURNAL)
    journal.close()
