"""The tasks of the alert process: one for each alert and way of sending, by the name of its saved place.

A task stays the same over reloads and restarts as long as its alert does. If its alert is removed, the task
goes on until it has reported all lines that were stored before, and the ends of all episodes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Mapping, Sequence

import attrs
from twisted.logger import Logger

from logsrv.kit.text.escape import one_line
from logsrv.linelog.alerts.alert_places import AlertPlaces, AlertProgress, TaskKey, task_key
from logsrv.linelog.alerts.alert_settings import COMMAND_WAY, AlertSettings
from logsrv.linelog.alerts.reports import AlertTask
from logsrv.linelog.store.disk import reason
from logsrv.linelog.store.segment import Position

log = Logger()

Alerts = Mapping[str, AlertSettings]


class AlertTasks:
    """The tasks of the process. all: the tasks, by the names of their places."""

    def __init__(self) -> None:
        self.all: dict[str, AlertTask] = {}
        self._number = 0

    def resume_saved(self, wanted: Alerts, end: Position, kept: AlertPlaces) -> None:
        """Make the tasks for these alerts at a start. Alerts that have saved places continue from there.

        end: the end of the store.
        """
        known = self._saved_keys(wanted, end, kept)
        firing = {name: task for name in known if (task := kept.load_firing_task(name))}
        resumed = {
            name: key
            for name, key in known.items()
            if name not in firing or firing[name].until is None
        }
        self._assign_tasks(wanted, resumed, end, kept, changed=known.keys() - firing.keys())
        for name in known.keys() - self.all.keys():
            log.info("alerts: {query} is no longer an alert", query=one_line(known[name].query))
            if name in firing and _may_report_end(firing[name], wanted):
                until = firing[name].until or end
                # An earlier process may report the end meanwhile: without a place nothing is left to do.
                self.all[name] = attrs.evolve(firing[name], begin=until, until=until)
                continue
            with contextlib.suppress(OSError):
                kept.remove_place(name)

    def replace_alerts(self, wanted: Alerts, end: Position, kept: AlertPlaces) -> None:
        """Replace the alerts; tasks of removed alerts end at the present end of the store."""
        before = self.all
        known = {name: task_key(task) for name, task in before.items() if task.until is None}
        self._assign_tasks(wanted, known, end, kept)
        for name, task in before.items():
            if name not in self.all:
                self.all[name] = attrs.evolve(task, until=task.until or end)

    def _saved_keys(self, wanted: Alerts, end: Position, kept: AlertPlaces) -> dict[str, TaskKey]:
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
                if name not in known:
                    kept.remove_place(name)
        except OSError as error:
            _log_new_begin(f"the places of alerts cannot be read: {reason(error)}")
            return {}
        return known

    def _assign_tasks(
        self,
        wanted: Alerts,
        known: Mapping[str, TaskKey],
        end: Position,
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


def _may_report_end(task: AlertTask, wanted: Alerts) -> bool:
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


def _save_begin(kept: AlertPlaces, name: str, task: AlertTask) -> None:
    """Save the place where a new alert begins, before a line can arrive or the process can be killed.

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
        for number, key in enumerate(wanted):
            like = likeness(key)
            if found[number] is None and like is not None:
                found[number] = next((one for one in left if likeness(left[one]) == like), None)
                left.pop(found[number] or "", None)
    return found
