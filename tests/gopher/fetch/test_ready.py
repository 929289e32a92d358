"""What is ready is told, by every kind of selector."""

from __future__ import annotations

import select
import selectors
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from logsrv.gopher.fetch.ready import READ, WRITE, selector

if TYPE_CHECKING:
    from logsrv.gopher.fetch.ready import Selector


@pytest.fixture(params=["of the system", "of selectors"], name="selector")
def a_selector(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Selector]:
    if request.param == "of selectors":
        monkeypatch.delattr(select, "epoll", raising=False)
    made = selector()
    yield made
    made.close()


def ready(selector: Selector) -> list[object]:
    return [key.data for key, _ in selector.select(0.0)]


def test_a_socket_is_ready_for_what_it_is_registered_for(selector: Selector) -> None:
    here, there = socket.socketpair()
    with here, there:
        selector.register(here, READ, "here")
        assert ready(selector) == []
        there.send(b"x")
        assert ready(selector) == ["here"]
        here.recv(1)
        selector.modify(here, READ | WRITE, "again")
        assert ready(selector) == ["again"]
        selector.unregister(here)
        assert ready(selector) == []


def test_it_has_a_descriptor_for_other_loops(selector: Selector) -> None:
    here, there = socket.socketpair()
    with here, there, selectors.PollSelector() as outside:
        outside.register(selector.fileno(), READ)
        selector.register(here, READ, None)
        assert outside.select(0) == []
        there.close()
        assert outside.select(20) != []
        selector.unregister(here)
