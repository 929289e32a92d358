"""Silences: an alert, or some of its groups, sends no messages for a while. Kept in the store's `alerts`.

`silences.json` has all of them. The command `logsrv alert` and the server change it, one at a time, and the
alert process reads it about once a second. In a silence the alert is evaluated as ever: at the end its
messages are sent, but for what began and ended within.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from threading import Event
from typing import Any
from zlib import crc32

import attrs

from logsrv.errors import QueryError, StoreError
from logsrv.kit.options.kinds import DURATION
from logsrv.kit.text.checksums import json_with_checksum, read_json_with_checksum
from logsrv.kit.text.time import rfc3339
from logsrv.kit.text.words import did_you_mean, listed, shown
from logsrv.linelog.alerts.condition import LONGEST_VALUE
from logsrv.linelog.alerts.grammar import parse_alert
from logsrv.linelog.query.times import parse_moment
from logsrv.linelog.store.disk import Disk, explanation, store_errors
from logsrv.linelog.store.file_owner import give_files_of_root, give_folder_of_root
from logsrv.linelog.store.place import PlaceFolder

FOLDER = "alerts"
SILENCES_FILE = "silences.json"
LONGEST_FILE = 1 << 20
MOST = 500
"""Silences at a time."""
LONGEST = 90 * 86400.0
"""Seconds of a silence."""
LONGEST_REASON = 200
LOCK_TRIES, LOCK_STEP = 200, 0.05
"""The attempts to lock out others who change the silences, and the seconds between two."""

Group = Mapping[str, str | None]
"""The values of some fields of `by`; None for a field that the lines lack."""


class UnknownAlertError(ValueError):
    """There is no alert of a name. The text is a sentence."""


def _new_id() -> str:
    return os.urandom(6).hex()


@attrs.frozen
class Silence:
    """A silence. alert: its label. until, begun: seconds since 1970; begun: None of an older version.

    group: the groups that are silent: all that have these values; None for the whole alert.
    """

    alert: str
    until: float
    reason: str = ""
    group: Group | None = None
    begun: float | None = None
    id: str = attrs.field(factory=_new_id)


class AlertSilences:
    """The silences of one alert, by the fields of their groups: of 500 only a few are looked at.

    whole_until: until when all of it is silent; None if it is not. count: the number of silences.
    """

    def __init__(self, silences: Iterable[Silence] = ()) -> None:
        self.whole_until: float | None = None
        self.count = 0
        self._by_fields: dict[tuple[str, ...], dict[tuple[str | None, ...], float]] = {}
        for one in silences:
            self.count += 1
            if one.group is None:
                self.whole_until = max(self.whole_until or 0.0, one.until)
                continue
            fields = tuple(sorted(one.group))
            known = self._by_fields.setdefault(fields, {})
            values = tuple(one.group[field] for field in fields)
            known[values] = max(known.get(values, 0.0), one.until)

    def __bool__(self) -> bool:
        return self.whole_until is not None or bool(self._by_fields)

    def until(self, group: Group | None) -> float | None:
        """Return until when a group is silent; None if it is not.

        group: None for the groups that are counted together.
        """
        found = [] if self.whole_until is None else [self.whole_until]
        if group is not None:
            for fields, known in self._by_fields.items():
                values = tuple(group[field] for field in fields if field in group)
                found += [known[values]] if values in known else []
        return max(found, default=None)


def silences_by_alert(silences: Iterable[Silence]) -> dict[str, AlertSilences]:
    """Return the silences of each alert, by its label."""
    found: dict[str, list[Silence]] = {}
    for one in silences:
        found.setdefault(one.alert, []).append(one)
    return {label: AlertSilences(those) for label, those in found.items()}


NO_SILENCES = AlertSilences()


def checked_silence(
    alerts: Mapping[str, str],
    name: str,
    *,
    group: Group | None,
    until: float,
    reason: str,
    now: float,
) -> Silence:
    """Return a new silence. alerts: the texts of the alerts by their labels.

    Raises UnknownAlertError, and ValueError with a sentence.
    """
    if name not in alerts:
        hint = did_you_mean(name, list(alerts))
        raise UnknownAlertError(f"no alert is called {shown(name)}{hint}")
    if len(reason) > LONGEST_REASON:
        raise ValueError(f"the reason of a silence has at most {LONGEST_REASON} characters")
    if until <= now:
        raise ValueError(f"this silence would end at {rfc3339(until)}, which is past")
    if until > now + LONGEST:
        raise ValueError(f"a silence lasts at most {LONGEST / 86400:g} days")
    if group is not None:
        group = _checked_group(name, alerts[name], group)
    return Silence(name, until, reason, group, now)


def _checked_group(name: str, text: str, group: Group) -> dict[str, str | None]:
    try:
        condition = parse_alert(text).condition
    except QueryError as error:
        raise ValueError(f"the text of alert {shown(name)} is wrong: {error.sentence}") from None
    if condition is None or not condition.by:
        raise ValueError(f"alert {shown(name)} has no groups; silence all of it")
    if not group:
        raise ValueError("a group has at least one field")
    for field in group:
        if field not in condition.by:
            raise ValueError(
                f"alert {shown(name)} has no groups by {shown(field)}; it has {listed(condition.by)}"
            )
    return {field: value and value[:LONGEST_VALUE] for field, value in group.items()}


def end_of_silence(text: str, now: float) -> float:
    """Return when a silence of a length such as `2h` ends. Raises ValueError."""
    try:
        seconds = DURATION.parse(text)
    except (ValueError, OverflowError):
        raise ValueError(f"{shown(text)} is not a length of time such as 30m or 2h") from None
    # No year beyond 9999 has a text.
    return now + min(seconds, 2 * LONGEST)


def moment_of_end(text: str, now: float) -> float:
    """Return the time of a text such as `18:00` or RFC 3339. Raises ValueError."""
    return min(parse_moment(text, now, utc=False), now + 2 * LONGEST)


def load_silences(folder: PlaceFolder, now: float) -> list[Silence]:
    """Return the silences that go on. Raises OSError, and ValueError if the file is damaged."""
    if not folder.exists():
        return []
    try:
        line = folder.disk.read(SILENCES_FILE, LONGEST_FILE)
    except FileNotFoundError:
        return []
    try:
        found = map(_decoded, read_json_with_checksum(line)["silences"])
        return [one for one in found if one.until > now]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{folder.path(SILENCES_FILE)} is damaged, remove it: {explanation(error)}"
        ) from error


def _decoded(found: Any) -> Silence:
    if isinstance(found, dict):
        silence = Silence(**found)
        if not isinstance(silence.group, dict | None):
            raise ValueError("a group is no object")
        return silence
    # An earlier version has saved name, end and reason.
    name, until, *others = found
    known_by = f"{crc32(f'{name} {until}'.encode()):08x}"
    return Silence(name, until, others[0] if others else "", id=known_by)


def save_silences(directory: str, folder: PlaceFolder, silences: Collection[Silence]) -> None:
    """Replace the silences of a store. Raises OSError, and ValueError if there are too many."""
    document = json_with_checksum({"silences": [attrs.asdict(one) for one in silences]})
    if len(silences) > MOST or len(document) > LONGEST_FILE:
        raise ValueError(f"there are {MOST} silences at most; end one first")
    folder.disk.replace_durably(SILENCES_FILE, document)
    _give_to_owner(directory, folder)


def _give_to_owner(directory: str, folder: PlaceFolder) -> None:
    with Disk().open_directory(directory) as disk:
        give_folder_of_root(folder.disk, disk)
        give_files_of_root(disk)


def read_silences(directory: str, now: float) -> list[Silence]:
    """Return the silences of a store that go on. Raises StoreError."""
    with closing(PlaceFolder(directory, FOLDER)) as folder:
        return _read(folder, now)


def _read(folder: PlaceFolder, now: float) -> list[Silence]:
    try:
        with store_errors("the silences cannot be read"):
            return load_silences(folder, now)
    except ValueError as error:
        raise StoreError(str(error)) from error


@contextmanager
def changed_silences(directory: str, now: Callable[[], float]) -> Iterator[list[Silence]]:
    """Yield the silences of a store, and save them at the end; another process waits until then.

    Raises StoreError, and ValueError if there are too many.
    """
    failed = "the silences cannot be saved"
    with closing(PlaceFolder(directory, FOLDER)) as folder:
        with store_errors(failed):
            _lock(folder)
            # Root's command may have made the folder and the lock, which the server needs.
            _give_to_owner(directory, folder)
        silences = _read(folder, now())
        yield silences
        with store_errors(failed):
            save_silences(directory, folder, silences)


def _lock(folder: PlaceFolder) -> None:
    for _ in range(LOCK_TRIES):
        if folder.lock("silences"):
            return
        Event().wait(LOCK_STEP)
    raise StoreError("another process keeps the silences locked")


def add_silence(directory: str, silence: Silence, now: Callable[[], float]) -> None:
    """Begin a silence. Raises StoreError, and ValueError if there are too many."""
    with changed_silences(directory, now) as silences:
        silences.append(silence)


def end_silences(
    directory: str, is_meant: Callable[[Silence], bool], now: Callable[[], float]
) -> Sequence[Silence]:
    """End the silences that are meant; return them. Raises StoreError."""
    # Without a silence nothing is made in the store, not even the lock.
    if not any(map(is_meant, read_silences(directory, now()))):
        return []
    with changed_silences(directory, now) as silences:
        # Another command may have ended some meanwhile.
        ended = [one for one in silences if is_meant(one)]
        silences[:] = [one for one in silences if not is_meant(one)]
    return ended
