"""The target of a lake: what it says is there, in a directory and in a bucket."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import maybeDeferred

from logsrv.errors import ConfigurationError
from logsrv.linelog.erase.everywhere import rewrite_everywhere
from logsrv.linelog.lake.lake_target import LakeTarget
from logsrv.linelog.objects.opening import open_archive
from logsrv.linelog.ship.address import parse_ship_url
from logsrv.linelog.ship.orders import make_orders
from logsrv.linelog.ship.reports import ShipperStopped, TextAcknowledged, TextResent
from logsrv.linelog.ship.segment_sender import SegmentSender
from logsrv.linelog.ship.ship_settings import ShipSettings
from logsrv.linelog.ship.targets.object_target import raise_target_error
from logsrv.linelog.ship.targets.target import ArchiveSurvey, ForeignStoreError, Unavailable
from logsrv.linelog.ship.targets.target_plugin import TargetSettings, make_target
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.identity import Identity, save_identity
from logsrv.linelog.store.notes.manifest import segment_base_name
from logsrv.linelog.store.segment import Position
from tests.parts.archived_stores import STORE, packed
from tests.parts.bucket_server import Asked, BucketServer, error, running, set_keys
from tests.parts.disks import at
from tests.parts.erasing import erase
from tests.parts.far_sides import closing
from tests.parts.lakes import name, over_midnight, rows_of, store_of
from tests.parts.reactor import REACTOR
from tests.parts.ship_targets import Process
from tests.parts.stores import line


def target(url: str) -> LakeTarget:
    made = make_target(TargetSettings(name="far", url=parse_ship_url(url), store=STORE), REACTOR)
    assert isinstance(made, LakeTarget)
    return made


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with a segment over midnight, and one of the day after."""
    store_of(tmp_path / "store", over_midnight(), [line("later", 90_000 + n) for n in range(5)])
    return tmp_path / "store"


