"""Stores for those who look after them: small, with a segment in each form, and what is beside it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from logsrv.linelog.archive.putting import make_manifest
from logsrv.linelog.doctor.examine import Examination, StorePart
from logsrv.linelog.doctor.findings import StoreFinding
from logsrv.linelog.store import identity, place
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.identity import Identity
from logsrv.linelog.store.notes.manifest import Manifest
from logsrv.linelog.store.place import Place, saved_places
from logsrv.linelog.store.segment import (
    SYNCED,
    Form,
    Position,
    Segment,
    sealed_segments,
    synced_file_text,
)
from tests.parts.stores import line, make_store

STORE = "0a" * 16


def small_store(directory: Path, *, words: int = 0) -> Path:
    """A store of three compressed segments, one that waits, and the active one; with places.

    words: so many more lines in the first, which has a word index then.
    """
    segments = [
        [line(f"word{number} segment{count}", 100 * count + number) for number in range(5)]
        for count in range(5)
    ]
    segments[0] += [
        line(f"number{number * 7919:x} of many {'y' * 60}", 50) for number in range(words)
    ]
    store = make_store(directory, segments, packed=3)
    disk = Disk().open_directory(store)
    identity.save_identity(disk, Identity(STORE, Position(1, 0)))
    (store / SYNCED).write_bytes(synced_file_text(Position(5, 20)))
    for folder, name in (("ship", "centre"), ("alerts", "1")):
        (store / folder).mkdir()
        inside = Disk().open_directory(store / folder)
        place.save(inside, name, Place(Position(4, 0), STORE, "2026-11-20T06:00:00.000000Z"))
        inside.close()
    disk.close()
    return store


def packed_of(store: Path) -> list[Segment]:
    """The compressed segments."""
    return [one for one in sealed_segments(at(store)) if one.form is Form.PACKED]


def manifest_of(store: Path, number: int = 1) -> Manifest:
    """What an archive would have of a segment."""
    return make_manifest(packed_of(store)[number - 1], at(store), STORE)


def at(store: Path) -> Disk:
    return Disk().open_directory(store)


def examination(store: Path, *, quick: bool = False) -> Examination:
    return Examination(
        disk=at(store),
        places=lambda: list(saved_places(str(store))),
        quick=quick,
    )


def all_findings(parts: Sequence[StorePart]) -> Iterator[StoreFinding]:
    """What is found in all parts, in their order."""
    for part in parts:
        yield from part.confirmed_findings()


def found(store: Path, *, quick: bool = False, repair: bool = False) -> list[StoreFinding]:
    """What the doctor finds. repair: what it finds after all remedies."""
    examined = examination(store, quick=quick)
    findings = list(all_findings(examined.parts()))
    examined.disk.close()
    if not repair:
        return findings
    for one in findings:
        if one.remedy is not None:
            again = examination(store)
            [same] = [
                each
                for each in all_findings(again.parts())
                if (each.kind, each.name) == (one.kind, one.name)
            ]
            assert same.remedy is not None
            same.remedy()
    return found(store, quick=quick)


def kinds(findings: Sequence[StoreFinding]) -> list[str]:
    """The kinds of findings."""
    return [one.kind for one in findings]


def flip(path: Path, at: int, bit: int = 1) -> None:
    """Damage a byte of a file."""
    data = bytearray(path.read_bytes())
    data[at] ^= bit
    path.write_bytes(data)
