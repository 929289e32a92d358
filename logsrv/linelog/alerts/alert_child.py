"""The alert process: it runs a watch for each task, and saves the place of each.

    python -m logsrv.linelog.alerts.alert_child

The daemon starts it, and sends it the tasks (see `alert_protocol`). It follows the store, and the stores
of rules in it, as `tail -f` follows a file: a few times a second each shared scan (shared_scan.py) searches
a piece of at most 1 MiB. Then each watch sends and saves what is due, in turns of `TURN` seconds: to save
hundreds of states may take a slow disk many seconds. Between two turns the reactor handles other events,
such as answers to messages.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Mapping, Set
from functools import partial
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from logsrv.clock import Clock
from logsrv.errors import StoreError
from logsrv.linelog.alerts.alert_places import AlertPlaces, AlertProgress
from logsrv.linelog.alerts.alert_protocol import (
    AlertReport,
    AlertTask,
    encode_message,
    orders_from_line,
)
from logsrv.linelog.alerts.condition_watch import ConditionWatch
from logsrv.linelog.alerts.grammar import parse_alert
from logsrv.linelog.alerts.shared_scan import NewWatches, SharedScans
from logsrv.linelog.alerts.states.silences import NO_SILENCES, AlertSilences, silences_by_alert
from logsrv.linelog.alerts.watch import Watch
from logsrv.linelog.alerts.ways.delivery import Deliver, make_deliver
from logsrv.linelog.parts.reader_child import DaemonConnection, run_reader_process
from logsrv.linelog.read.watched_stores import WatchedStores
from logsrv.linelog.store.disk import reason
from logsrv.reactor import Timer

POLL_EVERY = 0.2
"""Seconds between two polls of a store without new lines."""
KEEP = 30.0
"""Seconds between two saves of the same place, or of a condition's state, while no message is sent."""
KEEP_AGAIN = 5.0
"""Seconds to the next attempt after a place could not be saved."""
SILENCES = 1.0
"""Seconds between two looks at the silences."""
STORES = 1.0
"""Seconds between two looks for stores of rules that a reload has made, or that were removed."""
TURN = 0.1
"""Seconds for which watches send and save before other events are handled."""
LAST = 4.0
"""The most seconds from `finish` to the end, for the last messages."""


