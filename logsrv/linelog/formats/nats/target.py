"""The target of blocks in JetStream: a NATS stream, which takes a block only after the block before it.

Each message is a block, with the subject `logs.ID`. `Nats-Expected-Last-Subject-Sequence` is the sequence
of the message before it. So the stream refuses a block that comes twice or late, however late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from twisted.internet.defer import Deferred

from logsrv.errors import ConfigurationError
from logsrv.kit.connections.client_tls import tls_context
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import size_text
from logsrv.linelog.formats.nats.client import NatsTrouble
from logsrv.linelog.formats.nats.limits import limits_of_query
from logsrv.linelog.formats.nats.link import (
    NatsLink,
    PayloadTooLarge,
    PublishDenied,
    read_jetstream_answer,
    required_number,
)
from logsrv.linelog.formats.nats.login import nats_login_options
from logsrv.linelog.formats.nats.missing import fetch_missing
from logsrv.linelog.formats.nats.stream_source import API, PREFIX
from logsrv.linelog.formats.nats.streams import (
    EXPECTED,
    NO_STREAM,
    STORAGE_FULL,
    STREAM_FULL,
    SUBJECT,
    WRONG_SEQUENCE,
    StreamFacts,
    fetch_last_message,
    find_or_make_stream,
    full_stream_error,
)
from logsrv.linelog.ship.targets.target import (
    LastBlock,
    MisplacedBlock,
    TooMuchAtOnce,
    Unavailable,
)
from logsrv.linelog.ship.targets.target_plugin import TargetSettings
from logsrv.linelog.store.packed_block import LARGEST, PackedBlock, block_from_headers
from logsrv.reactor import AsyncioThread

T = TypeVar("T")
_ANY_STORE = "0" * 32
LOOK = 10.0
"""Seconds between two questions how full the stream is, while blocks are sent."""
HEADERS = 2048
"""The bytes of a message that are reserved for its headers."""
TOO_LARGE, OTHER_STREAM = 10054, 10060
"""Error codes of JetStream: server/errors.json of nats-server."""


class JetStreamTarget:
    """A stream that takes our blocks, at `nats://HOST[:PORT][,HOST…]/STREAM`."""

    promise = "exactly once"
    largest = LARGEST
    has_removed_blocks = False
    warning = missing = ""
    window = 1
    _may_ask_missing = True

    def __init__(self, settings: TargetSettings, reactor: Any) -> None:
        """Raises ConfigurationError."""
        self._store = settings.store
        self._stream = settings.url.path.removeprefix("/")
        self._subject = f"{SUBJECT}.{settings.store}"
        self._who = one_line(settings.url.loggable_url)
        self._thread = AsyncioThread(reactor, "nats")
        self._link = _make_link(settings)
        # The sequence of our store's last block in the stream; 0 if there is none.
        self._sequence = 0
        self._limits = limits_of_query(settings.url.query_parameters, settings.url.loggable_url)
        self._facts: StreamFacts | None = None
        # The time of the loop at which it was last asked how full the stream is.
        self._looked = 0.0

    def fetch_last_block(self) -> Deferred[LastBlock | None]:
        """Ask for the stream's place; fires with None if it has nothing of this store."""
        return self._call_in_thread(self._fetch_last)

    async def _fetch_last(self) -> LastBlock | None:
        await self._link.connect_if_needed()
        facts = await self._look_at_stream()
        payload = self._link.server_info.get("max_payload")
        if isinstance(payload, int):
            self.largest = min(LARGEST, max(payload - HEADERS, 1))
        found = await fetch_last_message(self._link, facts, self._store)
        if found is None:
            self._sequence = 0
            return None
        try:
            block = block_from_headers(found.headers, b"")
            if block.store != self._store:
                raise ValueError
        except ValueError:
            raise NatsTrouble(
                f"message {found.sequence} of the stream {self._stream} is not a block of this store:"
                f" another client has written to {self._subject}",
                settled=True,
            ) from None
        self._sequence = found.sequence
        return LastBlock(block.end, block.start, block.crc)

    async def _look_at_stream(self) -> StreamFacts:
        """Find the stream, or make it, and see how full it is."""
        facts = await find_or_make_stream(self._link, self._stream, self._store, self._limits)
        self._facts, self._looked = facts, asyncio.get_running_loop().time()
        self.promise, self.has_removed_blocks = facts.promise, facts.first > 1
        self.warning = facts.limits.warning(self._stream)
        if self._may_ask_missing:
            try:
                self.missing = await fetch_missing(self._link, self._stream, self._store)
            except PublishDenied:
                self._may_ask_missing = False
            except NatsTrouble:
                # An account of its own need not have the right to ask: then only the centre's log tells.
                pass
        return facts

    def send(self, block: PackedBlock) -> Deferred[None]:
        """Send a block; fires when the stream has it."""
        return self._call_in_thread(lambda: self._send(block))

    async def _send(self, block: PackedBlock) -> None:
        if asyncio.get_running_loop().time() - self._looked >= LOOK:
            await self._look_at_stream()
        headers = {
            **block.headers(),
            "Nats-Expected-Stream": self._stream,
            EXPECTED: str(self._sequence),
        }
        try:
            answer = read_jetstream_answer(
                await self._link.ask(self._subject, block.packed, headers)
            )
        except PayloadTooLarge:
            raise TooMuchAtOnce(
                f"{self._who} takes no block of {len(block.packed)} bytes"
            ) from None
        except NatsTrouble as error:
            if error.code in WRONG_SEQUENCE:
                raise MisplacedBlock(None) from None
            if error.code == TOO_LARGE:
                raise TooMuchAtOnce(f"the stream {self._stream}: {error}") from None
            if error.code == STREAM_FULL or error.code in STORAGE_FULL:
                limits = self._facts.limits if self._facts else None
                raise full_stream_error(self._stream, limits, error) from None
            raise
        if answer.get("stream") != self._stream:
            raise NatsTrouble("it answers without confirming the block", settled=True)
        self._sequence = required_number(answer, "seq")

    def _call_in_thread(self, make: Callable[[], Coroutine[Any, Any, T]]) -> Deferred[T]:
        async def called() -> T:
            try:
                return await make()
            except NatsTrouble as error:
                settled = error.settled or error.code == OTHER_STREAM
                busy = error.code == STREAM_FULL
                raise Unavailable(f"{self._who}: {error}", settled=settled, busy=busy) from None

        return self._thread.run_coroutine(called)

    def close(self) -> Deferred[None]:
        return self._thread.run_coroutine(self._link.close).addBoth(lambda _: self._thread.stop())


