"""The way into the store: `Intake` takes blocks, counts them, and says when they are safe."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from time import thread_time
from typing import TYPE_CHECKING, Protocol

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv.kit.children.pool import NoWorkerError, ProcessPool, WorkerEndedError
from logsrv.kit.observe.metrics import Counts
from logsrv.kit.observe.peer_log import connection_log
from logsrv.kit.observe.rate_limited_log import Failures, RateLimitedLog
from logsrv.lazy_names import later_module
from logsrv.linelog.batch import TIME_AND_SPACES, Batch, Block
from logsrv.linelog.intake.filter_options import FilterCounts, FilterOptions
from logsrv.linelog.intake.gathering import GatheredRecords, gather
from logsrv.linelog.intake.options import InputSettings, read_secrets
from logsrv.linelog.intake.parsing import Parsed, ParseOrder, read_answer
from logsrv.linelog.intake.sorting import Moment, Sink
from logsrv.linelog.intake.turns import MUCH, SMALL, Turns, TurnTaker
from logsrv.linelog.intake.unfinished import UnfinishedData
from logsrv.linelog.lines.bodies import (
    BodyRules,
    Records,
    RequestRefused,
    TooLargeHereError,
    busy_refusal,
    failed_here,
    record_bytes_limit,
)
from logsrv.linelog.lines.rules import (
    LineCounts,
    Oversize,
    for_datagrams,
    for_structured,
)
from logsrv.linelog.store.blocks import PendingBlock
from logsrv.linelog.store.store import Store
from logsrv.linelog.store.valve import Producer, Valve
from logsrv.reactor import NextTurnCall, time_of_day

if TYPE_CHECKING:
    from logsrv.linelog.intake import line_filter
else:
    # Only with --mask or --drop: it imports the query language.
    line_filter = later_module("logsrv.linelog.intake.line_filter")

log = Logger()

# Words for the log about lines that are too long.
_OVERSIZE = {
    Oversize.SPLIT: "stored in pieces",
    Oversize.TRUNCATE: "stored without the end",
    Oversize.CLOSE: "stored without the end, and the connection closed",
}
# Words for the log about records that are not stored, by reason.
_WHY = {
    "oversize": "dropped a record that is too long; the rest of the message is stored",
    "protocol": "dropped an invalid record; the valid ones of its message are stored",
    "unknown": "a message has no record, or some under keys that its format does not have",
}
# A block that takes more bytes in the store, with the stamps of its lines, is stored in pieces. 256 KiB of
# empty lines from a TCP connection over IPv4 take fewer.
MOST_STORED = 16 << 20
_HOUR = 3600.0


class Deliverer(Producer, TurnTaker, Protocol):
    """A connection that the store pauses, and that takes turns."""


@attrs.frozen(eq=False)
class _WaitingBatch:
    """A batch for which the store had no room.

    filter: that has masked and dropped its lines. durable: Deferreds to fire when all up to this batch is
    safe, each with its `moment`.
    """

    batch: Batch
    filter: line_filter.LineFilter | None
    durable: list[tuple[Deferred[None], Moment]] = attrs.field(factory=list)


class Intake:
    """A listener's way into the store: its rules, its counters, its clock.

    rules: for lines; a connection keeps the rules that it began with. options, secrets, structured_rules:
    for inputs of records. max_record: longest structured record, such as JSON, in bytes.
    keepalive: seconds of silence before the system asks a server that the input has dialled; None: never.
    counts, received_bytes: counted by the protocols. received_lines: number of stored lines.
    store: for inputs that read it, or store blocks of other stores. sink: takes the lines; it is the store,
    unless rules sort them into several. connection_log: None unless the
    operator wants it. unfinished: unfinished records of connections. workers: processes that parse large
    messages. turns: the connections that wait until others have been served.
    datagrams: the producer to pause if the listener receives datagrams, else None. backlog: whether some
    datagrams are received but not taken in.

    Each line gets a stamp, which may be hundreds of times as long as the line. So a large block is stored
    in pieces; the pieces that the store has no room for wait here, without stamps, until the valve opens.
    """

    def __init__(
        self,
        label: str,
        settings: InputSettings,
        *,
        store: Store,
        clock: IReactorTime,
        metrics: Counts,
        workers: ProcessPool,
        cpu: Callable[[], float] = thread_time,
        unfinished: UnfinishedData | None = None,
    ) -> None:
        """label: names the listener in logs and metrics. cpu: returns this thread's CPU time in seconds."""
        self.label = label
        self.cpu = cpu
        self.counts = LineCounts()
        self.received_bytes = 0
        self.received_lines = 0
        self.store = store
        self.sink: Sink = store
        self.clock = clock
        self.workers = workers
        # In `flush` answers of workers are taken though the valve is closed; after it they are too late.
        self._flushed = self._flushing = False
        self.turns = Turns(store.valve, clock, cpu)
        self.datagrams: Producer | None = None
        self.backlog = False
        # None without --mask and --drop. After a reload the new one is for connections that are there, too:
        # what must not be stored, must not be stored any more.
        self.filter: line_filter.LineFilter | None = None
        self.filter_options = FilterOptions()
        self.filter_counts = FilterCounts()
        # Lines that --drop kept away: how many the log has told of, and when it did.
        self._drops_said, self._drops_said_at = 0, -math.inf
        self.apply(settings)
        self.unfinished = unfinished or UnfinishedData(lambda: self.options.max_body)
        self._waiting: deque[_WaitingBatch] = deque()
        # Asks for a turn for the waiting batches: after the connections that are read in this turn, and not
        # before the valve is open.
        self._next_turn = NextTurnCall(clock, partial(self.valve.when_open, self._store_waiting))
        self.metrics = metrics
        self._complaints = RateLimitedLog(clock.seconds)
        self._failures = Failures(label, clock.seconds)
        # Over-long lines: how many there were, how many of them are logged, and the sender of the last.
        self._oversize = self._oversize_said = 0
        self._oversize_source = ""
        self._too_long = RateLimitedLog(clock.seconds)
        self._watch_counts(metrics, label)

    def _watch_counts(self, metrics: Counts, label: str) -> None:
        """Let the metrics read the counts of this listener: they are plain attributes on the hot path."""
        counts = self.counts
        metrics.watch("received_bytes_total", lambda: self.received_bytes, listener=label)
        metrics.watch("received_lines_total", lambda: self.received_lines, listener=label)
        metrics.watch("oversize_lines_total", lambda: counts.oversize_lines, listener=label)
        for reason in ("telnet", "cr_nul", "bom", "truncated", "closed"):
            read = partial(getattr, counts, f"dropped_{reason}")
            metrics.watch("dropped_bytes_total", read, listener=label, reason=reason)
        metrics.watch("records_refused_total", lambda: counts.empty, listener=label, reason="empty")
        filtered, rule = self.filter_counts, {"listener": label, "reason": "drop"}
        metrics.watch("dropped_lines_total", lambda: filtered.dropped_lines, **rule)
        metrics.watch("dropped_bytes_total", lambda: filtered.dropped_bytes, **rule)
        metrics.watch(
            "dropped_bytes_total", lambda: filtered.masked_bytes, listener=label, reason="mask"
        )
        metrics.watch("masked_total", lambda: filtered.masked, listener=label)

    def apply(self, settings: InputSettings) -> None:
        """Use these settings for new connections; masks and drops for all, from the next block on."""
        self.rules = settings.line_rules
        self.options = settings.input_options
        self.secrets = read_secrets(self.options)
        self.structured_rules = for_structured(self.rules, self.options.max_record)
        self.max_record = self.structured_rules.max_line
        self.keepalive = settings.keepalive
        self.connection_log = connection_log(settings, self.label, self.clock)
        self.name = settings.name
        self._prefix = f"{settings.name}@" if settings.name else ""
        chosen = settings.filter_options
        if chosen != self.filter_options:
            self.filter_options = chosen
            self.filter = (
                None if chosen.is_empty else line_filter.LineFilter(chosen, self.filter_counts)
            )

    @property
    def valve(self) -> Valve:
        """The valve to add a stream connection to, so that a slow disk slows its sender."""
        return self.store.valve

    def source(self, peer: str) -> str:
        """Return the source for lines of `peer` (see `kit.connections.source`), with the listener."""
        return self._prefix + peer

    def take(self, block: Block | bytes, source: str) -> int:
        """Store a block, received now from `source`; return how many bytes it takes in the store.

        Raises ValueError for bytes that are not one or more whole lines, each ended by one LF.
        """
        if not isinstance(block, Block):
            block = Block.of_bytes(block)
        received = time_of_day(self.clock)
        if self.counts.oversize_lines != self._oversize_said:
            self._report_oversize(source)
        line = len(source) + TIME_AND_SPACES + 1
        if self.datagrams is not None:
            self.valve.served(self.datagrams)
        if self.filter is not None:
            kept = self._filtered(self.filter, Batch(block, source, received))
            if kept is None:
                return 0
            block = kept
        if not self._waiting and len(block) * line <= MOST_STORED:
            lines = self.sink.append(Batch(block, source, received))
            self.received_lines += lines
            return len(block) + lines * (line - 1)
        pieces = block.pieces(MOST_STORED // line)
        self._waiting += [
            _WaitingBatch(Batch(piece, source, received), self.filter) for piece in pieces
        ]
        self._store_waiting()
        return self.stored_size(block, source)

    def _filtered(self, chosen: line_filter.LineFilter, batch: Batch) -> Block | None:
        """Return what is stored of a batch; None for nothing."""
        kept = chosen.apply(batch, MOST_STORED)
        if self.filter_counts.dropped_lines != self._drops_said:
            self._report_drops()
        return kept

    def take_gathered(self, gathered: GatheredRecords, source: str) -> int:
        """Store the lines of a message, and report what is not stored as it came; return their bytes."""
        size = 0
        while gathered.blocks:
            block = gathered.blocks.popleft()
            size += len(block)
            self.take(block, source)
        if gathered.as_text:
            self.as_text(source, gathered.as_text)
        for reason, number in gathered.reasons.items():
            self.drop(source, reason, _WHY[reason], number)
        if gathered.empty:
            self.complain(source, "dropped an empty record", "empty")
        return size

    def take_datagram_records(self, records: Records, source: str) -> None:
        """Store records of datagrams. source: as returned by `source`."""
        self.take_gathered(gather(records, for_datagrams(self.rules), self.counts), source)

    def delivered(self, producer: Deliverer, began: float | None, size: int) -> None:
        """Let other producers come first, unless the chunk was small; after a costly one, pause this one.

        began: `cpu()` when the chunk came; None if it is too short to take long. size: bytes that the chunk
        takes in the store.
        """
        if size > SMALL:
            self.valve.served(producer)
        if size > MUCH or (began is not None and self.turns.is_over(began)):
            producer.pauseProducing()
            self.turns.wait_as_costly(producer)

    def stored_size(self, block: Block | bytes, source: str) -> int:
        """Return how many bytes a block takes in the store, with a stamp before each line."""
        if not isinstance(block, Block):
            block = Block.of_bytes(block)
        return len(block) + block.number * (len(source) + TIME_AND_SPACES)

    @property
    def waits(self) -> bool:
        """Return true if received blocks or datagrams are not stored yet."""
        return bool(self._waiting) or self.backlog

    @property
    def moment(self) -> Moment:
        """The end of the stored data now, for `durable`."""
        return self.sink.appended

    def durable(self, since: Moment | None = None) -> Deferred[None]:
        """Return a Deferred that fires when all blocks taken before are safe, and may be acknowledged.

        since: `moment` before the first block to acknowledge; None if all were taken in this reactor turn.
        Fails with StoreError if any of these blocks may be lost.
        """
        if not self._waiting:
            return self.sink.durable(since)
        waiting: Deferred[None] = Deferred()
        self._waiting[-1].durable.append((waiting, self.moment if since is None else since))
        return waiting

    def deposit(self, pending: PendingBlock) -> Deferred[None]:
        """Store a block of an origin unchanged; fires when it is on the disk, whatever --sync says."""
        self.received_lines += pending.lines
        return self.store.deposit(pending)

    @property
    def body_rules(self) -> BodyRules:
        """The limits of a message of this listener, for parsers."""
        most = self.options.max_body
        return BodyRules("", "", self.max_record, record_bytes_limit(most), most)

    async def parse(self, message: ParseOrder) -> Parsed:
        """Parse a message here, or in a worker if it is large. Raises RequestRefused."""
        try:
            return message.parse_here(self.counts)
        except TooLargeHereError:
            return await self.parse_in_worker(message)

    async def parse_in_worker(self, order: ParseOrder) -> Parsed:
        """Let a worker parse a message. Raises RequestRefused, 503 if no worker has done it."""
        held, bodies, admissions = len(order.body), self.unfinished, list[Deferred[None]]()

        def admit(size: int) -> Deferred[None]:
            """Wait until the answer has room: it may be several times as large as the message."""
            admissions.append(bodies.admit(size))
            return admissions[0].addCallback(lambda _: self._flushing or self._valve_opened())

        asked = self.workers.answer(*order.encoded(), admit=admit)
        # A message may have 64 MiB: from now on only the pool has it, until its worker has read it.
        del order
        bodies.note_question(held)
        try:
            answer = await asked
            if self._flushed:
                raise busy_refusal("there was no time to take it in; send it again")
            return read_answer(answer, self.counts)
        except (NoWorkerError, WorkerEndedError) as error:
            raise busy_refusal(f"{error}; send it again") from None
        finally:
            for admission in admissions:
                bodies.release(admission)
            bodies.note_answer(held)

    def _valve_opened(self) -> Deferred[None]:
        opened: Deferred[None] = Deferred()
        self.valve.when_open(partial(opened.callback, None))
        return opened

    @property
    def workers_are_full(self) -> bool:
        """Return whether so many messages wait for workers that no more large ones should be received."""
        return self.unfinished.are_full(self.workers.most)

    def refused(self, reason: str, records: int = 1) -> None:
        """Count records that are not stored, by reason."""
        self.metrics.count("records_refused_total", records, listener=self.label, reason=reason)

    def request_refused(self, refusal: RequestRefused) -> None:
        """Count the records of a refused request, or the request if its sender is to send it again."""
        if refusal.status == HTTPStatus.SERVICE_UNAVAILABLE:
            self.metrics.count("requests_deferred_total", listener=self.label)
        else:
            self.refused(refusal.reason, refusal.number)

    def failed(self, doing: str, source: str, failure: Failure | None = None) -> RequestRefused:
        """Log an error in our code, or an author's; return the refusal of what its sender has sent.

        The first error at each location is logged with its traceback, then one line a minute. doing: the
        function that failed. failure: None for the exception that is being handled.
        """
        self._failures.report_failure(doing, source, failure or Failure())
        return failed_here()

    def refuse_as_failed(self, doing: str, source: str) -> None:
        """Log the exception that is being handled, as `failed` does; count one record as failed."""
        self.request_refused(self.failed(doing, source))

    def drop(self, source: str, reason: str, sentence: str, records: int = 1) -> None:
        """Count records that are not stored, and log why, each reason once a minute for an address."""
        self.refused(reason, records)
        self.complain(source, sentence, reason)

    def complain(self, source: str, sentence: str, about: str = "") -> None:
        """Log what is wrong with a peer's data, each subject at most once a minute for its address.

        about: the subject, such as a reason of `refused`; "" is one subject as well.
        """
        address = source.partition(",")[0].rpartition(":")[0]
        noted = self._complaints.count_event(f"{address} {about}")
        if noted is not None:
            if self.filter is not None:
                sentence = self.filter.mask_sentence(sentence)
            others = f" (and {noted.number - 1} times more)" if noted.number > 1 else ""
            log.warn(
                "{source}: {sentence}{others}", source=source, sentence=sentence, others=others
            )

    def _report_oversize(self, source: str) -> None:
        """Log that lines were too long, at most once a minute: how many, and what to do."""
        if self.counts.oversize_lines != self._oversize:
            self._oversize, self._oversize_source = self.counts.oversize_lines, source
        if self._too_long.count_event("") is None:
            return
        number, self._oversize_said = self._oversize - self._oversize_said, self._oversize
        rules = self.rules if self.datagrams is None else for_datagrams(self.rules)
        log.warn(
            "{label} got {number} longer than {limit} bytes (--max-line), {fate} (--oversize {oversize});"
            " the last from {source}; raise --max-line if lines may be so long",
            label=self.label,
            number="a line" if number == 1 else f"{number} lines",
            limit=rules.max_line,
            fate=_OVERSIZE[rules.oversize],
            oversize=rules.oversize.value,
            source=self._oversize_source,
        )

    def _report_drops(self, *, at_end: bool = False) -> None:
        """Log how many lines --drop kept away: the first at once, then at most once an hour."""
        now, number = self.clock.seconds(), self.filter_counts.dropped_lines - self._drops_said
        if now - self._drops_said_at < _HOUR and not at_end:
            return
        self._drops_said, self._drops_said_at = self.filter_counts.dropped_lines, now
        if number < self.filter_counts.dropped_lines:
            more = "one more line is" if number == 1 else f"{number:,} more lines are"
        else:
            more = "a line is" if number == 1 else f"{number:,} lines are"
        log.info(
            "{label}: {number} not stored, because --drop says so; dropped_lines_total counts them",
            label=self.label,
            number=more,
        )

    def as_text(self, source: str, records: int = 1) -> None:
        """Count and log records that are stored as text: too long, or not in the format of the input."""
        self.metrics.count("records_as_text_total", records, listener=self.label)
        expected = f"a record is not in the format of {self.label}, or longer than --max-record"
        self.complain(source, f"{expected}; stored as text", "text")

    def _store_waiting(self) -> None:
        """Store waiting batches while the valve is open; the rest waits for the turns of other senders."""
        while self._waiting and not self.valve.closed:
            self._store_first_waiting()
        if self._waiting:
            if self.datagrams is not None:
                self.datagrams.pauseProducing()
            self.valve.when_open(self._next_turn.schedule)
        elif self.datagrams is not None:
            self.datagrams.resumeProducing()

    def _store_first_waiting(self) -> None:
        first = self._waiting.popleft()
        batch = first.batch
        kept: Block | None = batch.block
        if self.filter is not None and self.filter is not first.filter:
            # A reload has changed masks and drops since it came, and was confirmed.
            kept = self._filtered(self.filter, batch)
        if kept is not None:
            self.received_lines += self.sink.append(attrs.evolve(batch, block=kept))
        for waiting, since in first.durable:
            self.sink.durable(since).chainDeferred(waiting)

    def flush(self) -> None:
        """Store all waiting batches, and flush the connection log: the store is about to close."""
        self._flushing = True
        given_up = self.turns.finish()
        self._flushed = True
        if given_up:
            self.refused("unfinished", given_up)
            log.warn(
                "{label}: {number} messages are not stored: there was no time before the stop;"
                " senders that wait for an answer send them again",
                label=self.label,
                number=given_up,
            )
        while self._waiting:
            self._store_first_waiting()
        if self.filter_counts.dropped_lines != self._drops_said:
            self._report_drops(at_end=True)
        if self.connection_log is not None:
            self.connection_log.flush()
