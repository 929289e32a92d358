"""The options of alerts: which lines to report, and in which way (command or webhook)."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, TypeAlias
from urllib.parse import urlsplit

import attrs

from logsrv.kit.options.declare import REQUIRED, option, tables
from logsrv.kit.options.kinds import DURATION, FLAG, NAME, NEW_FILE, Kind, choice
from logsrv.kit.text.escape import one_line
from logsrv.linelog.alerts.alert_query import ALERT
from logsrv.linelog.query.option_kinds import require_plain_text

COMMAND_WAY = "command"
WEBHOOK_WAY = "webhook"
JSON_FORMAT, SLACK_FORMAT, ALERTMANAGER_FORMAT = "json", "slack", "alertmanager"
"""The JSON that a webhook gets: ours, that of a chat such as Slack, or that of Alertmanager."""
Command: TypeAlias = tuple[str, ...]
"""A program and its arguments."""


def _parse_command(text: str) -> Command:
    words = tuple(shlex.split(require_plain_text(text)))
    if not words or not words[0]:
        raise ValueError("names no program")
    return words


def _with_absolute_program(command: Command, directory: Path) -> Command:
    """Make the path of a program absolute, if it has a slash, so that it is found from any directory."""
    program, *arguments = command
    return (str(directory / program) if "/" in program else program, *arguments)


COMMAND: Kind[Command] = Kind(
    _parse_command,
    "a program and its arguments, quoted as in a shell but without one",
    "COMMAND",
    show=shlex.join,
    separator=None,
    locate=_with_absolute_program,
)


def _parse_webhook(text: str) -> str:
    # Other characters than these have to be percent-encoded in a URL.
    if not re.fullmatch(r"[!-~]{1,4096}", text):
        raise ValueError("not a URL: only printable ASCII characters without spaces can be in one")
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https"):
        raise ValueError("neither http:// nor https://")
    if parts.username is not None or parts.password is not None:
        raise ValueError("has a user name or a password in it, which would not be sent")
    if not parts.hostname:
        raise ValueError("names no host")
    if parts.port == 0:
        raise ValueError("names port 0, on which no server listens")
    return text


WEBHOOK: Kind[str] = Kind(
    _parse_webhook, "a URL, such as https://hooks.example.net/T1 or http://127.0.0.1:9000/", "URL"
)


def _parse_page_url(text: str) -> str:
    parts = urlsplit(_parse_webhook(text))
    if parts.query or parts.fragment:
        raise ValueError("has a ? or a # in it: the query of the alert is put there")
    return text.rstrip("/") + "/"


PAGE: Kind[str] = Kind(
    _parse_page_url, "the URL of the live page, such as https://logs.example.net", "URL"
)


def _parse_variable_name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text):
        raise ValueError("no name of a variable")
    return text


VARIABLE: Kind[str] = Kind(
    _parse_variable_name, "the name of a variable, such as SSH_AUTH_SOCK", "NAME"
)


@attrs.frozen(kw_only=True, slots=False)
class SharedAlertOptions:
    """The options of alerts: the general values, which an alert may replace by its own."""

    help_group: ClassVar[str] = "Alerts"
    goes_with: ClassVar[tuple[str, ...]] = ("alert", "alert_saved")

    alert_command: Command | None = option(
        None, COMMAND, "run this program for an alert; it gets the text on standard input"
    )
    alert_variable: tuple[str, ...] = option(
        (), VARIABLE, "pass this environment variable of the server to the program", repeatable=True
    )
    alert_webhook: str | None = option(None, WEBHOOK, "post an alert as JSON to this URL")
    alert_format: str = option(
        JSON_FORMAT,
        choice(JSON_FORMAT, SLACK_FORMAT, ALERTMANAGER_FORMAT),
        "the format of the body that the webhook expects",
    )
    alert_page: str | None = option(None, PAGE, "the live page's URL, for the link in each message")
    alert_every: float = option("5m", DURATION, "send each alert at most once in this time")
    alert_resolved: bool = option(True, FLAG, "send a message when a condition is over")


@attrs.frozen(kw_only=True, slots=False)
class AlertSettings(SharedAlertOptions):
    """The settings of one alert. Raises ValueError if it has no way to send messages."""

    alert: str = option(REQUIRED, ALERT, "send an alert for lines that match this")
    name: str | None = option(None, NAME, "its name in messages, log and counters")

    @property
    def ways(self) -> tuple[str, ...]:
        """The ways by which a message is sent."""
        command = (COMMAND_WAY,) if self.alert_command is not None else ()
        return command + ((WEBHOOK_WAY,) if self.alert_webhook is not None else ())

    def __attrs_post_init__(self) -> None:
        if not self.ways:
            raise ValueError(
                "--alert without --alert-command or --alert-webhook sends no message; add one of them"
            )


@attrs.frozen(kw_only=True, slots=False)
class AlertOptions(SharedAlertOptions):
    """The options of all alerts together."""

    help_group: ClassVar[str] = "Alerts"

    alert: tuple[str, ...] = option(
        (), ALERT, "send an alert for lines that match this", repeatable=True
    )
    alerts: tuple[AlertSettings, ...] = tables(
        AlertSettings, "alerts with settings of their own", shorthand="alert"
    )

    alert_saved: Path | None = option(
        None, NEW_FILE, "a JSON file for alerts and silences that readers make on the page"
    )

    def __attrs_post_init__(self) -> None:
        require_unique_labels(self.alerts)


def missing_program_sentence(command: Command) -> str | None:
    """Return a sentence if the program does not exist; None if it does."""
    if shutil.which(command[0]) is not None:
        return None
    return f"there is no program {one_line(command[0])} that can be run"


def alerts_by_label(alerts: Sequence[AlertSettings]) -> dict[str, AlertSettings]:
    """Return the alerts by their labels in logs and counters: their names, or their numbers from 1."""
    return dict(zip(_labels(alerts), alerts, strict=True))


def _labels(alerts: Sequence[AlertSettings]) -> list[str]:
    return [alert.name or str(number) for number, alert in enumerate(alerts, 1)]


def require_unique_labels(alerts: Sequence[AlertSettings]) -> None:
    """Raise ValueError if two alerts have the same label."""
    labels = _labels(alerts)
    for label in labels:
        if labels.count(label) > 1:
            raise ValueError(f"two alerts are called {label}; give one of them another name")
