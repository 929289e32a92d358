"""The `nats` input: a centre that fetches blocks of other stores from a NATS stream, each exactly once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from importlib import import_module
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import deferLater
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from logsrv.errors import ConfigurationError
from logsrv.kit.net.endpoint import Endpoint
from logsrv.kit.net.twisted.asyncio_thread import AsyncioThread
from logsrv.kit.net.twisted.client_tls import TLSOptions, tls_context
from logsrv.kit.observe.failures import Failures
from logsrv.kit.observe.rate_limited_log import RateLimitedLog
from logsrv.linelog.framing.bodies.bodies import RequestRefused
from logsrv.linelog.inputs.blocks.body import BlockBody
from logsrv.linelog.inputs.intake.connections import Input
from logsrv.linelog.inputs.intake.intake import Intake
from logsrv.linelog.inputs.intake.unfinished import UnfinishedData
from logsrv.linelog.inputs.nats.place import (
    EXAMPLE,
    StreamSource,
    adapted_headers,
    parse_stream_source,
)
from logsrv.linelog.ship.out.login import nats_login_options, read_nats_credentials
from logsrv.timer import Timer

log = Logger()
NEEDS = "needs the package {}; install it with pip install 'logsrv[nats]'"
AGAIN = 15.0
"""Seconds until fetching begins again after an error of our own."""
BUSY = 0.2
"""Seconds until a block without room is tried again."""
_BUSY, _MISPLACED = 503, 409
_SENTENCES = 100


class NatsReceiver:
    """The receiver of a listener: fetches blocks, and stores them one at a time for each store."""

    def __init__(self, intake: Intake, reactor: Any) -> None:
        """Raises ConfigurationError if nats-py is missing."""
        try:
            self._fetching: Any = import_module("logsrv.linelog.inputs.nats.fetching")
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("logsrv"):
                raise
            raise ConfigurationError(
                f"--listen {intake.label} {NEEDS.format(error.name)}"
            ) from None
        # No limit is needed, because the fetcher limits its blocks in memory.
        self._bodies = UnfinishedData(lambda: sys.maxsize)
        self._intake = intake
        self._reactor = reactor
        self._thread = AsyncioThread(reactor, "nats")
        self._running: Deferred[None] | None = None
        self._again = Timer(reactor)
        self._problems = RateLimitedLog(reactor.seconds, _SENTENCES)
        self._failures = Failures(intake.label, reactor.seconds)

    def check_endpoint(self, endpoint: Endpoint) -> None:
        self._link_maker(parse_stream_source(endpoint.text))

    def begin_fetching(self, endpoint: Endpoint) -> None:
        self._place = place = parse_stream_source(endpoint.text)
        self._source = f"nats:{endpoint.text.partition('/')[0]}/{place.stream}"
        self._start_fetching(self._link_maker(place))

    def _start_fetching(self, make: Callable[[], Any]) -> None:
        self._running = self._thread.run_coroutine(lambda: self._run_fetcher(make))
        self._running.addErrback(self._begin_again_later, make)

    async def _run_fetcher(self, make: Callable[[], Any]) -> None:
        near = self._fetching.LocalStoreCalls(
            self._last_sequence, self._store_from_loop, self._log_from_loop
        )
        await self._fetching.StreamFetcher(self._place, make(), near).fetch_until_cancelled()

    def _link_maker(self, place: StreamSource) -> Callable[[], Any]:
        """Return a function that makes the NatsLink, to be called in asyncio's thread.

        Raises ConfigurationError if a file of credentials, certificates or keys cannot be used.
        """
        secret = self._intake.secrets.token
        if place.creds is not None:
            secret = read_nats_credentials(place.creds)
        login = nats_login_options(secret, place.user)
        tls = TLSOptions(cafile=place.ca, certificate=place.certificate, key=place.key)
        if place.encrypts:
            tls_context(tls)
        given = tls if place.encrypts else None
        return lambda: self._fetching.NatsLink(place.servers, login, given, place.api)

    def _begin_again_later(self, failure: Failure, make: Callable[[], Any]) -> None:
        """Begin again later, after an error in our own code."""
        if self._running is not None:
            self._failures.report_failure("fetching", "", failure)
            self._again.start(AGAIN, self._start_fetching, make)

    def stop_fetching(self) -> Deferred[None]:
        running, self._running = self._running, None
        self._again.stop()
        if running is not None:
            running.cancel()
        return self._thread.stop()

    async def _last_sequence(self, origin: str) -> int | None:
        def sequence() -> int | None:
            note = self._intake.store.origins.last_block(origin)
            return None if note is None else note.sequence

        found: int | None = await self._thread.call_in_reactor(sequence)
        return found

    async def _log_from_loop(self, level: LogLevel, why: str) -> None:
        await self._thread.call_in_reactor(lambda: self._log_sentence(level, why))

    def _log_sentence(self, level: LogLevel, why: str) -> None:
        """Log a sentence; problems only once a minute each, because thousands of stores may have them."""
        noted = None if level is LogLevel.info else self._problems.count_event(why)
        if noted is None and level is not LogLevel.info:
            return
        more = f" (and {noted.number - 1} more such)" if noted and noted.number > 1 else ""
        log.emit(level, "{label}: {why}{more}", label=self._intake.label, why=why, more=more)

    async def _store_from_loop(self, fetched: Any) -> None:
        await self._thread.call_in_reactor(lambda: self._store_fetched(fetched))

    def _store_fetched(self, fetched: Any) -> Deferred[None]:
        """Store a block; the Deferred fires when it is on the disk, or was stored before."""
        if self._running is None:
            return Deferred()
        intake = self._intake
        note = intake.store.origins.last_block(fetched.origin)
        headers = adapted_headers(
            fetched.headers, note.end if note else None, passes_holes=self._place.passes_holes
        )
        # A sender may only use its own subject, but its headers could name any store: such a block is
        # refused.
        if headers.get("Logsrv-Store", fetched.origin) != fetched.origin:
            headers.clear()
        body = BlockBody(intake, self._source, self._bodies, headers, fetched.sequence, cuts=True)
        done: Deferred[None] = Deferred()
        try:
            body.receive(fetched.packed)
        except RequestRefused:
            done.errback(Failure())
        else:
            intake.received_bytes += len(fetched.packed)
            room = body.ask_worker() or succeed(None)
            room.addCallback(
                lambda _: intake.time_slices.begin(
                    _finish_steps(body), _when_checked(body, done), again=True
                )
            )
        return done.addErrback(self._retry_or_raise, fetched).addBoth(_free_body, body)

    def _retry_or_raise(self, failure: Failure, fetched: Any) -> Deferred[None]:
        """Try a block again if there was no room. Otherwise raises HoleError or UnstorableBlockError."""
        error, origin = failure.value, fetched.origin
        which = f"message {fetched.sequence} of the stream {self._place.stream}"
        if not isinstance(error, RequestRefused):
            raise self._fetching.UnstorableBlockError(f"{which} could not be stored: {error}")
        if error.status == _BUSY:
            waited: Deferred[None] = deferLater(self._reactor, BUSY)
            return waited.addCallback(lambda _: self._store_fetched(fetched))
        self._intake.refused(error.reason)
        if error.status == _MISPLACED:
            note = self._intake.store.origins.last_block(origin)
            raise self._fetching.HoleError(
                f"{which} does not follow {note.end if note else 'nothing'}, where the store {origin} ends"
                " here: no more of that store is fetched; if the missing blocks are lost for good, let this"
                f" listener skip them with holes=pass, such as {EXAMPLE}:holes=pass"
            )
        raise self._fetching.UnstorableBlockError(
            f"{which} is no block of the store {origin}: {error}; no more of that store is fetched"
        )


def _finish_steps(body: BlockBody) -> Generator[None, None, None]:
    yield from body.finish()


def _when_checked(body: BlockBody, done: Deferred[None]) -> Callable[[Failure | None], None]:
    """Return the callback for a checked block: fires `done` when the block is stored or has failed."""

    def ended(failure: Failure | None) -> None:
        stored = body.stored()
        if failure is not None:
            done.errback(failure)
        elif stored is None:
            done.callback(None)
        else:
            stored.addCallbacks(lambda _: done.callback(None), done.errback)

    return ended


def _free_body(result: Any, body: BlockBody) -> Any:
    body.let_go()
    return result


class Nats(Input):
    """The `nats` input."""

    name = "nats"
    no_datagrams = f"blocks are fetched from a stream, such as {EXAMPLE}"

    def stream(self, intake: Intake) -> NatsReceiver:
        return NatsReceiver(intake, intake.clock)
