"""Checks of alerts by `logsrv check`: their programs and webhooks."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from urllib.parse import urlsplit

from logsrv.kit.connections.client_tls import TLSOptions
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


def check_alerts(options: AlertOptions, asked: CheckRequest) -> Iterator[Finding]:
    """Yield what is found of all alerts."""
    for label, alert in alerts_by_label(options.alerts).items():
        subject = f"alert {label}"
        yield from findings_or_error(subject, partial(_check_alert, subject, alert, asked))


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
