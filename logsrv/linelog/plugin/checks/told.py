"""Checks of those whom the line logger tells: targets, nodes, commands and webhooks of alerts."""

from __future__ import annotations

import datetime
import os
import socket
import ssl
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from logsrv.errors import ConfigurationError
from logsrv.kit.net.tls.client_tls import TLSOptions, tls_context
from logsrv.kit.service.checks.certificates import check_file
from logsrv.kit.service.checks.file_system import existing
from logsrv.kit.service.checks.findings import Asked, Finding, error, guarded, ok, warning
from logsrv.kit.text.escape import one_line
from logsrv.linelog.alerts.settings import AlertSettings, labelled, missing
from logsrv.linelog.inputs.nats.nats import NEEDS
from logsrv.linelog.plugin.settings import FETCHED, LoggerSettings
from logsrv.linelog.ship.settings import ShipSettings

REACH_SECONDS = 5.0
NOT_CONTACTED = "not contacted; --reach tries"
# Modules of the extra `senders`, which the input http needs for some.
SENDERS = ("opentelemetry", "cramjam")


def check_extras(settings: LoggerSettings) -> Iterator[Finding]:
    """Yield findings about inputs whose packages are not installed."""
    inputs = {listener.listen.input: str(listener.listen) for listener in settings.listener}
    if FETCHED in inputs and find_spec("nats") is None:
        said, _, advice = NEEDS.format("nats").partition("; install it with ")
        yield error(inputs[FETCHED], said, advice)
    if "http" in inputs and not all(map(find_spec, SENDERS)):
        yield warning(
            inputs["http"],
            "takes neither OTLP in protobuf nor pushes to Loki in snappy without its extra",
            "pip install 'logsrv[senders]'",
        )


def check_targets(
    settings: LoggerSettings, asked: Asked, now: datetime.datetime
) -> Iterator[Finding]:
    """Yield findings about targets and nodes. now: with its zone."""
    files = {
        file
        for target in settings.targets
        for file in (target.ship_cert, target.ship_ca)
        if file is not None
    }
    files |= {one.nodes_ca for one in settings.node_sets if one.nodes_ca is not None}
    for file in sorted(files):
        yield from check_file(file, asked.user, now)
    for target in settings.targets:
        yield from guarded(f"target {target.label}", partial(_check_target, target, asked))
    for one in settings.node_sets:
        tls = TLSOptions(cafile=one.nodes_ca)
        for node in one.nodes.nodes if asked.reach else ():
            yield reach(f"node {node}", node.host, node.port, tls if node.tls else None)


def _check_target(target: ShipSettings, asked: Asked) -> Iterator[Finding]:
    subject, url = f"target {target.label}", target.ship
    if url.scheme == "file":
        path = Path(url.path)
        above = existing(path)
        with asked.user.acting():
            writable = os.access(above, os.W_OK | os.X_OK)
        if writable:
            yield ok(subject, f"can be written by user {asked.user.name}: {one_line(str(path))}")
        else:
            yield error(
                subject,
                f"cannot be written by user {asked.user.name}: {one_line(str(path))}",
                f"install -d -m 750 -o {asked.user.name} -g {asked.user.group} {one_line(str(path))}",
            )
    elif url.is_bucket:
        yield ok(subject, f"goes to {one_line(url.place)} (a bucket is never contacted here)")
    elif not asked.reach:
        yield ok(subject, f"goes to {one_line(url.place)} ({NOT_CONTACTED})")
    else:
        # NATS begins TLS behind a line in plain text.
        wants_tls = url.tls and not url.is_stream
        tls = TLSOptions(cafile=target.ship_ca, certificate=target.ship_cert, key=target.ship_key)
        for host, port in url.servers:
            yield reach(subject, host, port, tls if wants_tls else None)


def reach(subject: str, host: str, port: int, tls: TLSOptions | None) -> Finding:
    """Return whether somebody answers at a place, and shows a certificate that is trusted; says nothing."""
    place = one_line(f"{host}:{port}")
    try:
        context = tls_context(tls) if tls is not None else None
        with socket.create_connection((host, port), REACH_SECONDS) as connection:
            if context is not None:
                with context.wrap_socket(connection, server_hostname=host):
                    pass
    except ConfigurationError as failure:
        return error(subject, str(failure))
    except ssl.SSLError as failure:
        why = getattr(failure, "verify_message", "") or failure.reason or str(failure)
        return error(subject, f"{place} answers, but not with TLS that holds: {one_line(why)}")
    except (OSError, UnicodeError) as failure:
        why = getattr(failure, "strerror", None) or str(failure)
        return error(
            subject,
            f"{place} cannot be reached: {one_line(why).lower()}",
            "look at it, and at firewalls",
        )
    return ok(subject, f"{place} answers")


def check_alerts(settings: LoggerSettings, asked: Asked) -> Iterator[Finding]:
    """Yield findings about the ways of alerts."""
    for label, alert in labelled(settings.alerts).items():
        yield from guarded(f"alert {label}", partial(_check_alert, f"alert {label}", alert, asked))


def _check_alert(subject: str, alert: AlertSettings, asked: Asked) -> Iterator[Finding]:
    if alert.alert_command is not None:
        with asked.user.acting():
            sentence = missing(alert.alert_command)
        program = one_line(alert.alert_command[0])
        if sentence is None:
            yield ok(subject, f"{program} can be run by user {asked.user.name}")
        else:
            yield error(
                subject, f"{sentence} by user {asked.user.name}", "install it, or give its path"
            )
    if alert.alert_webhook is not None:
        parts = urlsplit(alert.alert_webhook)
        host, is_tls = parts.hostname or "", parts.scheme == "https"
        port = parts.port or (443 if is_tls else 80)
        if asked.reach:
            yield reach(subject, host, port, TLSOptions() if is_tls else None)
        else:
            # The path of a webhook is its secret.
            yield ok(subject, f"posts to {one_line(f'{host}:{port}')} ({NOT_CONTACTED})")
