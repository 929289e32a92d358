"""The target of an archive: its work is done beside the reactor, which never waits."""

import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.archive.target import ArchiveTarget
from logsrv.linelog.objects.directory import DirectoryArchive
from logsrv.linelog.ship.address import parse_ship_url
from logsrv.linelog.ship.targets.target import ArchiveSurvey, ForeignStoreError, Unavailable
from logsrv.linelog.ship.targets.target_plugin import TargetSettings, make_target
from logsrv.linelog.store.notes.archive_notes import save_local_manifest
from tests.parts.archived_stores import STORE, packed, sealed_store
from tests.parts.disks import at
from tests.parts.far_sides import closing
from tests.parts.reactor import REACTOR, until


def target(folder: Path) -> ArchiveTarget:
    url = parse_ship_url(f"file://{folder}")
    made = make_target(TargetSettings(name="far", url=url, store=STORE), REACTOR)
    assert isinstance(made, ArchiveTarget)
    return made


async def test_a_segment_goes_there_and_is_known_there(tmp_path):
    store = sealed_store(tmp_path / "store", 1, count=50)
    (tmp_path / "archive").mkdir()
    one, [segment] = target(tmp_path / "archive"), packed(store)
    disk = at(store)
    assert (await one.survey([segment], disk)).names == []
    manifest = await one.put_segment(segment, disk)
    save_local_manifest(disk, segment, manifest)
    assert await one.survey([segment], disk) == ArchiveSurvey([manifest.name], [])
    assert (await one.survey([segment], disk, others=False)).lacking == []
    (tmp_path / "archive" / STORE / segment.name).unlink()
    assert await one.survey([segment], disk) == ArchiveSurvey([manifest.name], [segment])
    assert (await one.survey([segment], disk, others=False)).lacking == [segment]
    assert await one.has_segment(manifest.name)
    assert not await one.has_segment("0000000009-20261120T061842Z")
    await one.close()


async def test_errors_of_an_archive_become_errors_of_a_target(tmp_path):
    async with closing(target(tmp_path / "archive")) as one:
        with pytest.raises(Unavailable, match="mount it, or make the directory") as error:
            await one.survey([], at(tmp_path))
        assert error.value.settled
        (tmp_path / "archive").mkdir()
        for count in (50, 49):
            store = sealed_store(tmp_path / f"store{count}", 1, count=count)
            [segment] = packed(store)
            if count == 50:
                await one.put_segment(segment, at(store))
            else:
                with pytest.raises(ForeignStoreError, match="--new-identity"):
                    await one.put_segment(segment, at(store))


async def test_a_directory_that_stands_still_holds_up_nothing(tmp_path, monkeypatch):
    """What was given up is not done later, and what comes behind it is."""
    store = sealed_store(tmp_path / "store", 1, count=50)
    (tmp_path / "archive").mkdir()
    moves, begun = threading.Event(), threading.Event()
    create = DirectoryArchive.create

    def still(self: DirectoryArchive, name: str, pieces: Iterable[bytes]) -> None:
        begun.set()
        moves.wait(PATIENCE)
        create(self, name, pieces)

    monkeypatch.setattr(DirectoryArchive, "create", still)
    one, [segment] = target(tmp_path / "archive"), packed(store)
    ended: list[object] = []
    first = one.put_segment(segment, at(store)).addBoth(ended.append)
    await until(begun.is_set, "the first step")
    first.cancel()
    assert len(ended) == 1
    closed = one.close()
    moves.set()
    await closed
    assert DirectoryArchive(str(tmp_path / "archive")).names() == []


class Panic(BaseException):
    """As obstore raises it."""


async def test_a_panic_is_told_and_what_comes_behind_it_is_done(tmp_path, monkeypatch):
    def panic(*_: object) -> list[str]:
        raise Panic("called `Option::unwrap()` on a `None` value")

    one, disk = target(tmp_path), at(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(DirectoryArchive, "sizes", panic)
        asked = one.survey([], disk).addTimeout(PATIENCE, REACTOR)
        with pytest.raises(Unavailable, match="Panic: called"):
            await asked
    assert (await one.survey([], disk).addTimeout(PATIENCE, REACTOR)).names == []
    await one.close()


async def test_an_unused_archive_target_closes_at_once(tmp_path):
    await target(tmp_path).close()
