"""Checks of the line logger by `logsrv check`: its store and listeners; parts have their own."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

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
from logsrv.lazy_names import later_module
from logsrv.linelog.batch import Batch, Block
from logsrv.linelog.columns.child_process import columns_are_installed
from logsrv.linelog.formats.registry import inputs
from logsrv.linelog.intake.filter_options import FilterCounts
from logsrv.linelog.intake.intake import MOST_STORED
from logsrv.linelog.leaves import missing_leaves
from logsrv.linelog.lines.framer import LineFramer
from logsrv.linelog.lines.records import ESCAPED_LF
from logsrv.linelog.lines.rules import LineCounts
from logsrv.linelog.plugin.logger_settings import (
    PARTS_FOUND,
    LoggerSettings,
    listeners_without_plugin,
)
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.file_owner import plain_files_of_store
from logsrv.linelog.store.notes.backup_note import store_folders
from logsrv.linelog.store.rule_stores import FOLDER, rule_stores
from logsrv.linelog.store.segment import COLUMNS_SUFFIX, FOLDERS, PACKED_SUFFIX

if TYPE_CHECKING:
    from logsrv.linelog.intake import line_filter
else:
    # Only for a line with --mask or --drop: it imports the query language.
    line_filter = later_module("logsrv.linelog.intake.line_filter")

# The sender of a line that is tried.
_TRIED_SOURCE = "tcp:127.0.0.1:1"


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
    if asked.line is not None:
        yield from try_line(settings, asked.line)
    yield from findings_or_error("store", partial(check_store, settings.directory, asked.user))
    yield from findings_or_error(FOLDER, partial(check_rule_stores, settings.directory, asked.user))
    if settings.columns and not columns_are_installed():
        yield ok("columns", "are not made: the extra columns is not installed")


def check_listeners(settings: LoggerSettings) -> Iterator[Finding]:
    """Yield what senders have to know about a listener for connections."""
    for one in settings.listener:
        note = getattr(inputs().get(one.listen.input), "stream_note", "")
        if note and one.listen.endpoint.kind == "stream":
            yield ok(one.listen.label, note)


def try_line(settings: LoggerSettings, line: str) -> Iterator[Finding]:
    """Yield what each listener would store of a line, by its masks and drops."""
    for one in settings.listener:
        framed = LineFramer(one.line_rules, LineCounts()).receive(one_line_of(line))
        kept: Block | None = framed
        if framed is not None and not one.filter_options.is_empty:
            source = f"{one.name}@{_TRIED_SOURCE}" if one.name else _TRIED_SOURCE
            batch = Batch(framed, source, time.time())
            chosen = line_filter.LineFilter(one.filter_options, FilterCounts())
            kept = chosen.apply(batch, MOST_STORED)
        if kept is None:
            yield ok(one.label, "would not store the line, because of --drop")
        else:
            text = bytes(kept).decode(errors="backslashreplace").rstrip("\n")
            yield ok(one.label, f"would store: {text}")


def one_line_of(text: str) -> bytes:
    """Return a text as a sender would send it in one line."""
    return text.encode(errors="surrogateescape").replace(b"\n", ESCAPED_LF) + b"\n"


def check_rule_stores(directory: Path, user: User) -> Iterator[Finding]:
    """Yield whether a user may use the stores of [[retention]] rules that are there, as `check_store`."""
    folder = directory / FOLDER
    if not os.path.isdir(folder):
        # The server makes it in the directory of the store, which is checked.
        return
    yield check_directory_writable(folder, user)
    for place in rule_stores(str(directory)).values():
        yield from check_store(Path(place), user)


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
