"""A request and its answer on asyncio's loop, where Textual runs: sockets that do not block.

The same sans-IO core and the same sentences as `GopherClient` and `urlopen`. It is not built on
them because a page has to be stoppable at any moment: cancelling a coroutine here closes the socket
at once, no thread has to end and no second event loop has to run.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, TypeVar

from logsrv.gopher.fetch.blocking import connect_error, is_tls_cut, tls_context, tls_error
from logsrv.gopher.fetch.settings import Timeouts
from logsrv.gopher.fetch.trust import TLS_CUT, Trust
from logsrv.gopher.wire.errors import TimedOut, UnknownHost
from logsrv.gopher.wire.response import ResponseReader
from logsrv.gopher.wire.url import GopherURL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from logsrv.gopher.wire.errors import Phase

_CHUNK = 64 * 1024
# A host with several addresses, one of them unreachable, should not use up all of the time.
_EACH_ADDRESS = 3.0

Result = TypeVar("Result")


class Connection:
    """`async with Connection(…) as connection: async for chunk in connection.answer(reader): …`

    cut: TLS ended without its close, and `trust.accept_cut` let it pass.

    Raises GopherError; ConfigurationError and OSError for files of certificates and pins.
    """

    def __init__(self, url: GopherURL, timeouts: Timeouts, trust: Trust) -> None:
        self._url = url
        self._timeouts = timeouts
        self._trust = trust
        self._socket: socket.socket | None = None
        self.cut = False

    async def __aenter__(self) -> Connection:
        if self._url.host.rstrip(".").endswith(".onion"):
            # RFC 7686: such a name must never be asked for in the DNS.
            raise UnknownHost(self._url.host, "the browser has no way to Tor")
        context = tls_context(self._trust) if self._url.tls else None
        try:
            async with asyncio.timeout(self._timeouts.connect):
                try:
                    self._socket = await _connected(self._url.host, self._url.port)
                except OSError as error:
                    raise connect_error(self._url, error, self._timeouts.connect) from error
                if context is not None:
                    await self._encrypt(self._socket, context)
        except TimeoutError:
            self.close()
            raise TimedOut(self._url.address, "connect", self._timeouts.connect) from None
        except BaseException:
            self.close()
            raise
        return self

    async def __aexit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    async def answer(self, reader: ResponseReader) -> AsyncIterator[bytes]:
        """Ask, and yield the body in pieces as they come."""
        await self._within("first byte", self._send(self._url.request()))
        while not reader.complete:
            phase: Phase = "next byte" if reader.received else "first byte"
            broken: Exception | None = None
            try:
                data = await self._within(phase, self._receive())
            except OSError as error:
                data = b""
                if not (self._url.tls and is_tls_cut(error)):
                    raise reader.broken(error.strerror or str(error)) from error
                self.cut = bool(self._trust.accept_cut and reader.received)
                broken = None if self.cut else reader.broken(TLS_CUT)
            if body := reader.feed(data) if data else reader.finish():
                yield body
            if broken is not None:
                raise broken
            if not data:
                return
            # A fast server would otherwise never let the screen have its turn.
            await asyncio.sleep(0)

    async def _within(self, phase: Phase, work: Any) -> Any:
        waiting = self._timeouts.between if phase == "next byte" else self._timeouts.first_byte
        try:
            async with asyncio.timeout(waiting) as limit:
                return await work
        except TimeoutError:
            if not limit.expired():
                raise
            raise TimedOut(self._url.address, phase, waiting) from None

    async def _encrypt(self, plain: socket.socket, context: ssl.SSLContext) -> None:
        encrypted = context.wrap_socket(
            plain,
            server_hostname=self._url.host,
            do_handshake_on_connect=False,
            suppress_ragged_eofs=False,
        )
        self._socket = encrypted
        try:
            await _repeat(encrypted, encrypted.do_handshake)
        except OSError as error:
            raise tls_error(self._url, error, self._timeouts.connect) from error
        if self._trust.pins is not None:
            shown = encrypted.getpeercert(binary_form=True)
            self._trust.pins.check(self._url.address, shown or b"")

    async def _send(self, request: bytes) -> None:
        assert self._socket is not None
        left = memoryview(request)
        while left:
            left = left[await _repeat(self._socket, partial(self._socket.send, left)) :]

    async def _receive(self) -> bytes:
        assert self._socket is not None
        return await _repeat(self._socket, partial(self._socket.recv, _CHUNK))


async def _repeat(sock: socket.socket, call: Callable[[], Result]) -> Result:
    """The result of `call` as soon as `sock` can give one without blocking."""
    loop = asyncio.get_running_loop()
    while True:
        try:
            return call()
        except ssl.SSLWantWriteError:
            await _readiness(sock, loop.add_writer, loop.remove_writer)
        except (ssl.SSLWantReadError, BlockingIOError):
            await _readiness(sock, loop.add_reader, loop.remove_reader)


async def _readiness(
    sock: socket.socket, add: Callable[..., None], remove: Callable[..., bool]
) -> None:
    ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    # Kept, because a socket that has been closed meanwhile no longer knows it.
    descriptor = sock.fileno()
    add(descriptor, _settle, ready, None)
    try:
        await ready
    finally:
        remove(descriptor)


def _settle(future: asyncio.Future[Result], outcome: Result | Exception) -> None:
    if future.done():
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


async def _connected(host: str, port: int) -> socket.socket:
    """A connected socket that does not block. Raises OSError for the last address that failed."""
    addresses = await _addresses(host, port)
    for number, (family, kind, protocol, _, address) in enumerate(addresses, 1):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            async with asyncio.timeout(_EACH_ADDRESS if number < len(addresses) else None):
                await asyncio.get_running_loop().sock_connect(sock, address)
        except OSError:
            sock.close()
            if number == len(addresses):
                raise
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise AssertionError("getaddrinfo returns an address or raises")


async def _addresses(host: str, port: int) -> list[Any]:
    # A thread of its own and not one of the loop's pool: Python would wait for that at the end, and
    # nobody wants to wait for a silent name server after quitting.
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[Any]] = loop.create_future()

    def look_up() -> None:
        outcome: list[Any] | Exception
        try:
            outcome = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            outcome = error
        try:
            loop.call_soon_threadsafe(_settle, found, outcome)
        except RuntimeError:
            pass  # the loop has ended: nobody waits any more

    threading.Thread(target=look_up, name="look up a host", daemon=True).start()
    return await found
