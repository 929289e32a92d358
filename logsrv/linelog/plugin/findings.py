"""Checks of the line logger by `logsrv check`: its store, and the servers and programs that it uses."""

from __future__ import annotations

import datetime
import os
import shlex
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from logsrv.kit.connections.client_tls import TLSOptions
from logsrv.kit.service.file_checks import check_certificate_file, check_directory_writable
from logsrv.kit.service.findings import (
    CheckRequest,
    Finding,
    User,
    check_server,
    error,
    findings_or_error,
    ok,
)
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import counted
from logsrv.linelog.alerts.alert_settings import (
    AlertSettings,
    alerts_by_label,
    missing_program_sentence,
)
from logsrv.linelog.columns.child_process import columns_are_installed
from logsrv.linelog.formats.registry import inputs
from logsrv.linelog.leaves import missing_leaves
from logsrv.linelog.plugin.logger_settings import LoggerSettings, listeners_without_plugin
from logsrv.linelog.ship.ship_settings import ShipSettings
from logsrv.linelog.ship.target_plugin import TargetSettings
from logsrv.linelog.store.backup_note import store_folders
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.file_owner import plain_files_of_store
from logsrv.linelog.store.segment import COLUMNS_SUFFIX, FOLDERS, PACKED_SUFFIX


def check_logger(
    settings: LoggerSettings, asked: CheckRequest, now: datetime.datetime
) -> Iterator[Finding]:
    """Yield all findings about the line logger. asked: the user that it runs as. now: with a time zone."""
    for leaf in missing_leaves():
        yield ok(leaf.module, f"is not here: without it there is not {leaf.gives}")
    for listener in listeners_without_plugin(settings):
        why = "is left out: no plugin that can be loaded has that input"
        yield error(listener, why, "mend the plugin")
    yield from check_listeners(settings)
    yield from findings_or_error("store", partial(check_store, settings.directory, asked.user))
    if settings.columns and not columns_are_installed():
        yield ok("columns", "are not made: the extra columns is not installed")
    files = {one.ship_cert: False for one in settings.targets}
    files |= {one.ship_ca: True for one in settings.targets}
    for file, authorities in files.items():
        if file is not None:
            yield from check_certificate_file(file, now, authorities=authorities)
    for target in settings.targets:
        yield from findings_or_error(target.subject, partial(check_target, target, asked))
    if settings.saved is not None:
        yield check_directory_writable(settings.saved.parent, asked.user)
    for label, alert in alerts_by_label(settings.alerts).items():
        yield from findings_or_error(
            f"alert {label}", partial(check_alert, f"alert {label}", alert, asked)
        )


def check_listeners(settings: LoggerSettings) -> Iterator[Finding]:
    """Yield what senders have to know about a listener for connections."""
    for one in settings.listener:
        note = getattr(inputs().get(one.listen.input), "stream_note", "")
        if note and one.listen.endpoint.kind == "stream":
            yield ok(one.listen.label, note)


def check_store(directory: Path, user: User) -> Iterator[Finding]:
    """Yield whether a user may write into a store, and use all of its files as the server does.

    The process has to run as that user.
    """
    yield check_directory_writable(directory, user)
    if not os.access(directory, os.R_OK | os.X_OK):
        return
    with Disk().open_directory(directory) as disk:
        found = [folder for folder, _ in store_folders(disk, passed=OSError) if folder]
        refused = [
            name for name in FOLDERS if name not in found and os.path.lexists(directory / name)
        ]
        for name, _ in plain_files_of_store(disk):
            # A server reads compressed segments and their other files, but never writes them.
            sealed = PACKED_SUFFIX in name or name.endswith(COLUMNS_SUFFIX)
            needed = os.R_OK if sealed else os.R_OK | os.W_OK
            if not os.access(directory / name, needed):
                refused.append(name)
    refused += [name for name in found if not os.access(directory / name, os.W_OK | os.X_OK)]
    if refused:
        others = f", and {counted(len(refused) - 1, 'more file')} here" if refused[1:] else ""
        remedy = f"chown -R {user.name}:{user.group} {shlex.quote(str(directory))}"
        sentence = f"cannot be used by user {user.name}{others}"
        yield error(str(directory / refused[0]), sentence, remedy)


def check_target(target: ShipSettings, asked: CheckRequest) -> Iterator[Finding]:
    """Yield whether a target can be used, or that its plugin is missing."""
    if target.is_left_out:
        why = "is left out: no plugin that can be loaded has its scheme"
        yield error(target.subject, why, "mend the plugin")
    else:
        plugin = target.ship.plugin
        token = plugin.read_token(target.ship_token_file) if asked.reach else None
        settings = TargetSettings(
            name=target.label, url=target.ship, store="", tls=target.tls, token=token
        )
        yield from plugin.findings(target.subject, settings, asked)


def check_alert(subject: str, alert: AlertSettings, asked: CheckRequest) -> Iterator[Finding]:
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
