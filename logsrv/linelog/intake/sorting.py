"""Sorting lines into several stores by rules, as they come in: by listener, or by a query.

A listener without rules appends to the main store, and nothing here is used. One with rules appends to
`SortedStores`, which has the methods of a store that an `Intake` uses:

    a rule of the listener     the batch goes to another store as it is; nothing is parsed
    a rule with a query        the text of the batch is searched; lines that match go to its store, the
                               others in runs to the next

The lines of a batch keep their order within each store, and its time. A continuation line goes where the
first line of its record goes, if the query asks for a field that it has from there.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import attrs
from twisted.internet.defer import Deferred, DeferredList
from twisted.logger import Logger

from logsrv.lazy_names import later_module
from logsrv.linelog.batch import Batch, StampedText
from logsrv.linelog.fields.continuations.joiner import MOST_BYTES
from logsrv.linelog.fields.continuations.way_back import (
    EarlierLines,
    EarlierText,
    first_line_of,
    may_be_continuation,
    may_have_continuations,
)
from logsrv.linelog.fields.stored_line import NO_FIRST_LINES, FirstLines
from logsrv.linelog.query.line_spans import all_line_spans
from logsrv.linelog.query.match import Matcher
from logsrv.linelog.store.store import Store

if TYPE_CHECKING:
    from logsrv.linelog.fields import stamps
    from logsrv.linelog.fields.continuations import first_lines
else:
    # They load NumPy, and most lines have headers of their own.
    stamps = later_module("logsrv.linelog.fields.stamps")
    first_lines = later_module("logsrv.linelog.fields.continuations.first_lines")

log = Logger()
# Bytes. In less text, first lines are looked for one by one, without NumPy.
SMALL_TEXT = 4096
# Bytes of the last texts of all sources together.
MOST_KEPT = 4 << 20

Moment: TypeAlias = Any
"""How much a store had taken at a moment, or each of several; only what gave it can read it."""


class Sink(Protocol):
    """The part of a store that an `Intake` uses for lines."""

    @property
    def appended(self) -> Moment: ...

    def append(self, batch: Batch, /) -> int: ...

    def durable(self, since: Moment | None = None) -> Deferred[None]: ...


@attrs.frozen(eq=False)
class QueryRule:
    """A rule with a query, and the store for the lines that match."""

    matcher: Matcher
    store: Store


class SortedStores:
    """The stores of one listener. main: that of lines that no rule wants.

    It waits also for the stores of earlier rules: lines that were taken before a reload are acknowledged
    when they are safe there.
    """

    def __init__(self, main: Store) -> None:
        self._main = main
        self._rules: Sequence[QueryRule] = ()
        self._rest = main
        # All that have got lines of this listener, and may not have written them yet.
        self._stores: dict[Store, None] = {main: None}
        self._before = EarlierBatches()
        self._failed = False
        # The first byte appended to each store since the last `durable`, and since the one before that.
        self._new: dict[Store, int] = {}
        self._newer: dict[Store, int] = {}

    def sort(self, rules: Sequence[QueryRule], rest: Store) -> None:
        """Use these rules from now on: the first that fits counts. rest: the store for the other lines."""
        self._rules, self._rest = rules, rest
        self._stores |= dict.fromkeys([*(one.store for one in rules), rest])
        self._before = EarlierBatches()
        self._failed = False

    @property
    def appended(self) -> Mapping[Store, int]:
        """The bytes appended to each store so far."""
        return {one: one.appended for one in self._stores}

    def append(self, batch: Batch) -> int:
        """Queue a batch to be written soon; return the number of its lines. Raises StoreError."""
        if not self._rules:
            self._newer.setdefault(self._rest, self._rest.appended)
            return self._rest.append(batch)
        buffers = batch.stored()
        text = b"".join(buffers)
        number = batch.lines(len(text))
        chosen = self._choose(text, batch.source)
        if not chosen:
            self._append_text(self._rest, text, number)
            return number
        for store, some in texts_of_stores(text, chosen, self._rest, number).items():
            self._append_text(store, b"".join(some.parts), some.lines)
        return number

    def _choose(self, text: bytes, source: str) -> dict[int, tuple[int, Store]]:
        """Return what `stores_of_lines` does; nothing after an error of ours: no line is lost by it."""
        try:
            told = NO_FIRST_LINES
            if any(one.matcher.inherits for one in self._rules):
                told = self._before.first_lines(text, source)
            return stores_of_lines(text, self._rules, told)
        except Exception:
            if not self._failed:
                self._failed = True
                log.failure(
                    "rules of [[retention]] failed: lines of {source} go to the store of the others",
                    source=source,
                )
            return {}

    def _append_text(self, store: Store, text: bytes, number: int) -> None:
        self._newer.setdefault(store, store.appended)
        store.append(StampedText(text, number))

    def durable(self, since: Moment | None = None) -> Deferred[None]:
        """Return a Deferred that fires when the lines are safe in each store, as `Store.durable` does.

        It fails if one of the stores may have lost some. Deferreds fire in the order of the calls.
        """
        # A store that got none of these lines is waited for, but an earlier fault of it is not theirs.
        begins = self.appended
        if since is None:
            begins = {**begins, **self._newer, **self._new}
        elif isinstance(since, int):
            # It is from before the first rule, when all lines went to the main store.
            begins = {**dict.fromkeys(begins, 0), self._main: since}
        else:
            begins = {**dict.fromkeys(begins, 0), **since}
        self._new, self._newer = self._newer, {}
        waiting = [one.durable(start) for one, start in begins.items()]
        # All of them, also if one fails: Deferreds must not overtake one another.
        done: Deferred[None] = Deferred()
        DeferredList(waiting, consumeErrors=True).addCallback(_tell_result, done)
        return done


def _tell_result(results: Sequence[tuple[bool, Any]], done: Deferred[None]) -> None:
    failures = [found for is_good, found in results if not is_good]
    if failures:
        done.errback(failures[0])
    else:
        done.callback(None)


def stores_of_lines(
    text: bytes, rules: Sequence[QueryRule], told: FirstLines
) -> dict[int, tuple[int, Store]]:
    """Return the end, without LF, and the store of each line for which a rule is true, by its start.

    told: the first lines of the continuation lines.
    """
    found: dict[int, tuple[int, Store]] = {}
    for rule in rules:
        for start, end in rule.matcher.find(text, None, told):
            found.setdefault(start, (end, rule.store))
    return found


@attrs.define(eq=False)
class SortedText:
    """Lines for one store: runs of them in their order, and their number."""

    parts: list[bytes] = attrs.field(factory=list)
    lines: int = 0


def texts_of_stores(
    text: bytes, chosen: Mapping[int, tuple[int, Store]], rest: Store, number: int
) -> dict[Store, SortedText]:
    """Return the lines of each store.

    rest: the store of lines that are not chosen. number: of all lines.
    """
    found: dict[Store, SortedText] = {}
    # The run of lines for one store that has been read, and its end.
    begin, end, present = 0, 0, rest
    for start in sorted(chosen):
        stop, store = chosen[start]
        if start > end or store is not present:
            _add_run(found, present, text[begin:end])
            _add_run(found, rest, text[end:start])
            begin, present = start, store
        end = stop + 1
        found.setdefault(store, SortedText()).lines += 1
    _add_run(found, present, text[begin:end])
    _add_run(found, rest, text[end:])
    if rest in found:
        found[rest].lines = number - len(chosen)
    return found


def _add_run(found: dict[Store, SortedText], store: Store, lines: bytes) -> None:
    if lines:
        found.setdefault(store, SortedText()).parts.append(lines)


class EarlierBatches:
    """The last text of each source: in it are the first lines of records that go on in its next batch.

    size: the bytes of all.
    """

    def __init__(self) -> None:
        # The source that has been silent for the longest time is the first.
        self._texts: OrderedDict[str, deque[bytes]] = OrderedDict()
        self.size = 0

    def first_lines(self, text: bytes, source: str) -> FirstLines:
        """Return the first lines of the continuation lines in the next batch of a source."""
        texts = self._texts.setdefault(source, deque())
        self._texts.move_to_end(source)
        try:
            if not may_have_continuations(text):
                return NO_FIRST_LINES
            if len(text) < SMALL_TEXT:
                return _of_each_line(text, texts)
            return first_lines.first_lines(stamps.StampedLines(text), partial(_earlier, texts))
        finally:
            self._add(text, texts)

    def _add(self, text: bytes, texts: deque[bytes]) -> None:
        texts.append(text)
        self.size += len(text)
        while sum(map(len, texts)) - len(texts[0]) >= MOST_BYTES:
            self.size -= len(texts.popleft())
        while self.size > MOST_KEPT and len(self._texts) > 1:
            self.size -= sum(map(len, self._texts.popitem(last=False)[1]))


def _of_each_line(text: bytes, texts: Sequence[bytes]) -> FirstLines:
    """Return the first lines in a text. texts: of its source before it."""
    found = {}
    for start, end in all_line_spans(text):
        line = text[start:end]
        if may_be_continuation(line):
            first_line = first_line_of(line, _earlier([*texts, text[:start]]))
            if first_line is not None:
                found[start] = first_line
    return found or NO_FIRST_LINES


def _earlier(texts: Sequence[bytes]) -> Iterator[tuple[int, EarlierLines]]:
    """Yield texts, the last first, each with its distance to what follows them."""
    distance = 0
    for text in reversed(texts):
        distance += len(text)
        if text:
            yield distance, EarlierText(text)
