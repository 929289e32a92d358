"""Log levels that an operator sets while the service runs, for all messages or for a namespace."""

from __future__ import annotations

from typing import Any

from twisted.logger import FilteringLogObserver, LogEvent, LogLevel, LogLevelFilterPredicate


class LogLevels:
    """The levels of one log. The namespace "" stands for all messages."""

    def __init__(self) -> None:
        # Levels by namespace, in the order in which they were set; "" always has one.
        self._shown: dict[str, Any] = {"": LogLevel.debug}
        self._asked: dict[str, Any] = {}
        self.predicate = LogLevelFilterPredicate(defaultLogLevel=LogLevel.debug)

    def by_namespace(self) -> list[tuple[str, str]]:
        """Return each namespace that has a level of its own, and that level."""
        return [(name, level.name) for name, level in self._shown.items()]

    def set_default_level(self, level: Any) -> None:
        """Note the lowest level that the log shows unless somebody asks for another."""
        self._shown[""] = level

    def set_level(self, level: Any, namespace: str) -> None:
        """Show the messages of `namespace` that are at least at `level`."""
        self._shown[namespace] = self._asked[namespace] = level
        self.predicate.setLogLevelForNamespace(namespace, level)

    def is_requested(self, event: LogEvent) -> bool:
        """Return true if somebody asked for a level that includes this event."""
        if not self._asked:
            return False
        name = event.get("log_namespace") or ""
        while name and name not in self._asked:
            name = name.rpartition(".")[0]
        least = self._asked.get(name)
        return least is not None and bool(event.get("log_level", LogLevel.info) >= least)


LOG_LEVELS = LogLevels()
"""The levels of this process's log."""


class LevelFilteredObserver(FilteringLogObserver):
    """A log observer that gets only events at the chosen levels; its class marks it as one of ours."""

    def __init__(self, observer: Any, levels: LogLevels = LOG_LEVELS) -> None:
        super().__init__(observer, [levels.predicate])
