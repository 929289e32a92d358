"""A body of a request to an input over HTTP, while it is received; its head; and limits of all bodies."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import ClassVar, Protocol

import attrs
from twisted.internet.defer import Deferred

from logsrv.linelog.intake.gathering import GatheredRecords
from logsrv.linelog.intake.intake import Intake
from logsrv.linelog.intake.sorting import Moment
from logsrv.linelog.intake.unfinished import RecordHolder
from logsrv.linelog.lines.bodies import (
    RETRY_SECONDS,
    Reply,
    RequestRefused,
    body_too_large,
    busy_refusal,
)
from logsrv.linelog.store.valve import Producer


class Body:
    """A request body that is being received.

    at_once: whether it is stored while it arrives, so that a busy store pauses its sender. endless: whether
    its sender may be silent for hours, so that nothing times out, and a stop waits for no more of it.
    waits_to_store: whether `finish` may wait for a worker, another body or room before it stores; then it
    calls `storing` of its holder itself, when it stores.
    """

    at_once: ClassVar[bool] = False
    endless: ClassVar[bool] = False
    waits_to_store: ClassVar[bool] = False

    @property
    def waits(self) -> bool:
        """Return whether nothing more should be read from the sender for now."""
        return False

    @property
    def unfinished(self) -> bool:
        """Return whether received bytes are not stored yet."""
        return False

    def receive(self, data: bytes) -> None:
        """Take the next part of the body. Raises RequestRefused."""
        raise NotImplementedError

    def missing_bytes(self) -> int:
        """Return how many of the next bytes need little work."""
        return sys.maxsize

    def store_whole(self) -> None:
        """Store the whole records so far; refuse the request by its `holder`."""

    async def finish(self) -> Reply:
        """Store the rest, and return the answer when all is safe.

        Raises RequestRefused, and StoreError if something may be lost.
        """
        raise NotImplementedError

    def let_go(self) -> None:
        """Free the memory of the body."""


class Holder(RecordHolder, Producer, Protocol):
    """The sender of a body that is stored while it arrives: it may be paused, or has to give way."""

    def refuse(self, refusal: RequestRefused) -> None:
        """Refuse the rest of the body."""

    def storing(self) -> None:
        """Note that the whole body is to be stored now: its sender does not wait long for that."""


@attrs.frozen
class RequestHead:
    """A request before its body.

    header: returns a header's value. length: in bytes, None if unknown. query: the parameters behind the
    path's question mark, percent-decoded; of a name that is repeated the last. holder: the request, for the
    valve and for bodies that hold unfinished records. since: `Intake.moment` when it came.
    """

    intake: Intake
    source: str
    header: Callable[[str], str | None]
    path: str
    length: int | None
    query: Mapping[str, str] = attrs.field(factory=dict)
    holder: Holder | None = None
    since: Moment | None = None

    @property
    def media(self) -> str:
        """The Content-Type without its parameters, in lower case; empty if there is none."""
        return media_type(self.header("Content-Type"))


def media_type(header: str | None) -> str:
    """Return a Content-Type without its parameters, in lower case; empty if there is none."""
    return (header or "").partition(";")[0].strip().lower()


class QuestionBody(Body):
    """The body of a request that only asks a question; its bytes are dropped, up to --max-body."""

    def __init__(self, answer: Deferred[Reply], intake: Intake) -> None:
        self._answer = answer
        self._intake = intake
        self._size = 0

    def receive(self, data: bytes) -> None:
        self._size += len(data)
        check_body_size(self._size, self._intake)

    async def finish(self) -> Reply:
        return await self._answer


def check_body_size(size: int, intake: Intake) -> None:
    """Raise RequestRefused (413) for a body of more than --max-body."""
    if size > intake.options.max_body:
        raise body_too_large(intake.options.max_body)


def require_open_store(intake: Intake) -> None:
    """Raise RequestRefused (503) if the store has accepted nothing for RETRY_SECONDS.

    Under load it often accepts nothing for a moment; that is no reason to refuse.
    """
    if intake.valve.closed_for() > RETRY_SECONDS:
        raise busy_refusal("the store accepts nothing at the moment; send it again")


def refuse_if_closing(gathered: GatheredRecords) -> None:
    """Raise RequestRefused (413) if a record was too long, with --oversize close."""
    if gathered.closing is not None:
        raise RequestRefused(413, gathered.closing, records=gathered.dropped)
