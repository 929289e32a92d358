"""The stores of rules in a directory: found by name, kept for a time, written beside the main one."""

import os
from pathlib import Path

import pytest
from twisted.internet.testing import MemoryReactorClock

from logsrv.clock import Clock
from logsrv.kit.observe.metrics import Metrics
from logsrv.linelog.plugin.monitoring import METRICS
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.policy import StorePolicy
from logsrv.linelog.store.rule_stores import (
    KeptFor,
    has_lines,
    load_keep,
    other_stores_sentence,
    rule_stores,
    save_keep,
)
from logsrv.linelog.store.store import Store
from logsrv.linelog.store.valve import Valve
from tests.parts.disks import batch
from tests.parts.reactor import REACTOR, until
from tests.parts.stores import line, make_store


def make_folder(tmp_path: Path) -> Path:
    store = make_store(tmp_path / "store", [[line("a")]])
    (store / "stores").mkdir()
    return store


def test_a_store_of_a_rule_is_found_by_its_name(tmp_path):
    store = make_folder(tmp_path)
    make_store(store / "stores" / "audit", [[line("b")]])
    (store / "stores" / "just-made").mkdir()
    (store / "stores" / "a-file").write_text("x")
    make_store(store / "stores" / "Not_a_name", [[line("c")]])
    assert rule_stores(str(store)) == {"audit": f"{store}/stores/audit"}


def test_a_store_without_current_log_is_one_if_it_has_segments(tmp_path):
    store = make_folder(tmp_path)
    there = make_store(store / "stores" / "audit", [[line("b")], []])
    (there / "current.log").unlink()
    assert [*rule_stores(str(store))] == ["audit"]
    assert has_lines(str(there))


def test_most_stores_have_no_others(tmp_path):
    store = make_store(tmp_path / "store", [[line("a")]])
    assert rule_stores(str(store)) == {} and other_stores_sentence(str(store), "ships") is None
    (store / "stores").write_text("a file of somebody")
    assert rule_stores(str(store)) == {}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read all")
def test_a_folder_that_cannot_be_read_is_no_empty_one(tmp_path):
    store = make_folder(tmp_path)
    (store / "stores").chmod(0)
    with pytest.raises(PermissionError):
        rule_stores(str(store))


def test_a_command_for_one_store_names_the_others(tmp_path):
    store = make_folder(tmp_path)
    make_store(store / "stores" / "audit", [[]])
    make_store(store / "stores" / "fw", [[]])
    assert other_stores_sentence(str(store), "erases in") == (
        f"this erases in {store} alone; for the others give {store}/stores/audit, {store}/stores/fw"
    )
    assert not has_lines(f"{store}/stores/fw")


@pytest.mark.parametrize("kept", [KeptFor(), KeptFor(365.5, None), KeptFor(None, 1 << 40)])
def test_a_store_says_how_long_it_keeps_lines(tmp_path, kept):
    with Disk().open_directory(tmp_path) as disk:
        assert load_keep(disk) is None
        save_keep(KeptFor(1, 2), disk)
        save_keep(kept, disk)
        assert load_keep(disk) == kept
        changed = os.stat(tmp_path / "keep").st_ino
        save_keep(kept, disk)
        assert os.stat(tmp_path / "keep").st_ino == changed


def test_a_damaged_note_is_no_shorter_time(tmp_path):
    with Disk().open_directory(tmp_path) as disk:
        save_keep(KeptFor(365, None), disk)
        text = (tmp_path / "keep").read_bytes()
        (tmp_path / "keep").write_bytes(text.replace(b"365", b"3.5"))
        with pytest.raises(ValueError):
            load_keep(disk)


class Sender:
    """A sender that notes whether it is paused."""

    paused = False

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False


async def test_senders_wait_while_one_of_the_stores_has_too_much(open_store, tmp_path):
    """The other one has room, and does not let them go on."""
    metrics = Metrics(METRICS)
    main = open_store(metrics=metrics, high_water=100, low_water=50)
    other = Store(
        tmp_path / "other",
        StorePolicy(high_water=100, low_water=50),
        reactor=REACTOR,
        clock=Clock(),
        metrics=metrics,
        main=main,
    )
    other.open()
    try:
        sender = Sender()
        main.valve.add(sender)
        assert metrics.value("senders_paused") == 0
        other.append(batch(b"x" * 200))
        assert sender.paused and metrics.value("senders_paused") == 1
        main.append(batch(b"y"))
        assert sender.paused
        await until(lambda: not sender.paused, "room again")
        await until(lambda: metrics.value("stored_lines_total") == 2, "both lines counted")
        assert metrics.value("store_stalled") == 0 and metrics.value("store_segments") == 2
    finally:
        await other.close()


def test_a_valve_opens_when_the_last_store_lets_it():
    valve, sender = Valve(MemoryReactorClock()), Sender()
    valve.add(sender)
    for store in ("one", "two"):
        valve.close(store)
    valve.open("one")
    assert valve.closed and sender.paused
    valve.open("two")
    assert not valve.closed and not sender.paused
