"""The table of what `logsrv check` looks at of the line logger, beside what it does of every service."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from logsrv.kit.service.checks.findings import Asked, Finding, error, guarded, ok
from logsrv.linelog.inputs.intake.registry import OURS, inputs
from logsrv.linelog.plugin.checks.store import check_change, check_store, check_unit
from logsrv.linelog.plugin.checks.told import check_alerts, check_extras, check_targets
from logsrv.linelog.plugin.settings import LoggerSettings, left_out

CHECKS: dict[str, Callable[[LoggerSettings, Asked, datetime.datetime], Iterable[Finding]]] = {
    "listeners": lambda settings, asked, now: check_inputs(settings),
    "store": lambda settings, asked, now: check_store(
        settings.directory, settings.store_policy, asked.user, now.timestamp()
    ),
    "change": lambda settings, asked, now: check_change(settings.directory, asked.file),
    "unit": lambda settings, asked, now: check_unit(settings.directory, asked),
    "packages": lambda settings, asked, now: check_extras(settings),
    "targets": check_targets,
    "alerts": lambda settings, asked, now: check_alerts(settings, asked),
}


def check_inputs(settings: LoggerSettings) -> Iterator[Finding]:
    """Yield the listeners for inputs of plugins, with the file of that input or as left out."""
    for place in left_out(settings):
        why = "is left out: no plugin that can be loaded has that input"
        yield error(place, why, "mend the plugin")
    for one in settings.listener:
        if one.listen.input in inputs().keys() - OURS:
            code = type(inputs()[one.listen.input]).__module__
            yield ok(str(one.listen), f"is for the input of {sys.modules[code].__file__}")


def check_logger(
    settings: LoggerSettings, asked: Asked, now: datetime.datetime
) -> Iterator[Finding]:
    """Yield all findings about the line logger. now: with its zone."""
    for name, check in CHECKS.items():
        yield from guarded(name, partial(check, settings, asked, now))
