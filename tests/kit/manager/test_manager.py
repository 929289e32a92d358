"""What the service manager of a process hears, from its start to its stop."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from logsrv.kit.manager.manager import ServiceManager
from tests.parts.managers import FakeManager


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[FakeManager]:
    with FakeManager(tmp_path) as made:
        yield made


def test_a_status_is_told_when_it_has_changed(manager):
    clock, said = Clock(), ["1 listener"]
    service = ServiceManager(manager.environment, clock)
    service.report_ready(lambda: said[-1])
    clock.pump([5, 5])
    said.append("2 listeners")
    clock.pump([5, 5])
    service.report_stopping(40)
    clock.pump([5, 5])
    manager.read()
    assert manager.messages == [
        {"READY": "1", "STATUS": "1 listener"},
        {"STATUS": "2 listeners"},
        {"STOPPING": "1", "STATUS": "stopping", "EXTEND_TIMEOUT_USEC": "50000000"},
    ]


def test_a_refused_reload_stays_in_the_status_until_one_is_done(manager):
    clock = Clock()
    service = ServiceManager(manager.environment, clock)
    service.report_ready(lambda: f"{clock.seconds():.0f} s")
    before = time.monotonic_ns() // 1000
    service.report_reloading()
    service.report_reloaded("no\nport")
    clock.advance(5)
    service.report_reloading()
    service.report_reloaded()
    manager.read()
    _, begun, refused, later, _, done = manager.messages
    assert begun["RELOADING"] == "1"
    assert before <= int(begun["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
    assert refused == {"READY": "1", "STATUS": "0 s; the last reload was refused: no\\x0aport"}
    assert later["STATUS"].startswith("5 s; the last reload was refused")
    assert done == {"READY": "1", "STATUS": "5 s"}
    service.report_stopping(1)


def test_a_start_that_takes_its_time_asks_for_more(manager):
    service = ServiceManager(manager.environment, Clock())
    service.report_starting()
    told = manager.wait_for(lambda one: "EXTEND_TIMEOUT_USEC" in one, "more time")
    assert told == {"EXTEND_TIMEOUT_USEC": "60000000"}
    service.report_failed("the disk is full")
    manager.wait_for(lambda one: one.get("STATUS") == "the disk is full", "the sentence")


def test_the_watchdog_hears_of_a_service_until_it_has_stopped(manager):
    clock = Clock()
    environment = {**manager.environment, "WATCHDOG_USEC": "60000000"}
    service = ServiceManager(environment, clock)
    service.report_ready(str)
    clock.advance(30)
    service.report_stopping(40)
    clock.advance(30)
    service.end_heartbeat()
    clock.advance(300)
    manager.read()
    assert [one for one in manager.messages if "WATCHDOG" in one] == [{"WATCHDOG": "1"}] * 3
    assert not environment


def test_without_a_manager_nothing_is_sent():
    clock = Clock()
    service = ServiceManager({"WATCHDOG_USEC": "1000"}, clock)
    service.report_starting()
    service.report_ready(lambda: 1 / 0)  # type: ignore[arg-type, return-value]
    service.report_reloading()
    service.report_reloaded()
    service.report_stopping(1)
    service.end_heartbeat()
    assert not clock.getDelayedCalls()
