"""The daemon's side of alerts: it makes the tasks of the alert process, and logs and counts its reports.

The daemon itself searches no lines, so that no alert can slow or stop the writing of lines.

There is a task for each alert and way of sending, by the name of its saved place (alert_places.py): the
next process, or the next daemon, continues there. A task stays the same over reloads and restarts as long
as its alert does. If its alert is removed, the task goes on until it has reported all lines that were
stored before, and the ends of all episodes.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from logsrv.clock import Clock
from logsrv.errors import ConfigurationError
from logsrv.kit.children.resident import ResidentProcess
from logsrv.kit.observe.metrics import Metrics
from logsrv.kit.observe.rate_limited_log import RateLimitedLog
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import shown
from logsrv.linelog.alerts.alert_places import AlertPlaces, AlertProgress, TaskKey, task_key
from logsrv.linelog.alerts.alert_protocol import (
    AlertOrders,
    AlertTask,
    encode_message,
    report_from_line,
)
from logsrv.linelog.alerts.alert_settings import (
    COMMAND_WAY,
    AlertSettings,
    alerts_by_label,
    missing_program_sentence,
)
from logsrv.linelog.alerts.states.alert_states import AlertStates
from logsrv.linelog.alerts.states.counted_reports import CountedReports
from logsrv.linelog.store.cursor import Place, in_present_stores
from logsrv.linelog.store.disk import reason

log = Logger()

MODULE = "logsrv.linelog.alerts.alert_child"

AlertsByLabel = Mapping[str, AlertSettings]


def require_programs_exist(alerts: tuple[AlertSettings, ...]) -> None:
    """Raise ConfigurationError for a command whose program does not exist."""
    for label, alert in alerts_by_label(alerts).items():
        if alert.alert_command is not None and (
            sentence := missing_program_sentence(alert.alert_command)
        ):
            raise ConfigurationError(f"--alert-command of alert {shown(label)}: {sentence}")


class AlertTasks:
    """The tasks of the process. all: the tasks, by the names of their places.

    unclaimed: the keys of saved places whose alerts may be known later.
    """

    def __init__(self) -> None:
        self.all: dict[str, AlertTask] = {}
        self.unclaimed: Mapping[str, TaskKey] = {}
        self._number = 0

    def resume_saved(
        self, wanted: AlertsByLabel, end: Place, kept: AlertPlaces, *, is_whole: bool = True
    ) -> None:
        """Make the tasks for these alerts at a start. Alerts that have saved places continue from there.

        end: the end of the stores. is_whole: False if further alerts may be known later: until
        `replace_alerts` knows all, no saved place is given up.
        """
        saved = self._saved_keys(wanted, end, kept)
        self._resume(wanted, saved, {}, end, kept, is_whole=is_whole)

    def replace_alerts(
        self, wanted: AlertsByLabel, end: Place, kept: AlertPlaces, *, is_whole: bool = True
    ) -> None:
        """Replace the alerts; tasks of removed alerts end at the present end of the stores."""
        before = self.all
        known = {name: task_key(task) for name, task in before.items() if task.until is None}
        self._resume(wanted, self.unclaimed, known, end, kept, is_whole=is_whole)
        for name, task in before.items():
            if name not in self.all:
                self.all[name] = attrs.evolve(task, until=task.until or end)

    def _resume(
        self,
        wanted: AlertsByLabel,
        saved: Mapping[str, TaskKey],
        known: Mapping[str, TaskKey],
        end: Place,
        kept: AlertPlaces,
        *,
        is_whole: bool,
    ) -> None:
        """Make the tasks. saved: the places of an earlier service. known: those of tasks that run."""
        firing = {name: task for name in saved if (task := kept.load_firing_task(name))}
        resumed = {
            name: key
            for name, key in saved.items()
            if name not in firing or firing[name].until is None
        }
        changed = saved.keys() - firing.keys()
        self._assign_tasks(wanted, {**known, **resumed}, end, kept, changed=changed)
        left = {name: key for name, key in saved.items() if name not in self.all}
        self.unclaimed = {} if is_whole else left
        for name, key in left.items() if is_whole else ():
            log.info("alerts: {query} is no longer an alert", query=one_line(key.query))
            if name in firing and _may_report_end(firing[name], wanted):
                until = in_present_stores(firing[name].until or end, end, _log_warning)
                # An earlier process may report the end meanwhile: without a place nothing is left to do.
                self.all[name] = attrs.evolve(firing[name], begin=until, until=until)
                continue
            with contextlib.suppress(OSError):
                kept.remove_place(name)

    def _saved_keys(
        self, wanted: AlertsByLabel, end: Place, kept: AlertPlaces
    ) -> dict[str, TaskKey]:
        """Return the keys of the places that an earlier service saved; log and remove unusable places."""
        if not wanted and not kept.folder.exists():
            return {}
        try:
            names = kept.saved_names()
            self._number = max(map(int, names), default=0)
            known = kept.saved_keys(end, _log_new_begin)
            for why in kept.damage_of_states(known):
                log.error("alerts: {why}", why=why)
            for name in names:
                if name not in known and not kept.is_newer(name):
                    kept.remove_place(name)
        except OSError as error:
            _log_new_begin(f"the places of alerts cannot be read: {reason(error)}")
            return {}
        for name in known:
            try:
                # Now: no line has come since the start.
                kept.begin_again_in_other_stores(name, end, _log_warning)
            except OSError as error:
                _log_warning(f"{kept.folder.path(name)} cannot be saved: {reason(error)}")
        return known

    def _assign_tasks(
        self,
        wanted: AlertsByLabel,
        known: Mapping[str, TaskKey],
        end: Place,
        kept: AlertPlaces,
        *,
        changed: Collection[str] = (),
    ) -> None:
        """Give each alert and way the task that it had, or a new one, which begins at the store's end."""
        tasks = [
            AlertTask(label, way, alert, end)
            for label, alert in wanted.items()
            for way in alert.ways
        ]
        names = saved_names_for([task_key(task) for task in tasks], known, changed=changed)
        before, self.all = self.all, {}
        for task, name in zip(tasks, names, strict=True):
            if name is None:
                self._number += 1
                name = str(self._number)
                _save_begin(kept, name, task)
            begin = before[name].begin if name in before else end
            self.all[name] = attrs.evolve(task, begin=begin)


