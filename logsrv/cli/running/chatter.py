"""The messages of a start and a stop, which are kept back where one line of the parent says enough."""

from __future__ import annotations

import re
from typing import Any

from twisted.logger import ILogFilterPredicate, LogEvent, LogLevel, PredicateResult, formatEvent
from zope.interface import implementer

# Loggers whose messages of level `info` are of that kind.
CHATTERING = ("logsrv.kit.service.", "logsrv.kit.net.", "twisted.")
# Messages of Twisted's ports, in a log that authors may use as well.
LEGACY = "log_legacy"
PORT = re.compile(r" starting on |^\(.* Port .* Closed\)$")


@implementer(ILogFilterPredicate)
class Chatter:
    """A log filter. Shows what warns, and what the author logs, at any time.

    quiet: whether messages of starts and stops are kept back.
    """

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet

    def __call__(self, event: LogEvent) -> Any:
        is_shown = not self.quiet or not _is_chatter(event)
        return PredicateResult.maybe if is_shown else PredicateResult.no


def _is_chatter(event: LogEvent) -> bool:
    if event.get("log_level") is not LogLevel.info:
        return False
    namespace = event.get("log_namespace") or ""
    if namespace == LEGACY:
        return bool(PORT.search(formatEvent(event)))
    return namespace.startswith(CHATTERING)