@attrs.define(eq=False, kw_only=True)
class Watcher:
    """The watches of some stores, from `start` to the end of `finish`; `change` replaces them.

    clock: for waiting. failed: called in the `except` block of an exception that ends the work.
    """

    _stores: WatchedStores
    _kept: AlertPlaces
    _deliver: Deliver
    _clock: IReactorTime
    _report: Callable[[AlertReport], object]
    _failed: Callable[[], object]
    _watches: dict[str, Watch] = attrs.field(factory=dict)
    _scans: SharedScans = attrs.Factory(
        lambda self: SharedScans(self._stores, self._kept.clock.monotonic), takes_self=True
    )
    # The watches that found new text at the last poll, and the names of those whose turn is still to come.
    _searched: set[Watch] = attrs.field(factory=set)
    _waiting: deque[str] = attrs.field(factory=deque)
    # By the labels of their alerts.
    _silences: Mapping[str, AlertSilences] = attrs.field(factory=dict)
    _read_silences_at: float = 0.0
    _look_for_stores_at: float = 0.0
    # The sentence about a file that cannot be read; "" if it can.
    _silence_fault: str = ""
    # The number of silences of each alert that the daemon knows.
    _reported_silences: Mapping[str, int] = attrs.field(factory=dict)
    _next: Timer = attrs.Factory(lambda self: Timer(self._clock), takes_self=True)
    _finished: Deferred[None] | None = None
    _last: float = 0.0

    def start(self, tasks: Mapping[str, AlertTask]) -> None:
        self.replace_tasks(tasks)
        self._try_poll()

    def replace_tasks(self, tasks: Mapping[str, AlertTask]) -> None:
        """Replace the tasks. Those with the same name continue where they are."""
        # A reload may have made a store, in which these tasks have places.
        self._scans.look_for_stores()
        self._forget_erased_groups()
        new: NewWatches = {}
        for name, task in tasks.items():
            if name in self._watches:
                self._watches[name].use_settings(task)
            else:
                saved = self._kept.load_progress(name, task.alert.alert_every)
                # Without a place, nothing is left to do for a removed alert: it was done before.
                progress = saved or AlertProgress(task.until or task.begin)
                watch = self._watches[name] = self._make_watch(name, task, progress)
                new[watch] = self._complete(name, progress).position
        self._scans.replace_watches(self._watches.values(), new)
        # The daemon forgets the number of an alert that it removes, and perhaps makes again at once.
        self._reported_silences = {}

    def _complete(self, name: str, saved: AlertProgress) -> AlertProgress:
        """Return the progress of a watch with a position in each store that is there now."""
        since = self._kept.load_time(name)
        if since is None:
            since = self._kept.clock.time_of_day()
        return saved._replace(position=self._stores.complete(saved.position, since))

    def _make_watch(self, name: str, task: AlertTask, progress: AlertProgress) -> Watch:
        deliver, now, report = self._deliver, self._kept.clock.monotonic, self._report
        if parse_alert(task.alert.alert).condition is None:
            return Watch(task, progress.due, deliver=deliver, now=now, report=report)
        return ConditionWatch(
            task,
            self._kept.load_state(name),
            deliver=deliver,
            now=now,
            report=report,
            time_of_day=self._kept.clock.time_of_day,
            since=self._kept.load_time(name),
        )

    def finish(self) -> Deferred[None]:
        """Search the rest of the store, send all counted lines, and end.

        The Deferred fires when that is done, after LAST seconds at the latest. A message that is under way
        then is cancelled, and sent at the next start.
        """
        if self._finished is None:
            self._finished = Deferred()
            self._last = self._kept.clock.monotonic() + LAST
            # Nobody stores lines any more: none waits for an earlier one.
            self._scans.holds = False
            # Lines that have come since the last search are searched first.
            self._waiting.clear()
            self._next.start(0, self._try_poll)
        return self._finished

    def _try_poll(self) -> None:
        try:
            self._poll_once()
        except Exception:
            self._failed()

    def _poll_once(self) -> None:
        if self._stores.main.directory_removed:
            raise StoreError("the store was removed")
        begin = self._kept.clock.monotonic()
        if not self._waiting:
            self._search_next_pieces(begin)
        first = {one.task.destination for one in self._watches.values() if one.is_first}
        while self._waiting:
            name = self._waiting.popleft()
            # It may have been removed since the last turn.
            if name in self._watches:
                self._serve_watch(name, first)
            if self._kept.clock.monotonic() - begin > TURN:
                break
        reading = bool(self._searched)
        if self._finished is not None and self._kept.clock.monotonic() > self._last:
            # The end saves all of them.
            self._waiting.clear()
        if self._waiting:
            self._next.start(0, self._try_poll)
        elif self._finished is None:
            self._next.start(0 if reading else POLL_EVERY, self._try_poll)
        else:
            self._end_if_ready(self._kept.clock.monotonic(), reading=reading)

    def _search_next_pieces(self, now: float) -> None:
        # Not at the end: nobody may hear of a store that was removed then, and the next process says so.
        if now >= self._look_for_stores_at and self._finished is None:
            self._look_for_stores_at = now + STORES
            self._scans.look_for_stores()
        self._searched = self._scans.search_next_pieces()
        for watch in self._watches.values():
            if watch not in self._searched and not watch.follower.is_holding:
                # Now: lines that are stored while others are saved have not been read.
                watch.reach_end_of_store()
        self._read_silences(now)
        self._waiting.extend(self._watches)

    def _serve_watch(self, name: str, first: Set[tuple[object, ...]]) -> None:
        """Let a watch send and save what is due. first: the destinations of removed alerts."""
        watch, now = self._watches[name], self._kept.clock.monotonic()
        # At a stop, messages wait until all lines are read, LAST / 2 at most: a flood may never end.
        late = self._finished is not None and now > self._last - LAST / 2
        watch.take_if_due(
            ending=late or (self._finished is not None and watch not in self._searched),
            silences=self._silences.get(watch.task.label, NO_SILENCES),
            waits=watch.task.until is None and watch.task.destination in first,
        )
        if watch.is_done:
            self._remove_watch(name)
            return
        # Saved before the next message: one that has arrived is not sent again after it.
        self._save_if_due(name, now)
        watch.send_taken()

    def _read_silences(self, now: float) -> None:
        if now >= self._read_silences_at:
            self._read_silences_at = now + SILENCES
            try:
                self._silences = silences_by_alert(self._kept.silences())
                self._silence_fault = ""
            except (OSError, ValueError) as error:
                self._silences = {}
                self._note_silence_fault(f"no alert is silenced: {error}")
            self._report_silences()
            self._forget_erased_groups()

    def _forget_erased_groups(self) -> None:
        """Forget groups whose lines were erased, in memory and in the saved states."""
        try:
            is_forgotten = self._kept.forget_erased_groups()
        except (OSError, ValueError) as error:
            why = f"groups whose lines were erased are still known: {error}"
            self._report(AlertReport("trouble", why=why))
            return
        if is_forgotten is None:
            return
        for watch in self._watches.values():
            if isinstance(watch, ConditionWatch):
                watch.forget_groups(is_forgotten)

    def _note_silence_fault(self, why: str) -> None:
        if why != self._silence_fault:
            self._report(AlertReport("trouble", why=why))
        self._silence_fault = why

    def _report_silences(self) -> None:
        labels = {one.task.label for one in self._watches.values() if one.task.until is None}
        counts = {label: self._silences.get(label, NO_SILENCES).count for label in labels}
        for label, number in counts.items():
            if self._reported_silences.get(label) != number:
                self._report(AlertReport("silences", label, number=number))
        self._reported_silences = counts

    def _end_if_ready(self, now: float, *, reading: bool) -> None:
        busy = any(watch.is_sending for watch in self._watches.values())
        if now < self._last and (busy or reading):
            self._next.start(0 if reading else POLL_EVERY / 10, self._try_poll)
            return
        for name, watch in self._watches.items():
            watch.cancel_sending()
            watch.changed = True
            self._save_if_due(name, now)
        self._scans.close()
        assert self._finished is not None
        self._finished.callback(None)

    def _remove_watch(self, name: str) -> None:
        """Remove a watch whose alert was removed, and its saved place."""
        del self._watches[name]
        try:
            self._kept.remove_place(name)
        except OSError as error:
            why = f"the place of an alert cannot be removed: {reason(error)}"
            self._report(AlertReport("trouble", why=why))
        self._report(AlertReport("done", name=name))

    def _save_if_due(self, name: str, now: float) -> None:
        """Save the place of a watch: at once if its `changed` is set, else every KEEP seconds.

        A condition is saved even at the same place: its state says until when the store was watched.
        """
        watch = self._watches[name]
        if not watch.changed and now < watch.save_at:
            return
        progress = watch.progress
        keeps_state = isinstance(watch, ConditionWatch)
        if not watch.changed and not keeps_state and progress == watch.saved:
            return
        watch.save_at = now + KEEP
        watch.changed = False
        try:
            # First the state: what it knows already is not told again after a kill between the two.
            if isinstance(watch, ConditionWatch):
                self._kept.save_state(name, watch.task, watch.state)
            self._kept.save_progress(name, watch.task, progress)
            watch.saved = progress
        except OSError as error:
            watch.save_at = now + KEEP_AGAIN
            label = watch.task.label
            why = f"the place of alert {label} cannot be saved: {reason(error)}"
            self._report(AlertReport("trouble", why=why))