def _may_report_end(task: AlertTask, wanted: AlertsByLabel) -> bool:
    """Return false for a command that is not configured: no file in the store may name what is run."""
    commands = [alert.alert_command for alert in wanted.values()]
    if task.way != COMMAND_WAY or task.alert.alert_command in commands:
        return True
    log.warn(
        "alert {alert} was firing when it was removed with its command, which is not told",
        alert=task.label,
    )
    return False


def _log_new_begin(why: str) -> None:
    log.error("alerts: {why}; its alert begins at the end of the store", why=why)


def _log_warning(why: str) -> None:
    log.warn("alerts: {why}", why=why)


def _save_begin(kept: AlertPlaces, name: str, task: AlertTask) -> None:
    """Save the position where a new alert begins, before a line can arrive or the process can be killed.

    It is not synced, because the daemon must not wait for a disk; the process syncs it later.
    """
    try:
        kept.save_progress(name, task, AlertProgress(task.begin), sync=False)
    except OSError as error:
        why = reason(error)
        log.error("the place of alert {alert} cannot be saved: {why}", alert=task.label, why=why)


def saved_names_for(
    wanted: Sequence[TaskKey], kept: Mapping[str, TaskKey], *, changed: Collection[str] = ()
) -> list[str | None]:
    """Return for each wanted task the name of its saved place; None for a new task.

    A task with the same way and query is the same task, even if its alert has another name. changed: the
    places for which the same way and name are enough, even if the alert has another query.

    Of several alike the last are taken: an earlier one may be of an alert that was removed before.
    """
    left = dict(kept)
    found: list[str | None] = [None] * len(wanted)
    likenesses: list[Callable[[TaskKey], object]] = [
        lambda key: key,
        lambda key: (key.way, key.query),
        lambda key: key.name and (key.way, key.name),
    ]
    for likeness in likenesses:
        if likeness is likenesses[-1]:
            left = {name: key for name, key in left.items() if name in changed}
        for number, key in reversed([*enumerate(wanted)]):
            like = likeness(key)
            if found[number] is None and like is not None:
                like_it = (one for one in reversed(left) if likeness(left[one]) == like)
                found[number] = next(like_it, None)
                left.pop(found[number] or "", None)
    return found


