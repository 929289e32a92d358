"""Names are looked up beside everything else, once a minute at most."""

import os
import socket
import threading
from collections.abc import Iterator
from selectors import BaseSelector, DefaultSelector
from typing import Any

import pytest

from logsrv.gopher.fetch.addresses import KNOWN_FOR, AddressLookup
from logsrv.kit.testing.patience import PATIENCE
from tests.gopher.conftest import names
from tests.parts.gopher_servers import LOOPBACK, open_now

HERE = [(socket.AF_INET, (LOOPBACK, 70))]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(name="selector")
def a_selector() -> Iterator[BaseSelector]:
    made = DefaultSelector()
    yield made
    made.close()


def turn(selector: BaseSelector) -> None:
    for key, _ in selector.select(PATIENCE):
        key.data()


def known(addresses: AddressLookup, host: str, port: int = 70) -> Any:
    """Return what is found without asking anybody, else None."""
    found: list[Any] = [None]
    addresses.look_up(host, port, found.append)
    addresses.cancel_lookups()
    return found[-1]


def test_numbers_need_no_lookup(selector, clock, monkeypatch):
    asked = names(monkeypatch, [])
    addresses = AddressLookup(selector, clock)
    assert known(addresses, LOOPBACK) == HERE
    assert known(addresses, "::1")[0][0] == socket.AF_INET6
    assert asked == []


def test_a_name_is_asked_for_once_and_known_for_a_while(selector, clock, monkeypatch):
    asked = names(monkeypatch, [LOOPBACK])
    addresses = AddressLookup(selector, clock)
    found: list[Any] = []
    addresses.look_up("h.example", 70, found.append)
    assert found == []
    turn(selector)
    assert found == [HERE]
    assert known(addresses, "h.example") == HERE
    assert asked == ["h.example"]
    addresses.forget("h.example", 70)
    assert known(addresses, "h.example") is None
    addresses.look_up("h.example", 70, found.append)
    turn(selector)
    clock.now = KNOWN_FOR
    assert known(addresses, "h.example") is None


def test_a_name_without_an_address_is_told_and_not_remembered(selector, clock):
    addresses = AddressLookup(selector, clock)
    found: list[Any] = []
    addresses.look_up("nowhere.invalid", 70, found.append)
    turn(selector)
    assert isinstance(found[0], socket.gaierror)
    assert known(addresses, "nowhere.invalid") is None


def test_nobody_waits_for_a_silent_name_server(selector, clock, monkeypatch):
    released, done = threading.Event(), threading.Event()

    def silent(*_: object, **__: object) -> Any:
        released.wait(PATIENCE)
        done.set()
        return []

    monkeypatch.setattr("socket.getaddrinfo", silent)
    addresses = AddressLookup(selector, clock)
    addresses.look_up("h.example", 70, lambda found: pytest.fail(str(found)))
    addresses.cancel_lookups()
    assert selector.select(0) == []
    released.set()
    assert done.wait(PATIENCE)


def test_without_a_thread_the_error_is_told_and_nothing_stays_open(selector, clock, monkeypatch):
    """Such as in a container with a limit on them; the next question is asked again."""
    addresses = AddressLookup(selector, clock)
    found: list[Any] = []

    def none_left(*_: object) -> int:
        raise RuntimeError("can't start new thread")

    make_pipe = os.pipe
    pipes: list[str] = []

    def noted() -> tuple[int, int]:
        ends = make_pipe()
        # Its number is never given again, unlike those of its ends.
        pipes.append(f"pipe:[{os.fstat(ends[0]).st_ino}]")
        return ends

    with monkeypatch.context() as patch:
        patch.setattr("_thread.start_new_thread", none_left)
        patch.setattr("os.pipe", noted)
        addresses.look_up("h.example", 70, found.append)
    assert isinstance(found.pop(), OSError)
    assert pipes and not open_now().intersection(pipes)
    names(monkeypatch, [LOOPBACK])
    addresses.look_up("h.example", 70, found.append)
    turn(selector)
    assert found == [HERE]


def test_the_names_that_are_remembered_do_not_fill_the_memory(selector, clock, monkeypatch):
    """Every name on the way is forgotten at some time, and the newest is known."""
    monkeypatch.setattr("logsrv.gopher.fetch.addresses._MOST_KNOWN", 3)
    names(monkeypatch, [LOOPBACK])
    addresses = AddressLookup(selector, clock)
    for port in range(1, 9):
        addresses.look_up("h.example", port, lambda _: None)
        turn(selector)
    assert [known(addresses, "h.example", port) is not None for port in range(1, 9)] == [
        *[False] * 6,
        True,
        True,
    ]
