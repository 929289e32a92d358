"""The saved places, states and silences of alerts, in the store's `alerts`.

There is a place for each alert and way (command or webhook): the position in each store up to which the
lines have been reported. An alert with a condition also has a state (`N.state`): its place is where the
present window begins. While it fires, `N.json` has its settings, to say that it is over even if it is
removed; only the user of the service may read these.

The names of the files are numbers; the content of a file says which alert it belongs to. A lock on the
folder makes sure that only one process at a time uses them.

`silences.json` has the alerts that send no messages for a while (states/silences.py).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from logsrv.clock import Clock
from logsrv.errors import QueryError
from logsrv.kit.options.files import create_file
from logsrv.kit.text.checksums import (
    json_then_checksum,
    read_json_then_checksum,
)
from logsrv.kit.text.time import parse_rfc3339, rfc3339
from logsrv.linelog.alerts.alert_protocol import AlertTask, as_document, decode_task
from logsrv.linelog.alerts.grammar import parse_alert
from logsrv.linelog.alerts.states.forgotten_groups import (
    STATE_SUFFIX,
    IsForgotten,
    forget_in_files,
    forgotten_groups,
)
from logsrv.linelog.alerts.states.silences import FOLDER, Silence, load_silences
from logsrv.linelog.store import cursor, place
from logsrv.linelog.store.disk import TMP_SUFFIX, reason
from logsrv.linelog.store.place import NewerPlaceError, Place, PlaceFolder
from logsrv.linelog.store.segment import NOWHERE

TASK_SUFFIX = ".json"
"""Files with this suffix are not backed up: the URL of a webhook may be a secret."""


class TaskKey(NamedTuple):
    """The identity of a task across restarts: its way, and the name and query of its alert."""

    way: str
    name: str | None
    query: str


def task_key(task: AlertTask) -> TaskKey:
    return TaskKey(task.way, task.alert.name, task.alert.alert)


class AlertProgress(NamedTuple):
    """The place up to which a task has reported all lines, and the end of its interval.

    due: the end of the interval, by the monotonic clock in seconds; None for no interval.
    """

    position: cursor.Place
    due: float | None = None


class AlertPlaces:
    """The saved places of a store's alerts, in `folder`. Each method may raise OSError.

    store: the identity of the store; "" if it has none.
    """

    def __init__(self, directory: str, store: str, clock: Clock) -> None:
        self.folder = PlaceFolder(directory, FOLDER)
        self.clock = clock
        self._store = store

    def saved_names(self) -> list[str]:
        """Return the names of all places."""
        return [
            name for name, plain in self.folder.disk.entries().items() if plain and name.isdigit()
        ]

    def saved_keys(self, end: cursor.Place, tell: Callable[[str], object]) -> dict[str, TaskKey]:
        """Return the keys of the usable places, by the names of the places.

        end: the end of the stores; the process finds faults in those of rules. tell: is called with a
        sentence for each unusable place.
        """
        found = {}
        for name in sorted(self.saved_names(), key=int):
            try:
                kept = place.load(self.folder.disk, name)
                if kept is None:
                    continue
                why = place.why_foreign(kept, self._store, cursor.positions_in(end)[0])
                if why is not None:
                    raise ValueError(f"{self.folder.path(name)} cannot be used: {why}")
                found[name] = TaskKey(kept.note["way"], kept.note["name"], kept.note["alert"])
            except OSError as error:
                tell(f"{self.folder.path(name)} cannot be read: {reason(error)}")
            except KeyError:
                tell(f"{self.folder.path(name)} is no place of an alert")
            except ValueError as error:
                tell(str(error))
        return found

    def begin_again_in_other_stores(
        self, name: str, end: cursor.Place, tell: Callable[[str], object]
    ) -> None:
        """Save the present end of each store of a rule that is not the one of the saved position.

        Such a store came there while no server ran. The process would begin at a later end, and without
        identities it could soon not see that the position is of another store.
        """
        kept = place.load(self.folder.disk, name)
        if kept is None:
            return
        present = kept.moved(cursor.in_present_stores(kept.cursor, end, tell))
        if present != kept:
            place.save(self.folder.disk, name, present, sync=False)

    def is_newer(self, name: str) -> bool:
        """Return whether a newer logsrv has written a place; it stays for that."""
        try:
            place.load(self.folder.disk, name)
        except NewerPlaceError:
            return True
        except (OSError, ValueError):
            pass
        return False

    def damage_of_states(self, names: Iterable[str]) -> list[str]:
        """Return a sentence for each saved state of these places that cannot be used."""
        found = []
        for name in names:
            with contextlib.suppress(OSError):
                if self.folder.disk.read(name + STATE_SUFFIX) and self.load_state(name) is None:
                    found.append(
                        f"{self.folder.path(name + STATE_SUFFIX)} is damaged: what was firing is "
                        "forgotten, and groups are known from now on"
                    )
        return found

    def load_progress(self, name: str, every: float) -> AlertProgress | None:
        """Return the saved progress of a task; None if there is none, or it cannot be used.

        every: the seconds of the task's interval.
        """
        try:
            kept = place.load(self.folder.disk, name)
            if kept is None:
                return None
            due = kept.note["due"] and parse_rfc3339(kept.note["due"])
        except (OSError, KeyError, TypeError, ValueError):
            # The daemon has read all places before, and logged the error.
            return None
        if due is None:
            return AlertProgress(kept.cursor)
        # Limited to 0…every, because the time of day may have jumped since the place was saved.
        left = min(max(due - self.clock.time_of_day(), 0.0), every)
        return AlertProgress(kept.cursor, self.clock.monotonic() + left)

    def load_time(self, name: str) -> float | None:
        """Return when a task's progress was saved, in seconds since 1970; None for no usable one."""
        try:
            kept = place.load(self.folder.disk, name)
            return None if kept is None else parse_rfc3339(kept.saved)
        except (OSError, ValueError):
            return None

    def save_progress(
        self, name: str, task: AlertTask, progress: AlertProgress, *, sync: bool = True
    ) -> None:
        """Save the progress of a task. sync: whether it is on the medium on return."""
        now, due = self.clock.time_of_day(), progress.due
        note = {
            "alert": task.alert.alert,
            "name": task.alert.name,
            "way": task.way,
            "due": None if due is None else rfc3339(now + max(due - self.clock.monotonic(), 0.0)),
        }
        kept = Place(NOWHERE, self._store, rfc3339(now), note).moved(progress.position)
        place.save(self.folder.disk, name, kept, sync=sync)

    def remove_place(self, name: str) -> None:
        """Remove the place of a task, and its state."""
        for suffix in ("", STATE_SUFFIX, TASK_SUFFIX):
            self.folder.disk.unlink(name + suffix)

    def load_state(self, name: str) -> dict[str, Any] | None:
        """Return the saved state of a condition; None if there is none, or it cannot be used."""
        try:
            return read_json_then_checksum(self.folder.disk.read(name + STATE_SUFFIX))
        except (OSError, ValueError):
            return None

    def load_firing_task(self, name: str) -> AlertTask | None:
        """Return the task that was saved with a state, if that has episodes; None without."""
        try:
            saved = read_json_then_checksum(self.folder.disk.read(name + TASK_SUFFIX))
            task = decode_task(**saved)
            is_usable = task.way in task.alert.ways and parse_alert(task.alert.alert).condition
        except (OSError, KeyError, TypeError, ValueError, QueryError):
            return None
        return task if is_usable and (self.load_state(name) or {}).get("episodes") else None

    def save_state(self, name: str, task: AlertTask, state: Mapping[str, Any]) -> None:
        """Save the state of a condition."""
        disk, file = self.folder.disk, name + TASK_SUFFIX
        if state["episodes"]:
            disk.unlink(file + TMP_SUFFIX)
            path = Path(self.folder.path(file + TMP_SUFFIX))
            create_file(path, json_then_checksum(as_document(task)), 0o600)
            disk.rename(file + TMP_SUFFIX, file)
        else:
            disk.unlink(file)
        disk.replace_durably(name + STATE_SUFFIX, json_then_checksum(state))

    def forget_erased_groups(self) -> IsForgotten | None:
        """Forget groups in saved states whose lines were erased; return what tells which, or None.

        The caller has the lock of the folder.
        """
        is_forgotten = forgotten_groups(self.folder)
        if is_forgotten is not None:
            forget_in_files(self.folder, is_forgotten)
        return is_forgotten

    def silences(self) -> list[Silence]:
        """Return the silences that go on. Raises OSError, and ValueError if their file is damaged."""
        return load_silences(self.folder, self.clock.time_of_day())
