"""A connection to servers of NATS, as asyncio sees it: opened when needed, to whichever server is there.

nats-py's own reconnecting is off: it keeps what was sent for later, and here whoever sent asks again what
has arrived.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import attrs
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from logsrv import __version__
from logsrv.errors import ConfigurationError, LogsrvError
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import host_text

CONNECT = 5
"""Seconds that a server has to let us in."""
TRIES = 5
"""Times that a server is asked to let us in until it says why it does not."""
CLOSE = 2
"""Seconds for what is still to be written at the end."""
SOON = 3.0
"""Seconds until a server that has not answered is asked whether it has read the question."""
SLOW = 20
"""Seconds that it may take to read it: a block over a slow line."""
_LONGEST = 300


class NatsTrouble(LogsrvError):
    """A server cannot be reached, does not answer or says no.

    settled: time alone does not change it. code: the number of an error of JetStream; 0 for any other.
    """

    def __init__(self, why: str, *, settled: bool = False, code: int = 0) -> None:
        super().__init__(why)
        self.settled = settled
        self.code = code


class LargePayload(NatsTrouble):
    """The server takes no message as large as this."""


class _Client(Client):
    """A client that says nothing of who it is before TLS has begun, if it is to begin.

    ended: an event that is set when the connection has ended, whatever its end met.
    """

    wants_tls = False

    def __init__(self, ended: asyncio.Event) -> None:
        super().__init__()
        self._ended = ended

    async def _close(self, status: int, do_cbs: bool = True) -> None:
        # nats-py goes no further where what was still to be written fails, or is given up.
        try:
            await super()._close(status, do_cbs)
        finally:
            if self._transport is not None:
                self._transport.close()
            self._ended.set()

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        if initial_connection and self.wants_tls:
            if not (info.get("tls_required") or info.get("tls_available")):
                raise nats.errors.Error("the server offers no TLS")
            info["tls_required"] = True
        await super()._process_info(info, initial_connection)


@attrs.define(eq=False)
class NatsLink:
    """A connection to one of some servers, used in one loop.

    servers: hosts and ports. login: returns the arguments of nats-py for logging in. tls: encrypt
    with that; None: not.
    """

    _servers: Sequence[tuple[str, int]]
    _login: Mapping[str, Any]
    _tls: Callable[[], ssl.SSLContext] | None
    _client: _Client | None = attrs.field(init=False, default=None)
    _ended: asyncio.Event = attrs.field(init=False, factory=asyncio.Event)
    _first: int = attrs.field(init=False, default=0)

    @property
    def named(self) -> int:
        """The number of servers that the operator has named."""
        return len(self._servers)

    @property
    def info(self) -> Mapping[str, Any]:
        """The facts that the server tells of itself."""
        return {} if self._client is None else self._client._server_info

    @property
    def client(self) -> Client:
        """The connected client of nats-py. Raises NatsTrouble if there is none."""
        if self._client is None or self._ended.is_set():
            raise NatsTrouble("the connection has ended")
        return self._client

    @property
    def ended(self) -> asyncio.Event:
        """An event that is set when the connection has ended."""
        return self._ended

    async def open(self) -> None:
        """Connect, unless that is done. Raises NatsTrouble."""
        if self._client is not None and not (self._ended.is_set() or self._client.is_closed):
            return
        await self.close()
        troubles = []
        for number in range(len(self._servers)):
            at = (self._first + number) % len(self._servers)
            try:
                await self._connect(*self._servers[at])
            except NatsTrouble as error:
                troubles.append(error)
            else:
                self._first = at
                return
        raise next((error for error in troubles if error.settled), troubles[0])

    async def _connect(self, host: str, port: int) -> None:
        where = host_text(host, port)
        for tries_left in reversed(range(TRIES)):
            ended = asyncio.Event()
            client = _Client(ended)
            failures: list[Exception] = []
            try:
                await self._let_in(client, where, failures)
            except ConfigurationError as error:
                # A certificate that is read anew for each connection.
                raise NatsTrouble(str(error), settled=True) from None
            except Exception as error:
                # A server that speaks no NATS, or but half of it, makes errors of all kinds in nats-py.
                with suppress(OSError, TimeoutError, nats.errors.Error):
                    await asyncio.wait_for(client.close(), CLOSE)
                # The last of several says what was wrong with this server.
                failure = failures[-1] if failures else error
                # Its refusal is lost when it ends the connection before it has read all that we say.
                cut = isinstance(failure, ConnectionResetError | BrokenPipeError)
                if cut and tries_left and client._server_info.get("auth_required"):
                    continue
                raise _unreached(where, failure) from None
            self._client, self._ended = client, ended
            return

    async def _let_in(self, client: _Client, where: str, failures: list[Exception]) -> None:
        client.wants_tls = self._tls is not None
        options = dict(self._login)
        if self._tls is not None:
            options["tls"] = self._tls()

        async def noted(error: Exception) -> None:
            failures.append(error)

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

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with suppress(OSError, TimeoutError, nats.errors.Error):
                await asyncio.wait_for(client.close(), CLOSE)

    async def ask(
        self, subject: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Msg:
        """Send a question; return the answer. Raises NatsTrouble; then it may have arrived all the same."""
        client = self.client
        question = asyncio.ensure_future(
            client.request(subject, body, timeout=SOON + SLOW + SOON, headers=dict(headers or {}))
        )
        ended = asyncio.ensure_future(self._ended.wait())
        try:
            if not await _first_of({question, ended}, SOON):
                # A busy line, or a server that will never answer? What was sent before is read before.
                # Never given up, as `flush` does: nats-py reads no more once the answer to that comes.
                reading: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
                await client._send_ping(reading)
                await _first_of({question, ended, reading}, SLOW)
                stuck = not reading.done()
                if not question.done() and (stuck or not await _first_of({question, ended}, SOON)):
                    if stuck:
                        await self.close()
                    raise NatsTrouble("no answer")
            if not question.done():
                raise NatsTrouble("the connection has ended")
            return question.result()
        except nats.errors.NoRespondersError:
            raise NatsTrouble(
                "nobody takes that there just now: no server leads the stream, or JetStream is not enabled"
            ) from None
        except nats.errors.MaxPayloadError:
            raise LargePayload("larger than the server takes") from None
        except (OSError, TimeoutError, nats.errors.Error) as error:
            raise NatsTrouble(_why(error)) from None
        finally:
            question.cancel()
            ended.cancel()

    async def api(self, what: str, order: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Ask JetStream; return what it says. Raises NatsTrouble, with a code when it says no."""
        body = b"" if order is None else json.dumps(order).encode()
        return read_answer(await self.ask(f"$JS.API.{what}", body))


