"""Remove from a stream the blocks that are on our disk, so that a full stream has room again.

This is done only in streams whose description begins with MARK and that refuse blocks when they are full.
There a centre registers itself, by a consumer from which it never fetches. If another centre that fetches
the same stores is registered too, neither removes anything: what one has, the other may still need.

The last block of each store stays, because its sender asks for it to know where to go on.

Servers before 2.10 (Debian has 2.9.10) go on counting what a purge of one subject removes, until they take
nothing more. There each message is deleted by its number.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import attrs
from twisted.logger import LogLevel

from logsrv.linelog.formats.nats.client import NatsTrouble
from logsrv.linelog.formats.nats.limits import (
    NEARLY,
    StreamLimits,
    is_emptied,
    limits_of_stream,
)
from logsrv.linelog.formats.nats.link import (
    NatsLink,
    PublishDenied,
    required_number,
    required_object,
)
from logsrv.linelog.formats.nats.stream_source import StreamSource
from logsrv.linelog.formats.nats.streams import SUBJECT, is_safe_version, register_idle_consumer

FILLED = 0.25
"""The part of the stream that may be in use before stored blocks are removed: it is there for restores."""
_PAGES = 16
_NAME = re.compile(r"logsrv-([0-9a-f]{32})-([0-9]{1,4})-([0-9]{1,4})")


@attrs.define(eq=False)
class StreamEmptier:
    """The removal of blocks from one stream. works: whether we are registered at the stream as it is now.

    centre: the identity of our store; "" if it has none, then nothing is removed. tell: logs a sentence.
    """

    _stream_source: StreamSource
    _link: NatsLink
    _centre: str
    _tell: Callable[[LogLevel, str], Awaitable[None]]
    works: bool = attrs.field(init=False, default=False)
    _limits: StreamLimits = attrs.field(init=False, factory=StreamLimits)
    _created: object = attrs.field(init=False, default=None)
    _first: int = attrs.field(init=False, default=0)
    # By store, the messages in this stream that are on our disk; only the last, if that is enough to purge.
    _stored: dict[str, deque[int]] = attrs.field(init=False, factory=dict)
    # By store, the message before which all were removed.
    _kept: dict[str, int] = attrs.field(init=False, factory=dict)

    async def look_at(self, stream: Mapping[str, Any]) -> None:
        """Read the description of the stream, and register if we shall empty it. Raises NatsTrouble."""
        config, state = required_object(stream, "config"), required_object(stream, "state")
        self._limits = limits_of_stream(config, state)
        self._first = required_number(state, "first_seq")
        if stream.get("created") != self._created:
            self._created, self.works = stream.get("created"), False
            self._stored.clear()
            self._kept.clear()
        if not is_emptied(config) or not self._centre:
            self.works = False
        elif not self.works:
            self.works = await self._register()

    async def _register(self) -> bool:
        source = self._stream_source
        name = f"logsrv-{self._centre}-{source.part}-{source.parts}"
        why = "a centre of logsrv: while this is here, its blocks are kept for it"
        try:
            await register_idle_consumer(self._link, source.stream, name, why, "*")
        except PublishDenied as error:
            await self._tell_why_kept(str(error))
            return False
        return True

    @property
    def _purges(self) -> bool:
        return is_safe_version(str(self._link.server_info.get("version", "")))

    def begin_after(self, last: int | None) -> int | None:
        """Return the number after which to fetch a store whose block `last` is on our disk; None for all.

        What is here is fetched again, as far as its numbers are needed to remove it. A stream that was
        created anew has other blocks under these numbers.
        """
        if last is None or not self.works:
            return last
        return last - 1 if self._purges else None

    def record_stored(self, origin: str, sequence: int) -> None:
        """Record that a message was fetched, and that its block is on our disk."""
        if self.works:
            found = self._stored.setdefault(origin, deque())
            # The stream's own limits remove messages, too.
            while found and (self._purges or found[0] < self._first):
                found.popleft()
            found.append(sequence)

    async def empty_if_needed(self) -> None:
        """Remove what is on our disk, if the stream is filled by more than FILLED. Raises NatsTrouble."""
        if not self.works or self._limits.used < FILLED * self._limits.bytes:
            return
        due = [one for one, found in self._stored.items() if found[-1] != self._kept.get(one)]
        others = await self._other_centres() if due else []
        shared = [one for one in due if any(source.includes_store(one) for source in others)]
        try:
            for origin in due:
                if origin not in shared:
                    await self._remove_all_but_last(origin)
        except PublishDenied as error:
            self.works = False
            await self._tell_why_kept(str(error))
            return
        if shared and self._limits.used >= NEARLY * self._limits.bytes:
            stream = self._stream_source.stream
            await self._tell_why_kept(
                "other centres fetch the same stores and may need them (nats consumer ls"
                f" {stream}; if a centre is no more, remove its consumer logsrv-…)"
            )

    async def _remove_all_but_last(self, origin: str) -> None:
        """Remove the messages of a store that are on our disk, but the last one. Raises NatsTrouble."""
        stream, messages = self._stream_source.stream, self._stored[origin]
        last = messages[-1]
        if self._purges:
            order: dict[str, Any] = {"filter": f"{SUBJECT}.{origin}", "seq": last}
            await self._link.ask_jetstream(f"STREAM.PURGE.{stream}", order)
        else:
            for sequence in [one for one in messages if one < last]:
                order = {"seq": sequence, "no_erase": True}
                try:
                    await self._link.ask_jetstream(f"STREAM.MSG.DELETE.{stream}", order)
                except NatsTrouble as error:
                    # Its number is no message any more.
                    if not error.code:
                        raise
        while messages[0] < last:
            messages.popleft()
        self._kept[origin] = last

    async def _other_centres(self) -> list[StreamSource]:
        """Return the parts that other centres fetch."""
        found: list[StreamSource] = []
        seen = 0
        for _ in range(_PAGES):
            answer = await self._link.ask_jetstream(
                f"CONSUMER.NAMES.{self._stream_source.stream}", {"offset": seen}
            )
            names = answer.get("consumers") or []
            if not isinstance(names, list) or not names:
                break
            seen += len(names)
            for name in names:
                known = _NAME.fullmatch(str(name))
                if known and known[1] != self._centre and int(known[3]):
                    found.append(
                        attrs.evolve(self._stream_source, part=int(known[2]), parts=int(known[3]))
                    )
        return found

    async def _tell_why_kept(self, why: str) -> None:
        stream = self._stream_source.stream
        await self._tell(
            LogLevel.warn,
            f"the blocks that are stored here stay in the stream {stream}: {why}; when it is full, its"
            f" senders wait. To let it drop the oldest instead: nats stream edit {stream} --discard old",
        )