def _make_link(settings: TargetSettings) -> NatsLink:
    """Return a link to the servers, which is not connected yet. Raises ConfigurationError."""
    url = settings.url
    prefix = url.query_parameters.get("api", API)
    if not PREFIX.fullmatch(prefix):
        raise ConfigurationError("api= has to be the prefix of JetStream's subjects, as api=JS.API")
    login = nats_login_options(settings.token, url.query_parameters.get("user"))
    if url.tls:
        tls_context(settings.tls)
    return NatsLink(
        url.servers, login, settings.tls if url.tls else None, prefix, settings.keepalive
    )


def ask_about_stream(settings: TargetSettings) -> tuple[str, list[str]]:
    """Return a sentence about a stream and its limits, and warnings. Raises ConfigurationError."""
    return asyncio.run(_ask_about_stream(settings))


async def _ask_about_stream(settings: TargetSettings) -> tuple[str, list[str]]:
    url = settings.url
    limits = limits_of_query(url.query_parameters, url.loggable_url)
    link = _make_link(settings)
    name = url.path.removeprefix("/")
    try:
        await link.connect_if_needed()
        try:
            facts = await find_or_make_stream(link, name, _ANY_STORE)
        except NatsTrouble as error:
            if error.code != NO_STREAM:
                raise
            return (
                f"there is no stream {name} yet; it is made with at most {size_text(limits.bytes)}",
                [],
            )
        warnings = [warning] if (warning := facts.limits.warning(name)) else []
        most = await _account_storage(link)
        if 0 <= most < facts.limits.bytes:
            warnings.append(
                f"the stream {name} may have {size_text(facts.limits.bytes)}, and its account only"
                f" {size_text(most)}: nats stream edit {name} --max-bytes SIZE"
            )
        return ("" if warnings else f"the stream {name}: {facts.promise}"), warnings
    except NatsTrouble as error:
        raise ConfigurationError(str(error)) from None
    finally:
        await link.close()


async def _account_storage(link: NatsLink) -> int:
    """Return the bytes that the account may have; -1 if that is unlimited, or not told."""
    with suppress(NatsTrouble):
        limits = (await link.ask_jetstream("INFO")).get("limits")
        most = limits.get("max_storage") if isinstance(limits, dict) else None
        return most if type(most) is int else -1
    return -1
