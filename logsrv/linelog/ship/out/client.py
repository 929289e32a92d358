"""nats-py's client within bounds: a server is a stranger, and what it sends is kept up to a limit.

nats-py's reconnecting is off: it keeps what was sent for later, and here whoever sent asks again what
has arrived.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any
from weakref import WeakValueDictionary

import attrs
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.protocol.parser import Parser

from logsrv.errors import LogsrvError
from logsrv.kit.text.escape import one_line
from logsrv.linelog.ship.out.wire import (
    LARGEST,
    Control,
    Delivery,
    NatsReader,
    Operation,
    WireError,
    read_headers,
)

NO_NATS = "it does not answer as NATS does"
LONGEST = 300
"""Characters of what a server says that stand in a log."""
_ANSWERS = 1024
_INFO: dict[str, type] = {
    **dict.fromkeys(("version", "nonce", "cluster", "client_ip"), str),
    **dict.fromkeys(("headers", "tls_required", "tls_available", "auth_required"), bool),
    **dict.fromkeys(("max_payload", "client_id"), int),
    "connect_urls": list,
}
_DENIED = re.compile(
    r'permissions violation for (publish|subscription) to "([^"]*)"', re.IGNORECASE
)


class NatsTrouble(LogsrvError):
    """A server cannot be reached, does not answer or says no.

    settled: time alone does not change it. code: the number of an error of JetStream; 0 for any other.
    """

    def __init__(self, why: str, *, settled: bool = False, code: int = 0) -> None:
        super().__init__(why)
        self.settled = settled
        self.code = code


class MessageRoom:
    """The bytes of messages that may be in memory at a time, of all inboxes."""

    def __init__(self, most: int) -> None:
        self._left = most

    def take(self, size: int) -> bool:
        """Return whether there is room for so many bytes; then it is taken."""
        if size > self._left:
            return False
        self._left -= size
        return True

    def give(self, size: int) -> None:
        self._left += size


@attrs.define(eq=False)
class Inbox:
    """A subject to which answers come, one to each question; all others are dropped.

    An answer takes room, which the inbox gives back unless it was handed on.
    """

    subject: str
    subscription: Subscription
    _room: MessageRoom
    _came: asyncio.Future[Delivery | None] | None = attrs.field(init=False, default=None)
    _size: int = attrs.field(init=False, default=0)

    def expect(self) -> asyncio.Future[Delivery | None]:
        """Return a future of the next answer; None if there is no room for it."""
        self._came = asyncio.get_running_loop().create_future()
        return self._came

    def take(self, delivery: Delivery) -> None:
        if self._came is None or self._came.done():
            return
        if self._room.take(delivery.size):
            self._size += delivery.size
            self._came.set_result(delivery)
        else:
            self._came.set_result(None)

    def hand_on(self, size: int) -> None:
        """Leave it to the caller to give the room of an answer back."""
        self._size -= size

    def give_back(self) -> None:
        """Give the room of all answers back that were not handed on."""
        self._room.give(self._size)
        self._size = 0


class _BoundedParser(Parser):
    """A parser in the place of nats-py's."""

    def __init__(self, client: BoundedClient) -> None:
        self._client = client
        super().__init__(client)

    def reset(self) -> None:
        super().reset()
        self._reader = NatsReader()

    async def parse(self, data: bytes = b"") -> None:
        try:
            for operation in self._reader.feed(data):
                await self._client.take(operation)
        except (OSError, nats.errors.ProtocolError):
            raise
        except Exception as error:
            # nats-py would read no more, and say so to nobody but standard error.
            self._client.why = str(error) if isinstance(error, WireError) else NO_NATS
            raise nats.errors.ProtocolError from None