@pytest.fixture(params=["file", "s3"])
def url(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    with ExitStack() as stack:
        (tmp_path / "lake").mkdir()
        url = f"file://{tmp_path}/lake"
        if request.param == "s3":
            set_keys(monkeypatch)
            url = stack.enter_context(running()).url("lake")
        yield f"lake+{url}"


async def test_segments_go_there_and_are_known_there(url, store):
    first, second = packed(store)
    names = [segment_base_name(one.name) for one in (first, second)]
    disk = at(store)
    lake = open_archive(url.removeprefix("lake+"))
    async with closing(target(url)) as one:
        assert await one.survey([first, second], disk) == ArchiveSurvey([], [first, second])
        sent = await one.put_segment(first, disk)
        assert (sent.name, sent.lines) == (names[0], 20)
        assert await one.survey([first, second], disk) == ArchiveSurvey(names[:1], [second])
        await one.put_segment(second, disk)
        for others in (True, False):
            assert await one.survey([first, second], disk, others=others) == ArchiveSurvey(
                names, []
            )
        assert await one.has_segment(names[1]) and await one.has_segment(names[0])
        lake.remove(name(20))
        assert not await one.has_segment(names[0])
        # The other file of that segment is there, but the segment is not.
        assert await one.survey([first, second], disk) == ArchiveSurvey(names[1:], [first])


async def test_retention_hears_of_each_file_that_was_lost_or_cut(tmp_path, store):
    (tmp_path / "lake").mkdir()
    first, second = packed(store)
    disk = at(store)
    for lost in (name(20), name(21), name(21, 2)):
        async with closing(target(f"lake+file://{tmp_path}/lake")) as one:
            for each in (first, second):
                await one.put_segment(each, disk)
            path = tmp_path / "lake" / lost
            data = path.read_bytes()
            path.write_bytes(data[:-1])
            lacking = (await one.survey([first, second], disk, others=False)).lacking
            assert lacking == [second if lost == name(21, 2) else first]
            path.unlink()


@pytest.mark.parametrize("how", ["lost", "cut"])
async def test_retention_hears_of_a_file_that_was_there_when_it_asked_before(tmp_path, store, how):
    """It asks again before each removal: what was whole then may be lost since."""
    (tmp_path / "lake").mkdir()
    first, second = packed(store)
    disk = at(store)
    async with closing(target(f"lake+file://{tmp_path}/lake")) as one:
        for each in (first, second):
            await one.put_segment(each, disk)
        for lost in (name(20), name(21), name(21, 2)):
            assert not (await one.survey([first, second], disk, others=False)).lacking
            path = tmp_path / "lake" / lost
            data = path.read_bytes()
            path.unlink() if how == "lost" else path.write_bytes(data[:-1])
            lacking = (await one.survey([first, second], disk, others=False)).lacking
            assert lacking == [second if lost == name(21, 2) else first]
            path.write_bytes(data)


async def test_other_stores_and_strangers_in_the_lake_are_passed_over(tmp_path, store):
    folder = tmp_path / "lake" / "day=2026-11-20"
    folder.mkdir(parents=True)
    (folder / f"{'cd' * 16}-0000000009.parquet").touch()
    (folder / f"{STORE}-00000000x9.parquet").touch()
    (folder / f"{STORE}-0000000001.parquet.tmp").touch()
    for folder in ("day=", "day=2026-11-20-x", "_delta_log", "zzz"):
        (tmp_path / "lake" / folder).mkdir()
    async with closing(target(f"lake+file://{tmp_path}/lake")) as one:
        assert (await one.survey(packed(store), at(store))).names == []


async def test_errors_of_a_lake_become_errors_of_a_target(tmp_path, store):
    async with closing(target(f"lake+file://{tmp_path}/lake")) as one:
        with pytest.raises(Unavailable, match="mount it, or make the directory") as caught:
            await one.survey([], at(tmp_path))
        assert caught.value.settled
        (tmp_path / "lake").mkdir()
        await one.put_segment(packed(store)[0], at(store))
        store_of(tmp_path / "copy", over_midnight(18))
        with pytest.raises(ForeignStoreError, match="--new-identity"):
            await one.put_segment(packed(tmp_path / "copy")[0], at(tmp_path / "copy"))


Fault = Callable[[BucketServer, Asked], Any]
FAULTS: dict[str, tuple[Fault, str]] = {
    "refuses": (lambda _, asked: error(403, "AccessDenied"), "may not do this here"),
    "full": (
        lambda _, asked: (
            error(507, "XMinioStorageFull", "no room") if asked.method == "PUT" else None
        ),
        "no room",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_bucket_that_refuses_is_told_with_a_sentence(fault, store, monkeypatch):
    set_keys(monkeypatch)
    answer, why = FAULTS[fault]
    with running() as bucket:
        async with closing(target(f"lake+{bucket.url('lake')}")) as one:
            bucket.faults = [lambda asked: answer(bucket, asked)]
            with pytest.raises(Unavailable, match=why):
                await one.put_segment(packed(store)[0], at(store))
            assert bucket.objects == {}


async def test_a_bucket_that_lies_never_has_a_segment(store, monkeypatch):
    set_keys(monkeypatch)
    with running() as bucket:
        async with closing(target(f"lake+{bucket.url('lake')}")) as one:
            bucket.change = lambda _, data: data[:-1] + b"x"
            with pytest.raises(Unavailable, match="is not what was archived"):
                await one.put_segment(packed(store)[0], at(store))
            assert not bucket.objects


class ImmediateLake(LakeTarget):
    """A lake that answers at once."""

    def _run_in_thread(self, step: Callable[[Callable[[], bool]], Any]) -> Any:
        return maybeDeferred(step, lambda: True).addErrback(raise_target_error)


def shipping(store: Path, url: str) -> Process:
    """Ship a store until nothing more is to do."""
    process = Process(store)
    settings = TargetSettings(name="far", url=parse_ship_url(url), store=STORE)

    def sender(progress: Any) -> SegmentSender:
        disk = Disk().open_directory(store)
        return SegmentSender(ImmediateLake(settings, None), progress, disk, url)

    process.ship(sender, "beginning", STORE).start()
    process.run()
    return process


def test_a_lake_is_no_archive_for_readers_and_retention_of_indexes(tmp_path, store):
    (tmp_path / "lake").mkdir()
    process = shipping(store, f"lake+file://{tmp_path}/lake")
    assert process.position == Position(3, 0)
    assert [one.lines for one in process.reports.of(TextAcknowledged)] == [20, 5]
    assert len(rows_of(tmp_path / "lake")) == 25
    assert not list(store.glob("*.archived")) and not list(store.glob("ship/*.archive"))
    process.kill()


def test_an_erase_finds_a_lake_in_a_bucket_by_the_options_of_its_url(store, monkeypatch):
    """The saved place has no options, such as the endpoint: the URL is noted beside it."""
    set_keys(monkeypatch)
    with running() as bucket:
        shipping(store, f"lake+{bucket.url('lake')}").kill()
        save_identity(at(store), Identity(STORE, Position(1, 0)))
        before = dict(bucket.objects)
        erase(store, "later")
        assert rewrite_everywhere(str(store), at(store))
        assert bucket.objects.keys() == before.keys() and bucket.objects != before


def test_a_lost_segment_goes_again_and_the_others_are_not_made_anew(tmp_path, store):
    (tmp_path / "lake").mkdir()
    url = f"lake+file://{tmp_path}/lake"
    shipping(store, url).kill()
    (tmp_path / "lake" / name(20)).unlink()
    again = shipping(store, url)
    [lost] = again.reports.of(TextResent)
    assert "the lake has lost 1 segment from 0000000001-" in lost.why
    assert [one.lines for one in again.reports.of(TextAcknowledged)] == [20]
    assert again.position == Position(3, 0) and len(rows_of(tmp_path / "lake")) == 25
    again.kill()


def test_a_lake_that_is_ahead_stops_a_restored_store(tmp_path, store):
    (tmp_path / "lake").mkdir()
    url = f"lake+file://{tmp_path}/lake"
    shipping(store, url).kill()
    restored = tmp_path / "restored"
    store_of(restored, over_midnight())
    process = shipping(restored, url)
    [stopped] = process.reports.of(ShipperStopped)
    assert "the lake has segment 0000000002-" in stopped.why and "--new-identity" in stopped.why
    process.kill()


@pytest.mark.parametrize(
    ("url", "extra"), [("s3://logs", "archive,columns"), ("file:///a", "columns")]
)
def test_a_missing_package_is_told_before_a_process_is_started(monkeypatch, url, extra):
    settings = ShipSettings(ship=parse_ship_url(f"lake+{url}"), name="far")
    make_orders(settings)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigurationError, match=rf"the package pyarrow; .*\[{extra}\]"):
        make_orders(settings)


async def test_a_bucket_without_its_package_says_which_is_missing(monkeypatch, store):
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.delitem(sys.modules, "logsrv.linelog.objects.bucket", raising=False)
    async with closing(target("lake+s3://logs/lake")) as one:
        with pytest.raises(Unavailable, match=r"needs the package obstore; .*\[archive\]"):
            await one.survey(packed(store), at(store))


def test_its_url_is_that_of_an_archive_with_a_word_before(tmp_path):
    url = parse_ship_url("lake+s3://logs/edge?region=eu-central-1")
    assert (url.loggable_url, url.default_name) == ("lake+s3://logs/edge", "lake-s3-logs-edge")
    assert str(url) == "lake+s3://logs/edge?region=eu-central-1" and url.takes == "segments"
    assert "AWS_ACCESS_KEY_ID" in url.plugin.environment_variables(url)
    for wrong in ("lake+s3://k:s@logs", "lake+s3://logs?x=1", "lake+file://lake", "lake+az://a/?x"):
        with pytest.raises(ValueError):
            parse_ship_url(wrong)
