"""Tests for nats-py's client within bounds: what it keeps, and what ends a connection."""

import asyncio
from collections.abc import Coroutine
from typing import Any, cast

import pytest

from logsrv.linelog.formats.nats.client import BoundedClient, Inbox, MessageMemory
from logsrv.linelog.formats.nats.parse import ControlLine, Delivery, WireError


def delivery(size: int) -> Delivery:
    return Delivery(1, b"_INBOX.x", b"", b"", bytes(size))


def in_loop(made: Coroutine[Any, Any, None]) -> None:
    asyncio.run(made)


def test_an_inbox_takes_one_answer_to_each_question_while_there_is_room():
    async def ask() -> None:
        room = MessageMemory(100)
        inbox = Inbox("_INBOX.x", cast(Any, None), room)
        inbox.receive(delivery(60))
        assert room.reserve(100)
        room.free(100)
        came = inbox.next_answer()
        for _ in range(3):
            inbox.receive(delivery(60))
        assert came.result() == delivery(60)
        assert not room.reserve(41)
        came = inbox.next_answer()
        inbox.receive(delivery(60))
        assert came.result() is None
        inbox.free_room()
        assert room.reserve(100)

    in_loop(ask())


def test_the_room_of_an_answer_that_was_handed_on_is_not_given_back_twice():
    async def ask() -> None:
        room = MessageMemory(100)
        inbox = Inbox("_INBOX.x", cast(Any, None), room)
        inbox.next_answer()
        inbox.receive(delivery(60))
        inbox.leave_to_caller(60)
        inbox.free_room()
        assert not room.reserve(41)
        room.free(60)
        assert room.reserve(100)

    in_loop(ask())


def test_only_the_denied_request_learns_of_the_denial():
    async def ask() -> None:
        client = BoundedClient(asyncio.Event())
        one, other = client.publish_denial("logs.a"), client.publish_denial("logs.b")
        why = b"'Permissions Violation for Publish to \"logs.a\"'"
        for _ in range(2):
            await client.handle_operation(ControlLine(b"-ERR", why))
        assert (one.done(), other.done()) == (True, False)
        assert client.publish_denial("logs.a") is not one
        assert client.publish_denial("logs.b") is other

    in_loop(ask())


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"'Stale Connection'", "Stale Connection"),
        (b"'Permissions Violation for Subscription to \"_INBOX.x.*\"'", "may not subscribe to"),
        (b"\x1b[31m\xff", r"\\x1b"),
    ],
)
def test_any_other_refusal_ends_the_connection(said, why):
    async def ask() -> None:
        with pytest.raises(WireError, match=why):
            await BoundedClient(asyncio.Event()).handle_operation(ControlLine(b"-ERR", said))

    in_loop(ask())


def test_answers_that_nobody_waits_for_are_dropped():
    async def ask() -> None:
        client = BoundedClient(asyncio.Event())
        for _ in range(3):
            await client.handle_operation(ControlLine(b"PONG", b""))
            await client.handle_operation(delivery(10))

    in_loop(ask())
