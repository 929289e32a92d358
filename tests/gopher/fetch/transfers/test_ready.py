"""What is ready is told, by every kind of selector."""

from __future__ import annotations

import select
import selectors
import socket
from collections.abc import Iterator

import pytest

from logsrv.gopher.fetch.transfers.ready import READ, WRITE, Selector


@pytest.fixture(params=["of the system", "of selectors"], name="selector")
def a_selector(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Selector]:
    if request.param == "of selectors":
        monkeypatch.delattr(select, "epoll", raising=False)
    made = Selector()
    yield made
    made.close()


def ready(selector: Selector) -> list[object]:
    return selector.ready(0.0)


def test_a_socket_is_ready_for_what_it_is_registered_for(selector: Selector) -> None:
    here, there = socket.socketpair()
    with here, there:
        selector.watch(here.fileno(), READ, "here")
        assert ready(selector) == []
        there.send(b"x")
        assert ready(selector) == ["here"]
        here.recv(1)
        selector.watch(here.fileno(), READ | WRITE, "again")
        assert ready(selector) == ["again"]
        selector.watch(here.fileno(), 0)
        assert ready(selector) == []


def test_it_has_a_descriptor_for_other_loops(selector: Selector) -> None:
    here, there = socket.socketpair()
    with here, there, selectors.PollSelector() as outside:
        outside.register(selector.fileno(), READ)
        selector.watch(here.fileno(), READ, None)
        assert outside.select(0) == []
        there.close()
        assert outside.select(20) != []
        selector.watch(here.fileno(), 0)