class BoundedClient(Client):
    """A client that says nothing of who it is before TLS has begun, if it is to begin.

    ended: an event that is set when the connection has ended, whatever its end met. why: the reason, if
    the server or what it sent was one. settled: time alone does not change that.
    """

    wants_tls = False

    def __init__(self, ended: asyncio.Event) -> None:
        super().__init__()
        self.why = ""
        self.settled = False
        self._ended = ended
        self._ps = _BoundedParser(self)
        self._inboxes: dict[int, Inbox] = {}
        self._denials: WeakValueDictionary[str, asyncio.Future[None]] = WeakValueDictionary()

    @property
    def wants_login(self) -> bool:
        """Return true if the server has said that it lets nobody in who does not say who he is."""
        return self._auth_configured

    def trouble(self) -> NatsTrouble:
        """Return the error that says that the connection has ended."""
        why = f": {self.why}" if self.why else ""
        return NatsTrouble(f"the connection has ended{why}", settled=self.settled)

    async def open_inbox(self, room: MessageRoom) -> Inbox:
        """Subscribe to a subject of its own. Raises NatsTrouble."""
        subject = self.new_inbox()
        try:
            inbox = Inbox(subject, await self.subscribe(subject), room)
        except (nats.errors.Error, OSError):
            raise self.trouble() from None
        self._inboxes[inbox.subscription._id] = inbox
        return inbox

    async def close_inbox(self, inbox: Inbox) -> None:
        self._inboxes.pop(inbox.subscription._id, None)
        inbox.give_back()
        if not self.is_closed:
            await inbox.subscription.unsubscribe()

    def denial(self, subject: str) -> asyncio.Future[None]:
        """Return a future that is done when the server forbids us to publish to a subject."""
        found = self._denials.get(subject)
        if found is None or found.done():
            found = self._denials[subject] = asyncio.get_running_loop().create_future()
        return found

    async def take(self, operation: Operation) -> None:
        """Do what the server wants. Raises WireError."""
        match operation:
            case Delivery() if operation.sid in self._inboxes:
                self._inboxes[operation.sid].take(operation)
            case Delivery(sid, subject, reply, headers, data):
                await self._process_msg(sid, subject, reply, data, headers)
            case Control(b"PING"):
                await self._process_ping()
            case Control(b"PONG"):
                await self._process_pong()
            case Control(b"-ERR", rest):
                self._refused(one_line(rest.decode("utf-8", "replace").strip("'"), LONGEST))
            case Control(word) if word not in (b"+OK", b"INFO"):
                raise WireError(NO_NATS)

    def _refused(self, why: str) -> None:
        """Raise WireError, unless it is one question only that is refused."""
        found = _DENIED.search(why)
        if found is None:
            raise WireError(why)
        if found[1].lower() == "subscription":
            self.settled = True
            raise WireError(f"this account may not subscribe to {found[2]}: give it that right")
        denied = self._denials.get(found[2])
        if denied is not None and not denied.done():
            denied.set_result(None)

    async def subscribe(
        self,
        subject: str,
        queue: str = "",
        cb: Callable[[Msg], Awaitable[None]] | None = None,
        future: asyncio.Future[Any] | None = None,
        max_msgs: int = 0,
        pending_msgs_limit: int = _ANSWERS,
        pending_bytes_limit: int = 2 * LARGEST,
    ) -> Subscription:
        # nats-py keeps 128 MB of each subscription.
        return await super().subscribe(
            subject, queue, cb, future, max_msgs, pending_msgs_limit, pending_bytes_limit
        )

    async def _close(self, status: int, do_cbs: bool = True) -> None:
        # nats-py goes no further where what was still to be written fails, or is given up.
        try:
            await super()._close(status, do_cbs)
        finally:
            self.cut()
            self._ended.set()

    def cut(self) -> None:
        """Close the connection, whatever is still to be written."""
        if self._transport is not None:
            self._transport.close()

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        # nats-py keeps the servers that are named, however many; here the operator names them.
        if any(name in info and type(info[name]) is not kind for name, kind in _INFO.items()):
            raise nats.errors.Error(NO_NATS)
        if self.wants_tls:
            if not (info.get("tls_required") or info.get("tls_available")):
                raise nats.errors.Error("the server offers no TLS")
            info["tls_required"] = True

    async def _process_pong(self) -> None:
        # nats-py reads no more if nobody waits any longer.
        if self._pongs and not (future := self._pongs.pop(0)).done():
            future.set_result(True)
        self._pings_outstanding = 0

    async def _process_headers(self, headers: bytes) -> dict[str, str] | None:
        # nats-py's reading ends on some headers, and anybody who may write to a stream may write them.
        return read_headers(headers) if headers else None
