"""A watch of an alert with a condition: it counts lines in windows of time, and reports episodes."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from logsrv.kit.text.time import parse_rfc3339
from logsrv.linelog.alerts.alert_places import AlertProgress
from logsrv.linelog.alerts.alert_protocol import AlertReport, AlertTask
from logsrv.linelog.alerts.episodes import EpisodeMessage, Episodes, SilencedGroups
from logsrv.linelog.alerts.grammar import parse_alert
from logsrv.linelog.alerts.message import group_of
from logsrv.linelog.alerts.states.forgotten_groups import IsForgotten
from logsrv.linelog.alerts.states.reported_state import ReportedState
from logsrv.linelog.alerts.watch import Watch
from logsrv.linelog.alerts.ways.delivery import Deliver
from logsrv.linelog.alerts.windows import STEPS, Change, Key, Windows
from logsrv.linelog.read.follow import AppendedLines
from logsrv.linelog.read.hits import Hit, text_of_hits
from logsrv.linelog.store.times import time_text

PRESENT = 10.0
"""Seconds for which lines that were read last say what is true now."""
SET = 0.5
"""Seconds by which the time of day differs from the time that has passed, if the clock was set."""
SURE = 0.05
"""Seconds within which both clocks have to be read: else this process did not run between the two."""
UNWATCHED = 90.0
"""Seconds without a saved state after which nobody may have stored lines: absence needs a new window."""


def begin_of_clock(now: Callable[[], float], time_of_day: Callable[[], float]) -> float | None:
    """Return the time of day when `now` was 0; None if the clocks could not be read at the same time."""
    first = now()
    moment = time_of_day()
    last = now()
    return moment - last if last - first < SURE else None


class ConditionWatch(Watch):
    """A running task of an alert with a condition.

    state: the state that an earlier process has saved; None for none. since: when its place was saved,
    in seconds since 1970; None for no place. time_of_day: seconds since 1970.
    """

    # They take about a day.
    tries_after_removal = 288

    def __init__(
        self,
        task: AlertTask,
        state: Mapping[str, Any] | None,
        *,
        deliver: Deliver,
        now: Callable[[], float],
        report: Callable[[AlertReport], object],
        time_of_day: Callable[[], float],
        since: float | None = None,
    ) -> None:
        super().__init__(task, None, deliver=deliver, now=now, report=report)
        parsed = parse_alert(task.alert.alert)
        assert parsed.condition is not None
        self._time_of_day = time_of_day
        self._episodes = Episodes()
        self._state = ReportedState(task.alert.alert, parsed.condition)
        # When an earlier process has sent its last message; 0 if that is not known, or was reported.
        self._sent_before = 0.0
        begin, extractions = time_of_day(), parsed.lines.extractions
        if state is None or state.get("alert") != task.alert.alert:
            # A process takes a second to start, and may be killed before it saves a state: lines behind
            # the place count all the same. For absence somebody must have stored them meanwhile.
            longest = UNWATCHED if parsed.condition.is_absence else math.inf
            if since is None or not 0 <= begin - since <= longest:
                since = begin
            self._windows = Windows(parsed.condition, since, extractions=extractions)
        else:
            if 0 <= begin - state["saved"] <= UNWATCHED:
                begin = state["begin"]
            known_to = state["known_to"]
            self._windows = Windows(parsed.condition, begin, known_to, extractions=extractions)
            self._windows.restore_groups(state["groups"])
            self._episodes.restore(state)
            self._state.restore(state.get("last"))
            self._sent_before = max(self._episodes.sent_at, 0.0)
        self.step = self._windows.step
        # Step and place of text that was read, from one window back on.
        self._read: deque[tuple[int, AlertProgress]] = deque()
        # The matching lines of the texts of a piece, and the latest TIME at which one of these ends.
        self._hits: list[Hit] = []
        self._last_time = ""
        self._firing: int | None = None
        # The time of day when `now` was 0, and when it was found to be another: `now`, None if long ago.
        self._zero = begin_of_clock(now, time_of_day)
        self._set_at: float | None = None

    @property
    def state(self) -> dict[str, Any]:
        """The state from which another process continues, as JSON can represent it."""
        windows = self._windows
        return {
            "alert": self.task.alert.alert,
            "saved": self._time_of_day(),
            "begin": windows.begin * windows.step,
            # At first it reads lines again that an earlier process has looked at.
            "known_to": max(windows.current - 1, windows.known_to),
            "groups": list(windows.to_document()),
            "last": self._state.last,
            **self._episodes.to_document(),
        }

    @property
    def progress(self) -> AlertProgress:
        """The place from which another process counts the lines of the window again."""
        read, oldest = self._read, self._windows.current - STEPS - 1
        while read and (read[1][0] if len(read) > 1 else self._windows.current) <= oldest:
            read.popleft()
        earliest = read[0][1].position if read else self.follower.position
        return AlertProgress(self.follower.widened(earliest))

    @property
    def is_done(self) -> bool:
        return self.searched_all and not self.is_sending and not len(self._episodes)

    def use_settings(self, task: AlertTask) -> None:
        if task.label != self.task.label:
            # Nobody knows by the new label how many groups fire.
            self._firing = None
        if task != self.task:
            self._state.report_soon()
        super().use_settings(task)

    def forget_groups(self, is_forgotten: IsForgotten) -> None:
        """Forget groups, and what nobody has been told of them yet."""
        known = {*self._windows.groups, *self._episodes.keys, *self._state.keys}
        keys = {key for key in known if key and is_forgotten(self.task.alert.alert, key)}
        if keys:
            self._windows.forget_groups(keys)
            self._episodes.forget_groups(keys)
            self._state.forget_groups(keys)
            self.changed = True

    def _shorten_interval(self, every: float) -> None:
        self._episodes.repeat_at = min(self._episodes.repeat_at, self._time_of_day() + every)

    def _note_gap(self) -> None:
        self._episodes.gap = True

    def _add_matches(self, news: AppendedLines, lines: Sequence[tuple[int, int]]) -> None:
        self._hits += news.hits(lines)

    def _follow_set_clock(self) -> None:
        """Move the windows with a clock that was set: how long nothing has come is told by `now`."""
        zero = begin_of_clock(self._now, self._time_of_day)
        if zero is None or self._zero is None:
            self._zero = zero or self._zero
            return
        if abs(zero - self._zero) < SET:
            return
        by = self._windows.set_clock(zero - self._zero)
        # Less than a step is left for the next look.
        self._zero += by
        self._set_at = self._now()
        self._episodes.set_clock(by)
        steps = round(by / self._windows.step)
        self._read = deque((step + steps, position) for step, position in self._read)

    def begin_text(self, news: AppendedLines) -> None:
        self._follow_set_clock()
        self._windows.note_clock(self._time_of_day())
        if not self.searched_all:
            # Before lines by a clock that was set back are too old for the windows.
            self._windows.go_back_with_clock(self._time_of_day() - self.follower.lag)
        step = self._windows.current
        while self._read and self._read[-1][0] > step:
            self._read.pop()
        if not self._read or self._read[-1][0] < step:
            begin = AlertProgress(self.follower.place_at(news.position))
            self._read.append((step, begin))

    def end_text(self, news: AppendedLines) -> None:
        last = news.text[news.text.rfind(b"\n", 0, -1) + 1 :]
        self._last_time = max(self._last_time, time_text(last) or "")

    def end_piece(self) -> None:
        # Counted together: the lines of each store are of the same steps as those of the others.
        if hits := self._hits:
            self._hits = []
            self._windows.add(*text_of_hits(hits))
        if time := self._last_time:
            self._last_time = ""
            self._windows.advance(parse_rfc3339(time))

    def reach_end_of_store(self) -> None:
        self._follow_set_clock()
        if self._set_at is not None and self._now() - self._set_at > self.follower.lag:
            self._set_at = None
            self._windows.forget_set_clock()
        if not self.searched_all:
            self._windows.follow_clock(self._time_of_day() - self.follower.lag)

    def _add_changes(self, changes: Iterable[Change]) -> None:
        dropped = 0
        for change in changes:
            self.changed = True
            self._state.note_change(change)
            silenced = self._silent_until(change.key) is not None
            dropped += not self._episodes.add_change(change, silenced=silenced)
        if dropped:
            self._send_report("dropped", number=dropped)

    def _silent_until(self, key: Key) -> float | None:
        """Return until when a group is silenced; None if it is not."""
        if not self._silences:
            return None
        return self._silences.until(group_of(self._windows.condition, key))

    def _silent_groups(self) -> dict[Key, float]:
        """Return the groups whose episodes go on or wait, and that are silenced, with the ends of that."""
        if not self._silences:
            return {}
        found = {key: self._silent_until(key) for key in self._episodes.keys}
        return {key: until for key, until in found.items() if until is not None}

    def _note_time(self) -> None:
        moment, values = self._time_of_day(), self._windows.values
        if self._sent_before:
            self._send_report("was-sent", time=self._sent_before)
            self._sent_before = 0.0
        self._add_changes(self._windows.take_changes())
        if self.searched_all:
            ends = [
                Change(key, False, moment, values.get(key, ())) for key in self._episodes.going_on
            ]
            self._add_changes(ends)
        if self._reports_for_alert and len(values) != self._firing and self.task.until is None:
            self._firing = len(values)
            self._send_report("firing", number=self._firing)
        if self._reports_for_alert and self.task.until is None:
            state = self._state.document_if_due(self._now(), self._windows)
            if state is not None:
                self._send_report("state", state=state)

    def _take_message(self, *, at_once: bool) -> EpisodeMessage | None:
        moment, windows, waiting = self._time_of_day(), self._windows, self._episodes
        silent = self._silent_groups()
        due = waiting.due(
            moment,
            windows.values_that_fulfil,
            windows.true_at(moment - PRESENT),
            with_ends=self.task.alert.alert_resolved,
            at_once=at_once,
            silent=silent,
        )
        if not due:
            return None
        # Saved before it is sent: after a kill nobody drops an episode of which a receiver may know.
        self.changed = True
        is_removed = self.task.until is not None
        return EpisodeMessage(
            due,
            moment,
            waiting.gap,
            windows.left_out,
            is_removed,
            waiting.dropped,
            self._silenced_part(silent),
        )

    def _silenced_part(self, silent: Mapping[Key, float]) -> SilencedGroups | None:
        firing = self._episodes.going_on
        ends = [silent[key] for key in firing if key in silent]
        return SilencedGroups(len(ends), len(firing), max(ends)) if ends else None

    def _mark_reported(self, message: EpisodeMessage) -> None:
        super()._mark_reported(message)
        every = self.task.alert.alert_every
        self._episodes.mark_reported(message, self._time_of_day(), every)

    def _give_up(self, message: EpisodeMessage) -> None:
        self._episodes.forget_all()

    def _put_back(self, message: EpisodeMessage) -> None:
        """The episodes know that they are not reported."""
