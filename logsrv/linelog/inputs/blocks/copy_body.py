"""Answer requests for a copy of the centre over HTTP, for a machine that replaces it.

    GET /blocks/store           the state: segments, the position of the next byte, the origins
    GET /blocks/store/NAME      a part of a segment's file, with Range: bytes=A-B
    GET /blocks/store/NUMBER    a part of a segment's text, also with Range; it may be shorter

They need a token of their own: an edge's token allows sending, not reading the lines of others.
A thread reads the disk.
"""

from __future__ import annotations

import re
import threading
import zlib
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv.linelog.framing.bodies.bodies import Reply, ReplySteps, RequestRefused, json_line
from logsrv.linelog.inputs.blocks.copy_source import (
    read_centre_state,
    read_file_piece,
    read_text_piece,
)
from logsrv.linelog.inputs.blocks.state import PATH, PIECE, encode_state
from logsrv.linelog.inputs.http.body import Body, RequestHead, busy_refusal
from logsrv.linelog.inputs.intake.intake import Intake

log = Logger()
MOST = 4
"""The most requests that are worked on at once; a piece has up to PIECE bytes."""
BYTES = "application/octet-stream"
_RANGE = re.compile(r"bytes=([0-9]{1,15})-([0-9]{1,15})")
_PREFIX = f"/blocks/{PATH}"
_NUMBER = re.compile(r"[0-9]{1,10}")
T = TypeVar("T")


def is_for_copies(path: str) -> bool:
    """Return whether a path is `/blocks/store` or below it."""
    return path == _PREFIX or path.startswith(f"{_PREFIX}/")


class CopyBody(Body):
    """The body of a request for a copy, which must be empty. begin: starts the work on the reply."""

    under_way = 0
    """Number of requests in work, of all listeners."""

    def __init__(self, begin: Callable[[], Deferred[Reply]]) -> None:
        self._begin = begin
        self._reply_to_come: Deferred[Reply] | None = None

    def finish(self) -> ReplySteps:
        yield from ()
        if CopyBody.under_way >= MOST:
            raise busy_refusal("too many requests for copies at once; ask again")
        CopyBody.under_way += 1
        self._reply_to_come = (
            maybeDeferred(self._begin).addErrback(_failure_reply).addBoth(self._count_done)
        )
        # This reply is not sent: `stored` returns the answer.
        return Reply(503)

    def _count_done(self, reply: Reply) -> Reply:
        CopyBody.under_way -= 1
        return reply

    def receive(self, data: bytes) -> None:
        raise RequestRefused(413, "a request for a copy has no body")

    def stored(self) -> Deferred[Reply] | None:
        return self._reply_to_come


def _failure_reply(failure: Failure) -> Reply:
    why = failure.getErrorMessage()
    log.error("a request for a copy of the store failed: {why}", why=why)
    return Reply(500, json_line(error=why))


def state_request_body(head: RequestHead) -> Body:
    """Return the body of a request for the state. Raises RequestRefused."""
    intake = head.intake
    _check_copies_allowed(intake)
    store, identity = intake.store, intake.store.identity
    if identity is None:
        raise RequestRefused(500, "this store has no identity; its log says why")

    if intake.store.origins.is_damaged:
        why = "the file `origins` is damaged: a copy would take blocks twice; the log here says what to do"
        raise RequestRefused(500, why)

    def begin() -> Deferred[Reply]:
        log.info("{source} fetches all that is stored here", source=head.source)
        return store.snapshot().addCallback(
            lambda snapshot: call_in_thread(
                intake.clock,
                lambda: encode_state(read_centre_state(store.disk, identity.store, snapshot)),
            ).addCallback(lambda state: Reply(200, state))
        )

    return CopyBody(begin)


def piece_request_body(head: RequestHead) -> Body:
    """Return the body of a request for a piece. Raises RequestRefused."""
    intake = head.intake
    _check_copies_allowed(intake)
    name, disk = head.path.rpartition("/")[2], intake.store.disk
    found = _RANGE.fullmatch(head.header("Range") or "")
    if found is None or int(found[2]) < int(found[1]):
        raise RequestRefused(416, "a Range is needed, such as bytes=0-1048575")
    first = int(found[1])
    end = min(int(found[2]) + 1, first + PIECE)

    def read() -> bytes | None:
        if _NUMBER.fullmatch(name):
            return read_text_piece(disk, int(name), first, end)
        return read_file_piece(disk, name, first, end)

    return CopyBody(lambda: call_in_thread(intake.clock, read).addCallback(_piece_reply, first))


def _check_copies_allowed(intake: Intake) -> None:
    if intake.secrets.restore is None:
        raise RequestRefused(403, "this centre gives no copies: it has no --restore-token-file")


def _piece_reply(data: bytes | None, first: int) -> Reply:
    if not data:
        return Reply(404, json_line(error="this file is not here, or no longer"))
    headers = {
        "Content-Range": f"bytes {first}-{first + len(data) - 1}/*",
        "Logsrv-CRC": f"{zlib.crc32(data):08x}",
    }
    return Reply(206, data, BYTES, headers)


def call_in_thread(reactor: Any, call: Callable[[], T]) -> Deferred[T]:
    """Call a function in a new daemon thread, which does not block the exit if a dead disk hangs."""
    done: Deferred[T] = Deferred()

    def run() -> None:
        result: Any
        try:
            result = call()
        except Exception:
            result = Failure()
        reactor.callFromThread(done.callback, result)

    threading.Thread(target=run, name="copy", daemon=True).start()
    return done
