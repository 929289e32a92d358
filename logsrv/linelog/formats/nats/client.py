"""nats-py's client with limits: servers are not trusted, and only a limited amount of their data is kept.

Reconnecting is off, because nats-py would keep messages and send them later. The shipper asks the server
instead which messages have arrived.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any
from weakref import WeakValueDictionary

import attrs
import nats.errors
from nats.aio.client import Client
from nats.aio.subscription import Subscription
from nats.protocol.parser import Parser

from logsrv.errors import LogsrvError
from logsrv.kit.text.escape import one_line
from logsrv.linelog.formats.nats.parse import (
    LARGEST,
    ControlLine,
    Delivery,
    NatsReader,
    Operation,
    WireError,
    known_nats_headers,
)

NO_NATS = "it does not answer as NATS does"
LONGEST = 300
"""The most characters of a server's text in one of our messages; the rest is cut off."""
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
    """A server cannot be reached, does not answer, or refuses.

    settled: whether the cause will not pass by itself. code: JetStream's error code; 0 for other errors.
    """

    def __init__(self, why: str, *, settled: bool = False, code: int = 0) -> None:
        super().__init__(why)
        self.settled = settled
        self.code = code


class MessageMemory:
    """A limit on the bytes of messages in memory, shared by all inboxes."""

    def __init__(self, most: int) -> None:
        self._free = most

    def reserve(self, size: int) -> bool:
        """Reserve room for `size` bytes; return False if there is not enough."""
        if size > self._free:
            return False
        self._free -= size
        return True

    def free(self, size: int) -> None:
        self._free += size


@attrs.define(eq=False)
class Inbox:
    """A subject to which the answers come, one to each request; any other message is dropped.

    An answer takes room. The inbox gives the room back, unless `leave_to_caller` was called for it.
    """

    subject: str
    subscription: Subscription
    _room: MessageMemory
    _came: asyncio.Future[Delivery | None] | None = attrs.field(init=False, default=None)
    _size: int = attrs.field(init=False, default=0)

    def next_answer(self) -> asyncio.Future[Delivery | None]:
        """Return a future of the next answer; its result is None if the answer finds no room."""
        self._came = asyncio.get_running_loop().create_future()
        return self._came

    def receive(self, delivery: Delivery) -> None:
        if self._came is None or self._came.done():
            return
        if self._room.reserve(delivery.size):
            self._size += delivery.size
            self._came.set_result(delivery)
        else:
            self._came.set_result(None)

    def leave_to_caller(self, size: int) -> None:
        """Leave it to the caller to give back the `size` bytes of an answer."""
        self._size -= size

    def free_room(self) -> None:
        """Give back the room of all answers, except those of `leave_to_caller`."""
        self._room.free(self._size)
        self._size = 0


class _BoundedParser(Parser):
    """A parser instead of nats-py's, with NatsReader's limits."""

    def __init__(self, client: BoundedClient) -> None:
        self._client = client
        super().__init__(client)

    def reset(self) -> None:
        super().reset()
        self._reader = NatsReader()

    async def parse(self, data: bytes = b"") -> None:
        try:
            for operation in self._reader.feed(data):
                await self._client.handle_operation(operation)
        except (OSError, nats.errors.ProtocolError):
            raise
        except Exception as error:
            # After any error but ProtocolError, nats-py stops reading, and tells only standard error why.
            self._client.why = str(error) if isinstance(error, WireError) else NO_NATS
            raise nats.errors.ProtocolError from None


class BoundedClient(Client):
    """A client that, if TLS is wanted, sends no login before TLS has begun.

    ended: an event that is set when the connection has ended for any reason. why: the reason, if the server
    or its data gave one, else "". settled: whether the reason will not pass by itself.
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
    def server_requires_login(self) -> bool:
        """True if the server has announced that it requires a login."""
        return self._auth_configured

    def ended_error(self) -> NatsTrouble:
        """Return the error of an ended connection."""
        why = f": {self.why}" if self.why else ""
        return NatsTrouble(f"the connection has ended{why}", settled=self.settled)

    async def open_inbox(self, room: MessageMemory) -> Inbox:
        """Subscribe to a new subject for answers. Raises NatsTrouble."""
        subject = self.new_inbox()
        try:
            inbox = Inbox(subject, await self.subscribe(subject), room)
        except (nats.errors.Error, OSError):
            raise self.ended_error() from None
        self._inboxes[inbox.subscription._id] = inbox
        return inbox

    async def close_inbox(self, inbox: Inbox) -> None:
        self._inboxes.pop(inbox.subscription._id, None)
        inbox.free_room()
        if not self.is_closed:
            await inbox.subscription.unsubscribe()

    def publish_denial(self, subject: str) -> asyncio.Future[None]:
        """Return a future that is done when the server forbids publishing to a subject."""
        found = self._denials.get(subject)
        if found is None or found.done():
            found = self._denials[subject] = asyncio.get_running_loop().create_future()
        return found

    async def handle_operation(self, operation: Operation) -> None:
        """Handle an operation that the server has sent, such as MSG. Raises WireError."""
        match operation:
            case Delivery() if operation.sid in self._inboxes:
                self._inboxes[operation.sid].receive(operation)
            case Delivery(sid, subject, reply, headers, data):
                await self._process_msg(sid, subject, reply, data, headers)
            case ControlLine(b"PING"):
                await self._process_ping()
            case ControlLine(b"PONG"):
                await self._process_pong()
            case ControlLine(b"-ERR", rest):
                self._handle_refusal(one_line(rest.decode("utf-8", "replace").strip("'"), LONGEST))
            case ControlLine(word) if word not in (b"+OK", b"INFO"):
                raise WireError(NO_NATS)

    def _handle_refusal(self, why: str) -> None:
        """Raise WireError, unless the server refuses only that one message is published."""
        found = _DENIED.search(why)
        if found is None:
            raise WireError(why)
        if found[1].lower() == "subscription":
            self.settled = True
            raise WireError(f"this account may not subscribe to {found[2]}: give it that right")
        denied = self._denials.get(found[2])
        if denied is not None and not denied.done():
            denied.set_result(None)

    async def subscribe(self, *args: Any, **given: Any) -> Subscription:
        # nats-py's own default is 128 MB for each subscription.
        given |= {"pending_msgs_limit": _ANSWERS, "pending_bytes_limit": 2 * LARGEST}
        return await super().subscribe(*args, **given)

    async def _close(self, status: int, do_cbs: bool = True) -> None:
        # nats-py leaves the connection open if its last write fails or is cancelled.
        try:
            await super()._close(status, do_cbs)
        finally:
            self.abort()
            self._ended.set()

    def abort(self) -> None:
        """Close the connection at once; unsent data is lost."""
        if self._transport is not None:
            self._transport.close()

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        # nats-py would keep any number of servers that a server names; here only the operator names them.
        if any(name in info and type(info[name]) is not kind for name, kind in _INFO.items()):
            raise nats.errors.Error(NO_NATS)
        if self.wants_tls:
            if not (info.get("tls_required") or info.get("tls_available")):
                raise nats.errors.Error("the server offers no TLS")
            info["tls_required"] = True

    async def _process_pong(self) -> None:
        # nats-py's method would end the reading if the caller that waited for the PONG has given up.
        if self._pongs and not (future := self._pongs.pop(0)).done():
            future.set_result(True)
        self._pings_outstanding = 0

    async def _process_headers(self, headers: bytes) -> dict[str, str] | None:
        # nats-py's method would stop reading at some invalid headers, which any writer may have sent.
        return known_nats_headers(headers) if headers else None
