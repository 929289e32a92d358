"""The alerts that readers make on the page: in the JSON file of `--alert-saved`, which may be edited.

{"shares": {"alert": "| count, count if (level>=error) as errors in 5m | where errors > 20"}}

They send messages by the general ways of the configuration: no command and no URL comes from the page. One
that cannot run, such as one whose query is wrong today, keeps no other from running.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import attrs

from logsrv.errors import QueryError
from logsrv.kit.options.kinds import NAME
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import did_you_mean, shown
from logsrv.linelog.alerts.alert_settings import (
    AlertOptions,
    AlertSettings,
    SharedAlertOptions,
    alerts_by_label,
)
from logsrv.linelog.alerts.grammar import parse_alert
from logsrv.linelog.parts.endpoints import RefusedRequest
from logsrv.linelog.parts.entries_file import Entries, read_entries, write_entries
from logsrv.linelog.query.option_kinds import require_plain_text

MOST = 100
"""The most alerts of the page."""
LONGEST = 4000
"""The most characters of an alert."""
WHAT = "alerts"
NO_WAY = (
    "an alert of the page needs a general way to send messages: start the server with --alert-command or "
    "--alert-webhook"
)


class PageAlerts(NamedTuple):
    """The alerts of the page. usable: by their names. broken: why others do not run. texts: of all."""

    usable: Mapping[str, AlertSettings]
    broken: Mapping[str, str]
    texts: Mapping[str, str]


NO_ALERTS = PageAlerts({}, {}, {})


def read_alerts(file: Path) -> Entries:
    """Return the entries of the file. Raises StoreError if it cannot be used."""
    return read_entries(file, WHAT)


def general_settings(options: AlertOptions) -> AlertSettings | None:
    """Return the settings of an alert that has none of its own; None if it could send no message."""
    has_way = options.alert_command is not None or options.alert_webhook is not None
    return _settings(options, "", None) if has_way else None


def _settings(options: AlertOptions, text: str, name: str | None) -> AlertSettings:
    shared = {one.name: getattr(options, one.name) for one in attrs.fields(SharedAlertOptions)}
    return AlertSettings(alert=text, name=name, **shared)


def use_entries(options: AlertOptions, entries: Entries) -> PageAlerts:
    """Return the alerts of a file as they run beside those of the configuration."""
    usable: dict[str, AlertSettings] = {}
    broken: dict[str, str] = {}
    texts: dict[str, str] = {}
    taken = alerts_by_label(options.alerts)
    can_send = general_settings(options) is not None
    for name, entry in entries.items():
        try:
            texts[name] = text = _text_of(name, entry)
            if name in taken:
                raise ValueError("the configuration has an alert of this name, which runs instead")
            if len(usable) >= MOST:
                raise ValueError(f"there are more than {MOST} alerts in the file")
            if not can_send:
                raise ValueError(NO_WAY)
            check_text(text)
            usable[name] = _settings(options, text, name)
        except QueryError as error:
            broken[name] = one_line(error.sentence)
        except ValueError as error:
            broken[name] = one_line(str(error))
    return PageAlerts(usable, broken, texts)


def _text_of(name: str, entry: Any) -> str:
    """Return the text of an entry. Raises ValueError."""
    _check_name(name)
    return text_in(entry)


def text_in(entry: Any) -> str:
    """Return the text of `{"alert": TEXT}`. Raises ValueError."""
    if not isinstance(entry, dict):
        raise ValueError('is no JSON object such as {"alert": "level>=error"}')
    for part in entry:
        if part != "alert":
            raise ValueError(f"unknown part {shown(part)}{did_you_mean(part, ['alert'])}")
    text = entry.get("alert")
    if not isinstance(text, str):
        raise ValueError("alert is no text")
    return text


def _check_name(name: str) -> None:
    try:
        NAME.parse(name)
    except ValueError:
        raise ValueError(
            f"{shown(name)} is not a name of an alert; accepted: {NAME.accepted}"
        ) from None


# Each change of the file goes through all of them.
@lru_cache(2 * MOST)
def check_text(text: str) -> None:
    """Raise QueryError for a wrong text, and ValueError for one that is no single line, or too long."""
    if len(text) > LONGEST:
        raise ValueError(f"the alert is longer than {LONGEST} characters")
    require_plain_text(text)
    parse_alert(text)


def column_of_fault(text: str) -> int | None:
    """Return the column of the fault in a text, from 1; None if its query is not wrong."""
    try:
        check_text(text)
    except QueryError as error:
        return error.at
    except ValueError:
        pass
    return None


def check_new(options: AlertOptions, name: str, text: str) -> None:
    """Raise RefusedRequest, or QueryError, if an alert cannot be saved."""
    try:
        _check_name(name)
        check_text(text)
    except ValueError as error:
        raise RefusedRequest(400, one_line(str(error))) from None
    if name in alerts_by_label(options.alerts):
        raise RefusedRequest(
            409, f"the configuration has an alert {shown(name)}; choose another name"
        )


def save_alert(file: Path, name: str, text: str) -> Entries:
    """Save an alert; return all entries. Raises StoreError and RefusedRequest."""
    entries = read_alerts(file)
    if name not in entries and len(entries) >= MOST:
        raise RefusedRequest(
            409, f"there are {MOST} alerts of the page, and no more may be; remove one first"
        )
    entries[name] = {"alert": text}
    write_entries(file, entries, WHAT)
    return entries


def remove_alert(file: Path, name: str) -> Entries:
    """Remove an alert; return the entries that are left. Raises StoreError and RefusedRequest."""
    entries = read_alerts(file)
    if entries.pop(name, None) is None:
        raise RefusedRequest(404, f"there is no alert {shown(name)} of the page")
    write_entries(file, entries, WHAT)
    return entries
