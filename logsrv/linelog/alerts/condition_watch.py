"""A watch of an alert with a condition: it counts lines in windows of time, and reports episodes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from logsrv.kit.text.time import parse_rfc3339
from logsrv.linelog.alerts.alert_places import AlertProgress
from logsrv.linelog.alerts.delivery import Deliver
from logsrv.linelog.alerts.episodes import EpisodeMessage, Episodes
from logsrv.linelog.alerts.message import TemporaryFailure
from logsrv.linelog.alerts.reports import AlertReport, AlertTask
from logsrv.linelog.alerts.watch import RETRY, Watch
from logsrv.linelog.alerts.windows import STEPS, Change, Windows
from logsrv.linelog.query.language.condition import parse_alert
from logsrv.linelog.read.counting.groups import GroupCounter
from logsrv.linelog.read.follow import AppendedLines
from logsrv.linelog.store.segments.segment import Position, time_text

LAG = 1.0
"""Seconds after which a line with an earlier TIME has certainly been stored."""
SAVE_EVERY = 30.0
"""Seconds between two saves of the state."""
UNWATCHED = 90.0
"""Seconds without a saved state after which nobody may have stored lines: absence needs a new window."""

TRIES_AFTER_REMOVAL = 288
"""Failed attempts, of about a day, after which a message about a removed alert is given up."""


class ConditionWatch(Watch):
    """A running task of an alert with a condition.

    state: the state that an earlier process has saved; None for none. time_of_day: seconds since 1970.
    """

    def __init__(
        self,
        task: AlertTask,
        state: Mapping[str, Any] | None,
        *,
        deliver: Deliver,
        now: Callable[[], float],
        report: Callable[[AlertReport], object],
        time_of_day: Callable[[], float],
    ) -> None:
        super().__init__(task, None, deliver=deliver, now=now, report=report)
        parsed = parse_alert(task.alert.alert)
        assert parsed.condition is not None
        self._time_of_day = time_of_day
        self._episodes = Episodes()
        self._windows = Windows(parsed.condition, time_of_day())
        if state is not None and state.get("alert") == task.alert.alert:
            self._restore(state)
        self._counter = GroupCounter(self._windows.grouping, parsed.lines.extractions)
        # Step and position of text that was read, from one window back on.
        self._read: deque[tuple[int, Position]] = deque()
        self._message: EpisodeMessage | None = None
        self._retry_at = 0.0
        self._saved_at = now()
        self._gap = False
        self._firing: int | None = None

    def _restore(self, state: Mapping[str, Any]) -> None:
        now, saved = self._time_of_day(), state["saved"]
        begin = state["begin"] if 0 <= now - saved <= UNWATCHED else now
        self._windows = Windows(self._windows.condition, begin, state["known_to"])
        self._windows.restore_groups(state["groups"])
        self._episodes.restore(state)

    @property
    def is_sending(self) -> bool:
        return self._message is not None

    @property
    def state(self) -> dict[str, Any]:
        """The state from which another process continues, as JSON can represent it."""
        windows = self._windows
        return {
            "alert": self.task.alert.alert,
            "saved": self._time_of_day(),
            "begin": windows.begin * windows.step,
            "known_to": windows.current - 1,
            "groups": list(windows.to_document()),
            **self._episodes.to_document(),
        }

    @property
    def progress(self) -> AlertProgress:
        """The place from which another process counts the lines of the window again."""
        read, oldest = self._read, self._windows.current - STEPS - 1
        while read and (read[1][0] if len(read) > 1 else self._windows.current) <= oldest:
            read.popleft()
        return AlertProgress(read[0][1] if read else self.follower.position)

    @property
    def is_done(self) -> bool:
        return self.searched_all and not self.is_sending and not len(self._episodes)

    def use_settings(self, task: AlertTask) -> None:
        if task != self.task:
            self._failures, self._retry_at = 0, 0.0
        self._episodes.repeat_at = min(
            self._episodes.repeat_at, self._time_of_day() + task.alert.alert_every
        )
        self.task = task
        self.changed = True

    def note_missed_segments(self, segments: int) -> None:
        self._gap = True
        if segments:
            self._send_report("missed", number=segments)

    def count_matches(self, news: AppendedLines, lines: Sequence[tuple[int, int]]) -> None:
        if self.task.way == self.task.alert.ways[0]:
            self._send_report("lines", number=len(lines))
        text = news.text
        self._windows.add(self._counter.counted(b"".join([text[a:b] + b"\n" for a, b in lines])))

    def begin_text(self, news: AppendedLines) -> None:
        step = self._windows.current
        if not self._read or self._read[-1][0] < step:
            self._read.append((step, news.position))

    def end_text(self, news: AppendedLines) -> None:
        last = news.text[news.text.rfind(b"\n", 0, -1) + 1 :]
        if (time := time_text(last)) is not None:
            self._windows.advance(parse_rfc3339(time))

    def reach_end_of_store(self) -> None:
        if not self.searched_all:
            self._windows.follow_clock(self._time_of_day() - LAG)

    def _add_changes(self, changes: Iterable[Change], *, silenced: bool) -> None:
        for change in changes:
            self.changed = True
            with_end = self.task.alert.alert_resolved
            self._episodes.add_change(change, silenced=silenced, with_end=with_end)

    def send_if_due(
        self, *, ending: bool = False, silenced: bool = False, waits: bool = False
    ) -> None:
        alert, now = self.task.alert, self._now()
        moment, values, removed = self._time_of_day(), self._windows.values, self.searched_all
        self._add_changes(self._windows.take_changes(), silenced=silenced)
        if removed:
            ends = [Change(key, False, moment, values.get(key)) for key in self._episodes.going_on]
            self._add_changes(ends, silenced=silenced)
        if now >= self._saved_at + SAVE_EVERY:
            self._saved_at, self.changed = now, True
        self._report_firing()
        if silenced or waits or self.is_sending or now < self._retry_at:
            return
        if not (episodes := self._episodes.due(moment, values, at_once=ending or removed)):
            return
        left_out = self._windows.left_out
        self._message = EpisodeMessage(episodes, moment, self._gap, left_out, removed)
        self._gap = False
        self._sent_by = alert
        self._delivery: Deferred[None] | None = self._deliver(self.task.way, alert, self._message)
        self._delivery.addCallbacks(self._on_delivered, self._on_failed)

    def _report_firing(self) -> None:
        firing = len(self._windows.values)
        if (
            firing != self._firing
            and self.task.until is None
            and self.task.way == self.task.alert.ways[0]
        ):
            self._firing = firing
            self._send_report("firing", number=firing)

    def _end_message(self, *, reported: bool) -> None:
        message = self._message
        assert message is not None
        self._message = self._delivery = None
        self.changed = True
        if reported:
            self._failures, self._retry_at = 0, 0.0
            every = self.task.alert.alert_every
            self._episodes.mark_reported(message.episodes, self._time_of_day(), every)

    def _on_delivered(self, _: None) -> None:
        self._end_message(reported=True)
        self._send_report("sent")

    def _on_failed(self, failure: Any) -> None:
        why = self._why_failed(failure)
        given_up = self.task.until is not None and self._failures >= TRIES_AFTER_REMOVAL
        if given_up or not failure.check(CancelledError, TemporaryFailure):
            self._end_message(reported=True)
            self._send_report("failed", why)
            return
        self._end_message(reported=False)
        pause = RETRY[min(self._failures, len(RETRY) - 1)]
        self._failures += 1
        self._retry_at = self._now() + pause
        if failure.check(CancelledError):
            self._send_report("put-off", number=len(self._episodes))
        else:
            self._send_report("later", f"{why}; it is sent again in {pause:g} s")
