"""Checks of the line logger by `logsrv check`: its store and listeners; parts have their own."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from logsrv.kit.service.file_checks import check_directory_writable
from logsrv.kit.service.findings import (
    CheckRequest,
    Finding,
    User,
    error,
    findings_or_error,
    ok,
)
from logsrv.kit.text.words import counted
from logsrv.linelog.columns.child_process import columns_are_installed
from logsrv.linelog.formats.registry import inputs
from logsrv.linelog.leaves import missing_leaves
from logsrv.linelog.plugin.logger_settings import (
    PARTS_FOUND,
    LoggerSettings,
    listeners_without_plugin,
)
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.file_owner import plain_files_of_store
from logsrv.linelog.store.notes.backup_note import store_folders
from logsrv.linelog.store.segment import COLUMNS_SUFFIX, FOLDERS, PACKED_SUFFIX


def check_logger(settings: LoggerSettings, asked: CheckRequest) -> Iterator[Finding]:
    """Yield the findings about the line logger but for its parts. asked: the user that it runs as."""
    for leaf in missing_leaves():
        yield ok(leaf.module, f"is not here, and with it {leaf.gives}")
    for part, why in PARTS_FOUND.broken.items():
        yield error(part, f"is left out: {why}", "mend the plugin")
    for listener in listeners_without_plugin(settings):
        why = "is left out: no plugin that can be loaded has that input"
        yield error(listener, why, "mend the plugin")
    yield from check_listeners(settings)
    yield from findings_or_error("store", partial(check_store, settings.directory, asked.user))
    if settings.columns and not columns_are_installed():
        yield ok("columns", "are not made: the extra columns is not installed")


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