@attrs.define(eq=False, kw_only=True)
class Alerts:
    """The alerts of a service, from the first `change` to `stop`.

    directory: returns the present directory of the store. identity: returns the identity of the store, ""
    if it has none. end: returns the end of all stores, where new alerts begin. states: how they stand, for
    readers.
    """

    _directory: Callable[[], str]
    _identity: Callable[[], str]
    _end: Callable[[], Place]
    _clock: Clock
    _reactor: Any
    _metrics: Metrics
    _alerts: Mapping[str, AlertSettings] | None = attrs.field(init=False, default=None)
    _tasks: AlertTasks = attrs.field(init=False, factory=AlertTasks)
    states: AlertStates = attrs.field(init=False)
    _process: ResidentProcess = attrs.field(init=False)
    _reports: CountedReports = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.states = AlertStates(self._clock.time_of_day)
        self._reports = CountedReports(self._metrics, RateLimitedLog(self._clock.monotonic))
        # The process gets our environment, because alerts name variables for their commands.
        self._process = ResidentProcess(
            MODULE,
            "alerts",
            self._orders_line,
            self._handle_report,
            self._reactor,
            lambda: os.environ,
        )

    def replace_alerts(self, alerts: tuple[AlertSettings, ...], *, is_whole: bool = True) -> None:
        """Replace the alerts; those that existed before continue at their places.

        At the first call, those are the alerts that an earlier service on this store has saved. is_whole:
        False if others could not be read: their places wait for the next call.
        """
        wanted = alerts_by_label(alerts)
        is_same = wanted == self._alerts and not (self._tasks.unclaimed and is_whole)
        if is_same or self._process.stopping:
            return
        first, self._alerts = self._alerts is None, wanted
        self._reports.replace_alerts(wanted)
        self.states.replace_alerts(wanted)
        replace_alerts = self._tasks.resume_saved if first else self._tasks.replace_alerts
        kept = AlertPlaces(self._directory(), self._identity(), self._clock)
        with closing(kept.folder):
            replace_alerts(wanted, self._end(), kept, is_whole=is_whole)
        if self._tasks.all:
            self._process.start_or_update()

    def _orders_line(self, pid: int | None) -> bytes:
        tasks = self._tasks.all.values()
        wanted = dict.fromkeys(task.label for task in tasks if task.until is None)
        out = dict.fromkeys(task.label for task in tasks if task.until is not None)
        log.info(
            "alerts: process {pid} watches the store for {alerts}{out}",
            pid=pid,
            alerts=", ".join(wanted) or "none",
            out=f"; removed: {', '.join(out)}" if out else "",
        )
        return encode_message(AlertOrders(self._directory(), self._identity(), self._tasks.all))

    @property
    def removed_count(self) -> int:
        """The number of removed alerts and their ways that still have something to report."""
        return sum(task.until is not None for task in self._tasks.all.values())

    def stop(self) -> Deferred[None]:
        """End the process; the Deferred fires when it has ended, within some seconds."""
        return self._process.stop()

    def _handle_report(self, line: bytes) -> None:
        report = report_from_line(line)
        self.states.note(report)
        self._reports.note(report)
        if report.kind == "done":
            self._tasks.all.pop(report.name, None)
            if not self._tasks.all:
                self._process.end_until_needed()