class AlertWork:
    """The work of the alert process: it watches a store for all its alerts."""

    _kept: AlertPlaces | None = None
    _watcher: Watcher

    def __init__(self, daemon: DaemonConnection, reactor: Any, *, clock: Clock) -> None:
        self._daemon = daemon
        self._clock = clock
        self._reactor = reactor

    def lock(self, line: bytes) -> bool:
        if self._kept is None:
            orders = orders_from_line(line)
            self._kept = AlertPlaces(orders.directory, orders.store, self._clock)
        try:
            return self._kept.folder.lock()
        except OSError as error:
            self._report_trouble(f"the places of alerts cannot be saved: {reason(error)}")
            return True

    def start(self, line: bytes) -> None:
        orders = orders_from_line(line)
        assert self._kept is not None
        stores = WatchedStores(
            orders.directory,
            self._report_trouble,
            time_of_day=self._clock.time_of_day,
            removed=lambda why: self._send_report(AlertReport("store-removed", why=why)),
        )
        self._watcher = Watcher(
            stores=stores,
            kept=self._kept,
            deliver=make_deliver(self._reactor),
            clock=self._reactor,
            report=self._send_report,
            failed=self._daemon.end_after_failure,
        )
        self._watcher.start(orders.tasks)

    def change(self, line: bytes) -> None:
        self._watcher.replace_tasks(orders_from_line(line).tasks)

    def finish(self) -> Deferred[None]:
        return self._watcher.finish()

    def _report_trouble(self, why: str) -> None:
        self._send_report(AlertReport("trouble", why=why))

    def _send_report(self, report: AlertReport) -> None:
        self._daemon.report(encode_message(report))


if __name__ == "__main__":
    sys.exit(run_reader_process(partial(AlertWork, clock=Clock())))
