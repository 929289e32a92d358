"""The `nats` input: a centre that fetches blocks of other stores from a NATS stream, each exactly once."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from logsrv.errors import ConfigurationError
from logsrv.installation import how_to_install
from logsrv.kit.connections.client_tls import TLSOptions, tls_context
from logsrv.kit.net.endpoint import Endpoint
from logsrv.kit.observe.rate_limited_log import Failures, RateLimitedLog
from logsrv.linelog.formats.nats.login import nats_login_options, read_nats_credentials
from logsrv.linelog.formats.nats.stream_source import (
    EXAMPLE,
    StreamSource,
    adapted_headers,
    parse_stream_source,
    passed_hole,
)
from logsrv.linelog.intake.blocks.body import BlockBody
from logsrv.linelog.intake.connections import Input
from logsrv.linelog.intake.intake import Intake
from logsrv.linelog.intake.unfinished import UnfinishedData
from logsrv.linelog.lines.bodies import RequestRefused
from logsrv.reactor import AsyncioThread, Timer

log = Logger()
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
            self._fetching: Any = import_module("logsrv.linelog.formats.nats.fetching")
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("logsrv"):
                raise
            raise ConfigurationError(
                f"--listen {intake.label} needs the package {error.name}; this installs it:"
                f" {how_to_install('nats')}"
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
        self._stream_source = source = parse_stream_source(endpoint.text)
        self._source = f"nats:{endpoint.text.partition('/')[0]}/{source.stream}"
        self._start_fetching(self._link_maker(source))

    def _start_fetching(self, make: Callable[[], Any]) -> None:
        self._running = self._thread.run_coroutine(lambda: self._run_fetcher(make))
        self._running.addErrback(self._begin_again_later, make)

    async def _run_fetcher(self, make: Callable[[], Any]) -> None:
        call = self._thread.call_in_reactor
        near = self._fetching.LocalStoreCalls(
            lambda origin: call(partial(self._last_sequence, origin)),
            lambda fetched: call(partial(self._store_fetched, fetched)),
            lambda level, why: call(partial(self._log_sentence, level, why)),
            identity.store if (identity := self._intake.store.identity) else "",
        )
        await self._fetching.StreamFetcher(
            self._stream_source, make(), near
        ).fetch_until_cancelled()

    def _link_maker(self, source: StreamSource) -> Callable[[], Any]:
        """Return a function that makes the NatsLink, to be called in asyncio's thread.

        Raises ConfigurationError if a file of credentials, certificates or keys cannot be used.
        """
        secret = self._intake.secrets.token
        if len(self._intake.secrets.tokens) > 1:
            raise ConfigurationError(
                "--input-token-file has several tokens; NATS is told a single one"
            )
        if source.creds is not None:
            secret = read_nats_credentials(source.creds)
        login = nats_login_options(secret, source.user)
        tls = TLSOptions(cafile=source.ca, certificate=source.certificate, key=source.key)
        if source.encrypts:
            tls_context(tls)
        given = tls if source.encrypts else None
        keepalive = self._intake.keepalive
        return lambda: self._fetching.NatsLink(source.servers, login, given, source.api, keepalive)

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

    def _last_sequence(self, origin: str) -> int | None:
        note = self._intake.store.origins.last_block(origin)
        return None if note is None else note.sequence

    def _log_sentence(self, level: LogLevel, why: str) -> None:
        """Log a sentence; problems only once a minute each, because thousands of stores may have them."""
        noted = None if level is LogLevel.info else self._problems.count_event(why)
        if noted is None and level is not LogLevel.info:
            return
        more = f" (and {noted.number - 1} more such)" if noted and noted.number > 1 else ""
        log.emit(level, "{label}: {why}{more}", label=self._intake.label, why=why, more=more)

    async def _store_fetched(self, fetched: Any) -> str:
        """Store a block; return when it is on the disk, or was stored before.

        Return the positions between which it passed over missing lines, or "". Try it again if there was no
        room. Raises HoleError or UnstorableBlockError.
        """
        while self._running is not None:
            headers = self._adapted_headers(fetched)
            body = BlockBody(
                self._intake, self._source, self._bodies, headers, fetched.sequence, cuts=True
            )
            try:
                await self._finish_body(body, fetched.packed)
                return passed_hole(fetched.headers, headers)
            except Exception as error:
                if getattr(error, "status", None) != _BUSY:
                    raise self._final_error(error, fetched) from None
            finally:
                body.let_go()
            await deferLater(self._reactor, BUSY)
        # The asyncio loop, which waits for this, is about to end.
        await Deferred[None]()
        return ""

    def _adapted_headers(self, fetched: Any) -> dict[str, str]:
        note = self._intake.store.origins.last_block(fetched.origin)
        headers = adapted_headers(
            fetched.headers,
            note.end if note else None,
            passes_holes=self._stream_source.passes_holes,
        )
        # A sender may only use its own subject, but its headers could name any store: such a block is
        # refused.
        if headers.get("Logsrv-Store", fetched.origin) != fetched.origin:
            headers.clear()
        return headers

    async def _finish_body(self, body: BlockBody, packed: bytes) -> None:
        body.receive(packed)
        self._intake.received_bytes += len(packed)
        await body.finish()

    def _final_error(self, error: Exception, fetched: Any) -> Any:
        """Return the HoleError or UnstorableBlockError for a block that cannot be stored."""
        origin = fetched.origin
        which = f"message {fetched.sequence} of the stream {self._stream_source.stream}"
        why = f"{which} could not be stored: {error}"
        if isinstance(error, RequestRefused):
            self._intake.request_refused(error)
            why = f"{which} is no block of the store {origin}: {error}; no more of that store is fetched"
            if error.status == _MISPLACED:
                note = self._intake.store.origins.last_block(origin)
                return self._fetching.HoleError(
                    f"{which} does not follow {note.end if note else 'nothing'}, where the store {origin}"
                    " ends here: no more of that store is fetched; if the missing blocks are lost for good,"
                    f" let this listener skip them with holes=pass, such as {EXAMPLE}:holes=pass"
                )
        return self._fetching.UnstorableBlockError(why)


class Nats(Input):
    """The `nats` input."""

    name = "nats"
    no_datagrams = f"blocks are fetched from a stream, such as {EXAMPLE}"

    def stream(self, intake: Intake) -> NatsReceiver:
        return NatsReceiver(intake, intake.clock)
