"""Checks of alerts by `logsrv check`: their programs and webhooks, and those that the page has saved."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from logsrv.errors import StoreError
from logsrv.kit.connections.client_tls import TLSOptions
from logsrv.kit.service.file_checks import check_directory_writable
from logsrv.kit.service.findings import (
    CheckRequest,
    Finding,
    check_server,
    error,
    findings_or_error,
    ok,
)
from logsrv.kit.text.escape import one_line
from logsrv.linelog.alerts.alert_settings import (
    AlertOptions,
    AlertSettings,
    alerts_by_label,
    missing_program_sentence,
)
from logsrv.linelog.alerts.page.saved_alerts import (
    NO_WAY,
    general_settings,
    read_alerts,
    use_entries,
)


def check_alerts(options: AlertOptions, asked: CheckRequest) -> Iterator[Finding]:
    """Yield what is found of all alerts."""
    for label, alert in alerts_by_label(options.alerts).items():
        subject = f"alert {label}"
        yield from findings_or_error(subject, partial(_check_alert, subject, alert, asked))
    if options.alert_saved is not None:
        subject = "alerts of the page"
        checks = partial(_check_saved, subject, options, options.alert_saved, asked)
        yield from findings_or_error(subject, checks)


def _check_saved(
    subject: str, options: AlertOptions, file: Path, asked: CheckRequest
) -> Iterator[Finding]:
    """Yield whether the alerts of the page can be read and saved, and send messages."""
    if os.path.exists(file):
        # The file itself is checked as any new one; once there, it is replaced.
        yield check_directory_writable(file.parent, asked.user)
    general = general_settings(options)
    if general is None:
        yield error(subject, NO_WAY)
    else:
        yield from _check_alert(subject, general, asked)
    try:
        entries = read_alerts(file)
    except StoreError as why:
        yield error(subject, f"they cannot be read: {why}")
        return
    for name, sentence in use_entries(options, entries).broken.items():
        if sentence != NO_WAY:
            yield error(f"alert {one_line(name)} of the page", f"does not run: {sentence}")


def _check_alert(subject: str, alert: AlertSettings, asked: CheckRequest) -> Iterator[Finding]:
    """Yield whether the program of an alert can be run, and its webhook answers."""
    if alert.alert_command is not None:
        who = f"by user {asked.user.name}"
        if (sentence := missing_program_sentence(alert.alert_command)) is None:
            yield ok(subject, f"{one_line(alert.alert_command[0])} can be run {who}")
        else:
            yield error(subject, f"{sentence} {who}", "install it")
    if alert.alert_webhook is not None:
        # The path of a webhook is its secret.
        parts = urlsplit(alert.alert_webhook)
        tls = TLSOptions() if parts.scheme == "https" else None
        port = parts.port or (443 if tls else 80)
        yield check_server(asked, subject, parts.hostname or "", port, tls)
