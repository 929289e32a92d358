"""Names and files, whatever is in them: no files, twice there, left over, of the wrong owner or mode."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.linelog.store.care.stores import found, kinds, notes, packed_of, small_store


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return small_store(tmp_path / "store")


def test_what_has_the_name_of_a_segment_and_is_no_file(store: Path) -> None:
    (store / "0000000009-20261120T061842Z.log.zst").mkdir()
    (store / "0000000009-20261120T061842Z.log").symlink_to("/etc/passwd")
    assert kinds(found(store)) == ["no-file", "no-file"]


def test_a_segment_that_is_there_in_both_forms_is_a_note(store: Path) -> None:
    first = packed_of(store)[0]
    (store / first.name.removesuffix(".zst")).write_bytes(b"")
    assert (kinds(found(store)), notes(found(store))) == ([], ["twice"])
    (store / "0000000001-20201120T061842Z.log").write_bytes(b"")
    assert kinds(found(store)) == ["rival"]


def test_what_is_left_over_is_a_note_when_it_is_old(store: Path) -> None:
    (store / "number.tmp").write_bytes(b"")
    assert found(store) == []
    os.utime(store / "number.tmp", (0, 0))
    (store / "0000000009-20261120T061842Z.log.zst.idx").write_bytes(b"")
    assert [(one.kind, one.name) for one in found(store)] == [
        ("left-over", "0000000009-20261120T061842Z.log.zst.idx, number.tmp")
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
def test_files_of_root_are_given_to_the_owner_of_the_store_and_no_others(store: Path) -> None:
    for path in [store, *store.rglob("*")]:
        os.chown(path, 1234, 1234)
    outside = store.parent / "outside"
    outside.write_text("")
    os.chown(store / "number", 0, 0)
    os.chown(store / "ship" / "centre", 0, 0)
    assert kinds(found(store)) == ["owner"]
    # A name that somebody has given to a file elsewhere.
    os.link(outside, store / "ship" / "outside")
    assert kinds(found(store, repair=True)) == ["owner", "place"]
    assert outside.stat().st_uid == 0
    assert (store / "number").stat().st_uid == (store / "ship" / "centre").stat().st_uid == 1234
    (store / "ship" / "outside").unlink()
    assert kinds(found(store)) == []


def test_a_folder_that_is_a_link_is_not_followed(store: Path) -> None:
    elsewhere = store.parent / "elsewhere"
    (store / "alerts").rename(elsewhere)
    (store / "alerts").symlink_to(elsewhere)
    (elsewhere / "1").chmod(0o646)
    assert "mode" not in kinds(found(store, repair=True))
    assert (elsewhere / "1").stat().st_mode & 0o777 == 0o646


def test_a_file_that_everybody_may_change_gets_its_mode(store: Path) -> None:
    (store / "number").chmod(0o666)
    assert kinds(found(store)) == ["mode"]
    assert kinds(found(store, repair=True)) == []
    assert (store / "number").stat().st_mode & 0o777 == 0o640
