"""A connection to one of several NATS servers, by asyncio; opened when it is needed."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import attrs
import nats.errors
from nats.aio.msg import Msg

from logsrv import __version__
from logsrv.errors import ConfigurationError
from logsrv.kit.connections.client_tls import TLSOptions, tls_context
from logsrv.kit.connections.keepalive import KEEPALIVE, keep_alive
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.outside_json import parse_json
from logsrv.kit.text.words import host_text
from logsrv.linelog.formats.nats.client import LONGEST, NO_NATS, BoundedClient, NatsTrouble
from logsrv.linelog.formats.nats.stream_source import API

CONNECT = 5
"""Seconds for a server to accept a connection and its login."""
TRIES = 5
"""Attempts to log in to a server that resets the connection before its refusal is read."""
CLOSE = 2
"""Seconds to send the rest of the data when the connection is closed."""
SOON = 3.0
"""Seconds without an answer after which a ping is sent, to learn whether the server reads the request."""
SLOW = 20
"""Seconds for the server to read a request, such as a block over a slow link."""
_MOST_VALUES = 200_000
"""A JSON answer with more values is an error; the one about a stream with 100,000 stores has half."""
_COUNTED = 1 << 63


class PayloadTooLarge(NatsTrouble):
    """The message is larger than the server accepts."""


class PublishDenied(NatsTrouble):
    """This account may not publish to a subject."""

    def __init__(self, subject: str) -> None:
        super().__init__(
            f"this account may not publish to {subject}: give it that right", settled=True
        )


@attrs.define(eq=False)
class NatsLink:
    """A connection to one of several servers, used in one event loop.

    servers: hosts and ports. login: the arguments of nats-py's `connect` for the login. tls: read for each
    connection; None for no encryption. prefix: the prefix of JetStream's subjects. keepalive: see
    `kit.connections.keepalive`. ended_event: is set when the connection has ended.
    """

    servers: Sequence[tuple[str, int]]
    _login: Mapping[str, Any]
    _tls: TLSOptions | None
    _prefix: str = API
    _keepalive: float | None = KEEPALIVE
    ended_event: asyncio.Event = attrs.field(init=False, factory=asyncio.Event)
    _client: BoundedClient | None = attrs.field(init=False, default=None)
    _first: int = attrs.field(init=False, default=0)

    @property
    def server_info(self) -> Mapping[str, Any]:
        """The server's announcement about itself (INFO), by name."""
        return {} if self._client is None else self._client._server_info

    @property
    def connected_client(self) -> BoundedClient:
        """The connected client. Raises NatsTrouble if there is none."""
        if self._client is None or self.ended_event.is_set():
            raise self.ended_error()
        return self._client

    def ended_error(self) -> NatsTrouble:
        """Return the error of a connection that has ended."""
        if self._client is None:
            return NatsTrouble("the connection has ended")
        return self._client.ended_error()

    async def connect_if_needed(self) -> None:
        """Connect, unless connected. Raises NatsTrouble."""
        if self._client is not None and not (self.ended_event.is_set() or self._client.is_closed):
            return
        await self.close()
        troubles = []
        for number in range(len(self.servers)):
            at = (self._first + number) % len(self.servers)
            try:
                await self._connect_to(*self.servers[at])
            except NatsTrouble as error:
                troubles.append(error)
            else:
                self._first = at
                return
        raise next((error for error in troubles if error.settled), troubles[0])

    async def _connect_to(self, host: str, port: int) -> None:
        where = host_text(host, port)
        for tries_left in reversed(range(TRIES)):
            ended = asyncio.Event()
            client = BoundedClient(ended)
            failures: list[Exception] = []
            try:
                await self._connect_and_log_in(client, where, failures)
            except asyncio.CancelledError:
                client.abort()
                raise
            except ConfigurationError as error:
                # The certificates cannot be used now.
                raise NatsTrouble(str(error), settled=True) from None
            except Exception as error:
                # An invalid answer of a server causes errors of all kinds in nats-py.
                with suppress(Exception):
                    await asyncio.wait_for(client.close(), CLOSE)
                # nats-py may report several errors; the last one is about this server.
                failure = failures[-1] if failures else error
                # A server that closes without reading our data resets the connection, and its refusal is
                # lost: try again.
                cut = isinstance(failure, ConnectionResetError | BrokenPipeError)
                if cut and tries_left and client.server_requires_login:
                    continue
                raise _connect_error(where, failure) from None
            self._client, self.ended_event = client, ended
            return

    async def _connect_and_log_in(
        self, client: BoundedClient, where: str, failures: list[Exception]
    ) -> None:
        client.wants_tls = self._tls is not None
        options = dict(self._login)
        if self._tls is not None:
            options["tls"] = tls_context(self._tls)

        async def noted(error: Exception) -> None:
            failures[:] = [error]

        await client.connect(
            servers=[f"{'nats' if self._tls is None else 'tls'}://{where}"],
            name=f"logsrv {__version__}",
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            connect_timeout=CONNECT,
            error_cb=noted,
            **options,
        )
        keep_alive(getattr(client._transport, "_io_writer", None), self._keepalive)
        if not client.is_connected:
            raise nats.errors.Error(NO_NATS)

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with suppress(OSError, TimeoutError, nats.errors.Error):
                await asyncio.wait_for(client.close(), CLOSE)

    async def ask(
        self, subject: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Msg:
        """Send a request; return the answer. Raises NatsTrouble, but the request may have arrived."""
        client = self.connected_client
        question = asyncio.ensure_future(
            client.request(subject, body, timeout=SOON + SLOW + SOON, headers=dict(headers or {}))
        )
        ended, denied = (
            asyncio.ensure_future(self.ended_event.wait()),
            client.publish_denial(subject),
        )
        try:
            await self._wait_for_answer({question, ended, denied})
            if question.done():
                return question.result()
            raise PublishDenied(subject) if denied.done() else client.ended_error()
        except nats.errors.NoRespondersError:
            raise NatsTrouble(
                "no server takes this now: the stream has no leader, or JetStream is not enabled"
            ) from None
        except nats.errors.MaxPayloadError:
            raise PayloadTooLarge("larger than the server takes") from None
        except (OSError, TimeoutError, nats.errors.Error) as error:
            raise (
                client.ended_error() if client.why else NatsTrouble(_error_text(error))
            ) from None
        finally:
            question.cancel()
            ended.cancel()

    async def _wait_for_answer(self, waiting: set[asyncio.Future[Any]]) -> None:
        """Wait until one of these futures is done. Raises NatsTrouble if the server does not answer."""
        if await _wait_for_any(waiting, SOON):
            return
        # A ping tells a slow link from a server that never answers: the server reads it after the request.
        reading: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        # A separate task, because it waits for ever if the server does not read.
        asked = asyncio.ensure_future(self.connected_client._send_ping(reading))
        asked.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            await _wait_for_any({*waiting, reading}, SLOW)
        finally:
            asked.cancel()
        stuck = not reading.done()
        if any(one.done() for one in waiting) or (not stuck and await _wait_for_any(waiting, SOON)):
            return
        if stuck:
            await self.close()
        raise NatsTrouble("no answer")

    def api_subject(self, what: str) -> str:
        """Return the subject for a question to JetStream."""
        return f"{self._prefix}.{what}"

    async def ask_jetstream(
        self, what: str, order: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Ask JetStream; return its answer. Raises NatsTrouble, with a code if JetStream refuses."""
        body = b"" if order is None else json.dumps(order).encode()
        return read_jetstream_answer(await self.ask(self.api_subject(what), body))


def read_jetstream_answer(message: Msg) -> dict[str, Any]:
    """Return the answer of JetStream. Raises NatsTrouble, with a code if JetStream refuses."""
    try:
        found = parse_json(message.data, _MOST_VALUES)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise not_jetstream_error()
    error = found.get("error")
    if isinstance(error, dict):
        code, why = error.get("err_code"), error.get("description")
        raise NatsTrouble(
            one_line(why, LONGEST) if isinstance(why, str) else "an error",
            code=code if isinstance(code, int) else 0,
        )
    return found


def not_jetstream_error() -> NatsTrouble:
    """Return the error for an answer that no JetStream gives."""
    return NatsTrouble("the answer does not come from JetStream")


def required_object(found: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return an object in an answer by its name. Raises NatsTrouble if there is none."""
    part = found.get(name)
    if not isinstance(part, dict):
        raise not_jetstream_error()
    return part


def required_number(found: Mapping[str, Any], name: str) -> int:
    """Return an integer in an answer by its name. Raises NatsTrouble unless it is from 0 to 2**63 - 1."""
    number = found.get(name)
    if type(number) is not int or not 0 <= number < _COUNTED:
        raise not_jetstream_error()
    return number


async def _wait_for_any(waiting: set[asyncio.Future[Any]], seconds: float) -> bool:
    """Wait until one of the futures is done; return False if none was done in time."""
    done, _ = await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    return bool(done)


def _connect_error(where: str, error: Exception) -> NatsTrouble:
    denied = "authori" in str(error).lower() or isinstance(error, ssl.SSLError)
    no_tls = "offers no TLS" in str(error)
    return NatsTrouble(f"{where}: {_error_text(error)}", settled=denied or no_tls)


def _error_text(error: Exception) -> str:
    if isinstance(error, TimeoutError | nats.errors.TimeoutError):
        return "no answer"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {one_line(error.verify_message, LONGEST)}"
    if isinstance(error, ConnectionError) and error.errno:
        return os.strerror(error.errno)
    if isinstance(error, ValueError | LookupError | TypeError | AttributeError):
        return NO_NATS
    if isinstance(error, OSError) and error.strerror:
        return one_line(error.strerror, LONGEST)
    return one_line(str(error).removeprefix("nats: ").strip("'") or type(error).__name__, LONGEST)
