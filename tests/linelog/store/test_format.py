"""A store of a later format is refused by whoever writes or reads it, and nothing in it changes."""

from pathlib import Path

import pytest

from logsrv import __version__
from logsrv.errors import StoreError
from logsrv.kit.text.checksums import line_with_checksum
from logsrv.linelog.read.view import View
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.format import FORMAT, NAME, load_format, require_known_format
from logsrv.linelog.store.lock import locked
from tests.parts.commands import logsrv
from tests.parts.stores import line, make_store


def store_of(directory: Path, text: bytes) -> Path:
    store = make_store(directory, [[line("one")], [line("two", 1)]])
    (store / NAME).write_bytes(text)
    return store


def contents(store: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in store.iterdir()}


def test_a_store_without_the_file_is_of_the_first_format(tmp_path):
    disk = Disk().open_directory(make_store(tmp_path / "store", [[line("one")]]))
    assert load_format(disk) == (1, "")
    require_known_format(disk)


def test_a_store_of_this_format_is_used(tmp_path, open_store):
    store = store_of(
        tmp_path / "store", line_with_checksum(b"%d %s" % (FORMAT, __version__.encode()))
    )
    assert open_store(directory=store).accepts
    assert logsrv("search", "--directory", str(store), "two").stdout == line("two", 1)


def test_a_newer_store_is_refused_before_anything_is_written(tmp_path, open_store):
    store = store_of(tmp_path / "store", line_with_checksum(b"%d 9.4.0" % (FORMAT + 1)))
    (tmp_path / "old.log").write_bytes(b"2026-11-21T06:00:00Z web app: three\n")
    before = contents(store)
    wanted = (
        f"the store {store} was written by logsrv 9.4.0 or newer (format {FORMAT + 1}), and this is"
        f" logsrv {__version__} (format {FORMAT}): install logsrv 9.4.0 or newer again, or take a"
        " backup from before"
    )
    with pytest.raises(StoreError) as server:
        open_store(directory=store)
    assert str(server.value) == wanted
    with pytest.raises(StoreError), locked(store):
        pass
    with pytest.raises(StoreError), View(str(store), print):
        pass
    there = str(store)
    for words in (
        ("import", "--directory", there, str(tmp_path / "old.log")),
        ("reindex", "--directory", there),
        ("search", "--directory", there, "two"),
        ("tail", "--directory", there),
        ("ship", "--new-identity", there),
    ):
        shown = logsrv(*words)
        assert shown.stderr.decode() == f"logsrv {words[0]}: {wanted}\n"
        assert shown.returncode in (1, 2) and not shown.stdout
    assert contents(store) == before


def test_a_file_that_makes_no_sense_keeps_writers_out_and_lets_readers_in(tmp_path, open_store):
    for number, text in enumerate(
        (b"", b"two", b"2 3 4", b"-1", b"\xc2\xb2", b"\0" * 300, b"1 0.1\n")
    ):
        store = store_of(tmp_path / str(number), text)
        with pytest.raises(StoreError, match="does not say which format"):
            open_store(directory=store)
        shown = logsrv("search", "--directory", str(store), "two")
        assert shown.stdout == line("two", 1) and shown.returncode == 0
        assert b"does not say which format the store has" in shown.stderr


def test_nothing_in_the_file_reaches_a_terminal_as_it_is(tmp_path):
    disk = Disk().open_directory(store_of(tmp_path / "store", line_with_checksum(b"7 \x1b[31mred")))
    with pytest.raises(StoreError) as refused:
        require_known_format(disk)
    assert "\x1b" not in str(refused.value)
