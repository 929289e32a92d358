"""Levels of the log that an operator asks for while the service runs: for all, and for namespaces."""

from __future__ import annotations

from typing import Any

from twisted.logger import FilteringLogObserver, LogEvent, LogLevel, LogLevelFilterPredicate


class Levels:
    """The levels of one log; "" is the namespace of everything."""

    def __init__(self) -> None:
        # In the order in which they were set. "" is there from the beginning.
        self._shown: dict[str, Any] = {"": LogLevel.debug}
        self._asked: dict[str, Any] = {}
        self.predicate = LogLevelFilterPredicate(defaultLogLevel=LogLevel.debug)

    def listed(self) -> list[tuple[str, str]]:
        """Return each namespace that has a level of its own, and that level."""
        return [(name, level.name) for name, level in self._shown.items()]

    def show_from(self, level: Any) -> None:
        """Note the level from which on the log is shown unless somebody asks for another."""
        self._shown[""] = level

    def ask_for(self, level: Any, namespace: str) -> None:
        """Let through what is at least `level`, of this namespace."""
        self._shown[namespace] = self._asked[namespace] = level
        self.predicate.setLogLevelForNamespace(namespace, level)

    def is_asked_for(self, event: LogEvent) -> bool:
        """Return true if somebody wants to see an event that is left out otherwise."""
        if not self._asked:
            return False
        name = event.get("log_namespace") or ""
        while name and name not in self._asked:
            name = name.rpartition(".")[0]
        least = self._asked.get(name)
        return least is not None and bool(event.get("log_level", LogLevel.info) >= least)


LOG_LEVELS = Levels()
"""Those of the log of this process."""


class Filtered(FilteringLogObserver):
    """An observer of the log behind the levels, known again as one of ours."""

    def __init__(self, observer: Any, levels: Levels = LOG_LEVELS) -> None:
        super().__init__(observer, [levels.predicate])