def read_answer(message: Msg) -> dict[str, Any]:
    """Return what JetStream has answered. Raises NatsTrouble, with a code when it says no."""
    try:
        found = json.loads(message.data)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise NatsTrouble("the answer is none of JetStream")
    error = found.get("error")
    if isinstance(error, dict):
        code = error.get("err_code")
        why = one_line(str(error.get("description", "an error")), _LONGEST)
        raise NatsTrouble(why, code=code if isinstance(code, int) else 0)
    return found


async def _first_of(waiting: set[asyncio.Future[Any]], seconds: float) -> bool:
    """Wait for the first of some; return whether there was one in time."""
    done, _ = await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    return bool(done)


def _unreached(where: str, error: Exception) -> NatsTrouble:
    denied = "authori" in str(error).lower() or isinstance(error, ssl.SSLError)
    no_tls = "offers no TLS" in str(error)
    return NatsTrouble(f"{where}: {_why(error)}", settled=denied or no_tls)


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError | nats.errors.TimeoutError):
        return "no answer"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {one_line(error.verify_message, _LONGEST)}"
    if isinstance(error, ConnectionError) and error.errno:
        return os.strerror(error.errno)
    if isinstance(error, ValueError | LookupError | TypeError | AttributeError):
        return "it does not answer as NATS does"
    if isinstance(error, OSError) and error.strerror:
        return one_line(error.strerror, _LONGEST)
    return one_line(str(error).removeprefix("nats: ").strip("'") or type(error).__name__, _LONGEST)
