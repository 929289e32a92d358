"""Answers of `logsrv alert` that send nothing: when alerts would have fired, and their silences."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing

from logsrv.cli.arguments import aligned_columns, tell
from logsrv.errors import StoreError, UsageError
from logsrv.kit.options.kinds import DURATION
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.time import rfc3339
from logsrv.kit.text.words import shown
from logsrv.linelog.alerts.alert_places import FOLDER
from logsrv.linelog.alerts.alert_settings import AlertSettings
from logsrv.linelog.alerts.episode_message import group_in_words
from logsrv.linelog.alerts.history import find_past_episodes
from logsrv.linelog.alerts.silences import Silence, load_silences, save_silences
from logsrv.linelog.cursors.folder import PlaceFolder
from logsrv.linelog.query.language.condition import AlertQuery, parse_alert
from logsrv.linelog.query.language.times import parse_moment
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segments.disk import store_errors


def print_past_episodes(directory: str, alerts: Mapping[str, AlertSettings], since: str) -> int:
    """Print when each alert would have fired since a time; return the exit status.

    Raises UsageError for a time that is none, and StoreError without a store.
    """
    now = time.time()
    try:
        begin = parse_moment(since, now, utc=False)
    except ValueError as error:
        raise UsageError(f"--since: {error}") from None
    asked = {label: parse_alert(alert.alert) for label, alert in alerts.items()}
    with_condition = {label: one for label, one in asked.items() if one.condition is not None}
    for label in asked.keys() - with_condition.keys():
        tell(
            f"logsrv alert: alert {label} has no condition, such as | count > 100 in 5m: it fires for each "
            "line; logsrv search -c counts these"
        )
    with View(directory, lambda why: tell(f"logsrv alert: {why}")) as view:
        for label, one in with_condition.items():
            _print_episodes(view, label, one, begin, now)
    return 0 if with_condition else 1


def _print_episodes(view: View, label: str, asked: AlertQuery, since: float, until: float) -> None:
    found = find_past_episodes(view, asked, since, until)
    number = len(found.episodes)
    times = "once" if number == 1 else f"{number:,} times"
    print(f"alert {label} would have fired {times} since {rfc3339(since)}")
    assert asked.condition is not None
    rows = []
    for one in found.episodes:
        lasted = (
            "still" if one.ended is None else DURATION.show(max(1.0, round(one.ended - one.begun)))
        )
        group = one_line(group_in_words(asked.condition, one.key))
        rows.append((f"  {rfc3339(one.begun)}", lasted, group))
    if rows:
        print(aligned_columns(rows), end="", flush=True)
    if found.left_out:
        tell(
            f"logsrv alert: alert {label} has more groups than are kept; it counts others together"
        )


def print_silences(directory: str) -> int:
    """Print the silences of a store; return the exit status."""
    silences = _silences(directory)
    for one in silences.values():
        reason = f" ({one_line(one.reason)})" if one.reason else ""
        print(f"{one.name} is silent until {rfc3339(one.until)}{reason}")
    if not silences:
        tell("logsrv alert: no alert is silenced")
    return 0


def begin_silence(directory: str, name: str, lasting: str | None, reason: str) -> int:
    """Silence an alert. Raises UsageError for a wrong length of time."""
    if lasting is None:
        raise UsageError("--silence needs --for TIME, such as --for 2h")
    try:
        seconds = DURATION.parse(lasting)
        until = time.time() + seconds
        text = rfc3339(until)
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"--for: {shown(lasting)} is no length of time, such as 30m or 2h"
        ) from None
    _replace_silences(directory, {**_silences(directory), name: Silence(name, until, reason)})
    print(f"{name} is silent until {text}")
    return 0


def end_silence(directory: str, name: str) -> int:
    """End the silence of an alert. Raises UsageError if it is not silenced."""
    silences = _silences(directory)
    if silences.pop(name, None) is None:
        raise UsageError(f"alert {shown(name)} is not silenced")
    _replace_silences(directory, silences)
    print(f"{name} sends messages again")
    return 0


def _silences(directory: str) -> dict[str, Silence]:
    with closing(PlaceFolder(directory, FOLDER)) as folder:
        try:
            with store_errors("the silences cannot be read"):
                return load_silences(folder, time.time())
        except ValueError as error:
            raise StoreError(str(error)) from error


def _replace_silences(directory: str, silences: Mapping[str, Silence]) -> None:
    with (
        closing(PlaceFolder(directory, FOLDER)) as folder,
        store_errors("the silences cannot be saved"),
    ):
        save_silences(directory, folder, silences.values())
