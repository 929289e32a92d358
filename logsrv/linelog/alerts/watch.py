"""A watch: a running task of an alert. It counts the lines that match, and sends one message at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from logsrv.linelog.alerts.alert_places import AlertProgress
from logsrv.linelog.alerts.alert_protocol import AlertReport, AlertTask
from logsrv.linelog.alerts.alert_settings import AlertSettings
from logsrv.linelog.alerts.message import TemporaryFailure, UndeliveredMessage
from logsrv.linelog.alerts.states.silences import NO_SILENCES, AlertSilences
from logsrv.linelog.alerts.tally import SHOWN, MatchTally
from logsrv.linelog.alerts.ways.delivery import Deliver
from logsrv.linelog.read.follow import AppendedLines
from logsrv.linelog.read.stores_follow import StoresFollower

RETRY = (1.0, 5.0, 20.0, 60.0, 120.0, 300.0)
"""Seconds before a failed message is sent again, after the first failure, the second, and so on."""


class Watch:
    """A running task.

    changed: its progress has to be saved at once, else at `save_at`. saved: what was saved last.
    follower: reads the stores for all watches of its scan. step: the seconds of a step by whose order the
    lines of several stores have to come; 0 for no order. due: the end of an interval that has begun
    already, by `now`, the monotonic clock in seconds. tries_after_removal: failed attempts after which a
    message about a removed alert is given up.
    """

    follower: StoresFollower
    step = 0.0
    tries_after_removal = 0
    saved: AlertProgress | None = None
    save_at = 0.0
    _silences = NO_SILENCES

    def __init__(
        self,
        task: AlertTask,
        due: float | None,
        *,
        deliver: Deliver,
        now: Callable[[], float],
        report: Callable[[AlertReport], object],
    ) -> None:
        self.task = task
        self.changed = True
        self._tally = MatchTally(task.alert.alert_every, due)
        self._deliver = deliver
        self._now = now
        self._report = report
        self._failures, self._retry_at = 0, 0.0
        self._sending: Any = None
        self._sent_by: AlertSettings | None = None
        self._delivery: Deferred[None] | None = None

    @property
    def is_sending(self) -> bool:
        """True if a message is taken, or under way."""
        return self._sending is not None

    @property
    def progress(self) -> AlertProgress:
        """The place from which another process would go on: the first line that is not reported yet."""
        if self._sending is not None:
            return AlertProgress(self.follower.widened(self._sending.begin))
        if self._tally.counted.count:
            due = None if self._failures else self._tally.due
            return AlertProgress(self.follower.widened(self._tally.counted.begin), due)
        return AlertProgress(self.follower.position, self._tally.due)

    @property
    def is_done(self) -> bool:
        """True if its alert was removed, and all lines that were stored before that have been reported."""
        return self.searched_all and not self.is_sending and not self._tally.counted.count

    @property
    def searched_all(self) -> bool:
        """True if its alert was removed, and all lines that were stored before that have been searched."""
        until = self.task.until
        return until is not None and self.follower.has_reached(until)

    def use_settings(self, task: AlertTask) -> None:
        """Use other settings; a message that is being sent keeps the old ones."""
        if task != self.task:
            self._failures, self._retry_at = 0, 0.0
        self.task = task
        self.changed = True
        self._shorten_interval(task.alert.alert_every)

    def _shorten_interval(self, every: float) -> None:
        """End the present interval after `every` seconds at the latest."""
        tally = self._tally
        tally.every = every
        if tally.due is not None:
            tally.due = min(tally.due, self._now() + every)

    def note_missed_segments(self, segments: int) -> None:
        """Note that lines were removed unsearched. segments: the number of their segments."""
        self._note_gap()
        if segments:
            self._send_report("missed", number=segments)

    def _note_gap(self) -> None:
        self._tally.note_missed_lines()

    def count_matches(self, news: AppendedLines, lines: Sequence[tuple[int, int]]) -> None:
        """Count the matching lines of a text. lines: their begins and ends in the text, at least one."""
        if self._reports_for_alert:
            self._send_report("lines", number=len(lines))
        self._add_matches(news, lines)

    def _add_matches(self, news: AppendedLines, lines: Sequence[tuple[int, int]]) -> None:
        hits = news.hits(lines[at] for at in range(min(len(lines), SHOWN)))
        last = news.text[slice(*lines[-1])]
        begin = self.follower.place_at(hits[0].position)
        self._tally.add_matches(hits, len(lines), last, self._now(), begin)

    @property
    def _reports_for_alert(self) -> bool:
        """True for one of the ways of an alert, which reports what all of them find."""
        return self.task.way == self.task.alert.ways[0]

    def begin_text(self, news: AppendedLines) -> None:
        """Note that a text is going to be searched."""

    def end_text(self, news: AppendedLines) -> None:
        """Note that a text was searched, and that its matches were counted."""

    def end_piece(self) -> None:
        """Note that the texts of all stores were searched that come before the lines of the next piece."""

    def reach_end_of_store(self) -> None:
        """Note that there are no further lines now."""

    @property
    def is_first(self) -> bool:
        """True if its alert was removed: messages of a newer one wait, but not for a failing receiver."""
        return self.task.until is not None and self._failures < len(RETRY)

    def take_if_due(
        self, *, ending: bool = False, silences: AlertSilences = NO_SILENCES, waits: bool = False
    ) -> None:
        """Take a message for `send_taken` if one is due, and none is under way. waits: take none.

        silences: of its alert: of all of it, which let nothing be taken, or of groups. ending: whether the
        process is about to end. Then every message is due, except a failed one, which the next process
        sends.
        """
        self._silences = silences
        self._note_time()
        if self._is_silent or waits or self.is_sending or self._now() < self._retry_at:
            return
        self._sending = self._take_message(at_once=ending or self.searched_all)

    def send_taken(self) -> None:
        """Send the message that was taken; its progress is saved before."""
        if self.is_sending and self._delivery is None:
            self._sent_by = self.task.alert
            self._delivery = self._deliver(self.task.way, self.task.alert, self._sending)
            self._delivery.addCallbacks(self._on_delivered, self._on_failed)

    @property
    def _is_silent(self) -> bool:
        """True while all of the alert is silenced."""
        return self._silences.whole_until is not None

    def _note_time(self) -> None:
        """Note that time has passed."""

    def _take_message(self, *, at_once: bool) -> Any:
        """Return the message to send now; None if none is due."""
        return self._tally.take_if_due(self._now(), at_once=at_once)

    def cancel_sending(self) -> None:
        """Cancel the message that is under way."""
        if self._delivery is not None:
            self._delivery.cancel()

    def _send_report(self, kind: str, why: str = "", **more: Any) -> None:
        self._report(AlertReport(kind, self.task.label, self.task.way, why, **more))

    def _on_delivered(self, _: None) -> None:
        self._mark_reported(self._end_sending())
        self._send_report("sent")

    def _on_failed(self, failure: Any) -> None:
        sending, why = self._end_sending(), self._why_failed(failure)
        given_up = self.task.until is not None and self._failures >= self.tries_after_removal
        if given_up or not failure.check(CancelledError, TemporaryFailure):
            self._give_up(sending) if given_up else self._mark_reported(sending)
            self._send_report("failed", why)
            return
        pause = RETRY[min(self._failures, len(RETRY) - 1)]
        if self._sent_by != self.task.alert:
            pause = 0.0
        self._failures += 1
        self._retry_at = self._now() + pause
        self._put_back(sending)
        if failure.check(CancelledError):
            self._send_report("put-off", number=sending.count)
        else:
            again = f"{why}; it is sent again in {pause:g} s"
            self._send_report("later", again, pause=pause)

    def _end_sending(self) -> Any:
        sending = self._sending
        self._sending = self._delivery = None
        self.changed = True
        return sending

    def _mark_reported(self, message: Any) -> None:
        """Note that a message has arrived, or is given up."""
        self._failures, self._retry_at = 0, 0.0

    def _give_up(self, message: Any) -> None:
        """Note that a message of a removed alert will never arrive."""
        self._mark_reported(message)

    def _put_back(self, message: Any) -> None:
        """Keep what a failed message was about."""
        self._tally.put_back(message, self._now())

    def _why_failed(self, failure: Any) -> str:
        if failure.check(CancelledError):
            return "it was cancelled, because the service ends"
        if not failure.check(UndeliveredMessage):
            return f"{type(failure.value).__name__}: {failure.value}"
        return str(failure.value)
