"""What a server does about erases: it finishes interrupted ones, and its log says what was erased."""

from collections.abc import Callable
from typing import Any

import pytest

from logsrv.linelog.store.index.segment_index import load
from logsrv.linelog.store.notes.erase_plan import is_unfinished
from logsrv.linelog.store.sealing.erase_watch import EraseWatch
from logsrv.linelog.store.sealing.seal import Interrupted
from logsrv.linelog.store.segment import sealed_segments
from tests.parts.disks import Crash, CrashingDisk, at
from tests.parts.erasing import erase, files_with_person, store_with_person
from tests.parts.stores import small_frames


class Told:
    """Calls of the reactor's thread, as sentences."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def __call__(self, say: Callable[..., object], *given: str, **fields: Any) -> None:
        self.sentences += [one.format(**fields) for one in given]


def test_an_erase_by_a_command_is_logged_once(tmp_path):
    store, told = store_with_person(tmp_path / "store"), Told()
    erase(store)
    watch = EraseWatch(at(store), told)
    assert not watch.look(lambda: True) and not told.sentences
    erase(store, "number=5")
    assert watch.look(lambda: True) and not watch.look(lambda: True)
    assert told.sentences == ["1 line erased in 1 segment by ann: they asked"]
    for query in ("number=7 OR number=9", "number=11 OR number=13 OR number=15"):
        erase(store, query)
        assert watch.look(lambda: True)
    assert [one[:7] for one in told.sentences] == ["1 line ", "2 lines", "3 lines"]


def test_an_interrupted_erase_is_finished_unless_the_server_stops(tmp_path):
    store, told = store_with_person(tmp_path / "store"), Told()
    watch = EraseWatch(at(store), told)
    with pytest.raises(Crash):
        erase(store, disk=CrashingDisk(at=12).open_directory(store))
    with pytest.raises(Interrupted):
        watch.look(lambda: False)
    assert is_unfinished(at(store))
    assert watch.look(lambda: True)
    assert files_with_person(store) == [] and not is_unfinished(at(store))
    assert [one[:12] for one in told.sentences] == ["the erase of", "23 lines era"]


def test_what_an_interrupted_erase_could_not_erase_is_logged(tmp_path):
    """Nobody is at the terminal of the command any more."""
    with small_frames(1500):
        store, told = store_with_person(tmp_path / "store"), Told()
        first = sealed_segments(at(store))[0]
        watch = EraseWatch(at(store), told)
        frames = load(first, at(store)).frames
        with open(store / first.name, "r+b") as file:
            file.seek(frames[1].at + 20)
            file.write(b"damaged")
        with pytest.raises(Crash):
            erase(store, disk=CrashingDisk(at=12).open_directory(store), is_damaged=True)
        assert watch.look(lambda: True)
    assert told.sentences[1] == (
        "segment 1 is not erased whole: lines of it cannot be read; see logsrv doctor"
    )
    assert [one[:12] for one in told.sentences][::2] == ["the erase of", "21 lines era"]
