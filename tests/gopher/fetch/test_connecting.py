"""A transfer gets a connection to the first address that takes one, or the reason why there is none.

Names are looked up beside everything else, once a minute at most.
"""

import os
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator
from selectors import EVENT_READ, EVENT_WRITE, BaseSelector, DefaultSelector
from typing import Any

import pytest

from logsrv.gopher.fetch.connecting import KNOWN_FOR, AddressLookup, Connector, SocketTransfer
from logsrv.gopher.fetch.connection_options import ConnectionOptions
from logsrv.gopher.wire.errors import GopherError
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.testing.patience import PATIENCE
from tests.gopher.conftest import names
from tests.parts.gopher_servers import LOOPBACK, open_now


class Place:
    """A connector with what it told."""

    def __init__(self, selector: DefaultSelector) -> None:
        self.selector = selector
        self.connected: list[SocketTransfer] = []
        self.failed: list[SocketTransfer] = []
        self.refused: set[str] = set()
        self.connector = Connector(
            selector, time.monotonic, self._allow, self.connected.append, self.failed.append
        )

    def _allow(self, address: str, port: int) -> None:
        if address in self.refused:
            raise GopherError(f"not {address}")

    def connect(self, url: str) -> SocketTransfer:
        transfer = SocketTransfer(GopherURL.parse(url), ConnectionOptions(), time.monotonic())
        transfer.selector = self.selector
        self.connector.look_up_and_connect(transfer)
        end = time.monotonic() + PATIENCE
        while not self.connected and not self.failed:
            assert time.monotonic() < end
            for key, _ in self.selector.select(1):
                key.data()
        transfer.close()
        return transfer


@pytest.fixture
def place() -> Iterator[Place]:
    with DefaultSelector() as selector:
        yield Place(selector)


def test_the_request_is_sent_with_the_connection(serve, place):
    server = serve(b"text")
    transfer = place.connect(server.url("/0x"))
    assert place.connected == [transfer] and not place.failed
    assert transfer.phase == "first byte" and transfer.outgoing == b""


def test_an_address_that_is_not_allowed_is_passed_over(serve, place, monkeypatch):
    names(monkeypatch, ["127.0.0.2", LOOPBACK])
    place.refused.add("127.0.0.2")
    transfer = place.connect(serve(b"text").url("/0x", host="two.example"))
    assert place.connected == [transfer]
    place.connected.clear()
    place.refused.add(LOOPBACK)
    transfer = place.connect(serve(b"text").url("/0x"))
    assert place.failed == [transfer]
    assert str(transfer.error) == f"not {LOOPBACK}"


def test_it_goes_on_when_its_socket_is_ready_and_not_after_its_end():
    here, there = socket.socketpair()
    steps: list[SocketTransfer] = []
    with DefaultSelector() as selector, there:
        transfer = SocketTransfer(GopherURL("h"), ConnectionOptions(), 0.0)
        transfer.selector, transfer.socket, transfer.step = selector, here, steps.append
        transfer.watch_events(EVENT_READ)
        assert selector.select(0) == []
        transfer.watch_events(EVENT_READ | EVENT_WRITE)
        ((key, _),) = selector.select(0)
        key.data()
        assert steps == [transfer]
        transfer.close()
        key.data()
        assert steps == [transfer], "the selector told of it in the same round"
        assert not selector.get_map()
        assert here.fileno() == -1
        transfer.close()


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


def test_numbers_need_no_lookup(selector, clock, monkeypatch):
    asked = names(monkeypatch, [])
    addresses = AddressLookup(selector, clock)
    assert addresses.known_addresses(LOOPBACK, 70) == HERE
    found = addresses.known_addresses("::1", 70)
    assert found is not None and found[0][0] == socket.AF_INET6
    assert addresses.known_addresses("h.example", 70) is None
    assert asked == []


def test_one_question_for_all_who_ask_and_for_a_while(selector, clock, monkeypatch):
    asked = names(monkeypatch, [LOOPBACK])
    addresses = AddressLookup(selector, clock)
    found: list[Any] = []
    addresses.look_up("h.example", 70, found.append)
    addresses.look_up("h.example", 70, found.append)
    turn(selector)
    assert found == [HERE, HERE]
    assert (
        addresses.known_addresses("h.example", 70)
        == addresses.look_up_blocking("h.example", 70)
        == HERE
    )
    assert asked == ["h.example"]
    addresses.forget("h.example", 70)
    assert addresses.known_addresses("h.example", 70) is None
    assert addresses.look_up_blocking("h.example", 70) == HERE
    clock.now = KNOWN_FOR
    assert addresses.known_addresses("h.example", 70) is None


def test_a_name_without_an_address_is_told_and_not_remembered(selector, clock):
    addresses = AddressLookup(selector, clock)
    found: list[Any] = []
    addresses.look_up("nowhere.invalid", 70, found.append)
    turn(selector)
    assert isinstance(found[0], socket.gaierror)
    assert isinstance(addresses.look_up_blocking("nowhere.invalid", 70), socket.gaierror)


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


def test_the_names_that_are_remembered_do_not_fill_the_memory(selector, clock):
    """Every name on the way is forgotten at some time, and the newest is known."""
    addresses = AddressLookup(selector, clock)
    tracemalloc.start()
    try:
        for port in range(1, 5000):
            assert addresses.known_addresses(LOOPBACK, port) == [(socket.AF_INET, (LOOPBACK, port))]
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 500_000
