"""The identity of a store comes back where all that knows it says the same."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from logsrv.linelog.cursors import place
from logsrv.linelog.cursors.place import Place
from logsrv.linelog.store.archive.manifest import encode
from logsrv.linelog.store.segments import identity
from logsrv.linelog.store.segments.identity import Identity
from logsrv.linelog.store.segments.segment import Position
from tests.linelog.store.care.stores import (
    STORE,
    at,
    found,
    kinds,
    manifest_of,
    packed_of,
    small_store,
)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return small_store(tmp_path / "store")


def test_a_digit_that_changed_is_found_by_places_and_put_right(store: Path) -> None:
    text = (store / "store").read_bytes()
    (store / "store").write_bytes(text.replace(b"0a0a", b"0b0a", 1))
    assert kinds(found(store)) == ["identity"]
    assert kinds(found(store, repair=True)) == []
    assert identity.load(at(store)) == Identity(STORE, Position(1, 0))


def test_another_identity_that_was_asked_for_stays(store: Path) -> None:
    """`logsrv ship --new-identity`: places and archives of before name the one of before."""
    first = packed_of(store)[0]
    (store / first.archived).write_bytes(encode(manifest_of(store)))
    end = Position(5, (store / "current.log").stat().st_size)
    place.save(at(store / "ship"), "at-the-end", Place(end, STORE))
    made = identity.make(at(store), end, os.urandom)
    assert kinds(found(store, repair=True)) == []
    assert identity.load(at(store)) == made


def test_where_it_began_must_be_known(store: Path) -> None:
    (store / "store").unlink()
    [one] = found(store)
    assert one.remedy is None and "--new-identity" in one.advice
    first = packed_of(store)[0]
    (store / first.archived).write_bytes(encode(manifest_of(store)))
    assert kinds(found(store, repair=True)) == []
    assert identity.load(at(store)) == Identity(STORE, Position(1, 0))


def test_two_others_are_one_too_many(store: Path) -> None:
    place.save(at(store / "ship"), "other", Place(Position(4, 0), "0b" * 16))
    (store / "store").write_bytes(b"{")
    one = next(each for each in found(store) if each.kind == "identity")
    assert one.remedy is None


def test_a_store_that_never_had_one_is_sound(store: Path) -> None:
    for name in ("store", "ship/centre", "alerts/1"):
        (store / name).unlink()
    assert found(store) == []


def test_what_is_no_file_is_said_in_words(store: Path) -> None:
    (store / "store").unlink()
    (store / "store").mkdir()
    [one] = found(store)
    assert one.what == "it cannot be read: Is a directory"
