"""The level from which on events are logged, changed while the process runs."""

from __future__ import annotations

from typing import Any

from twisted.logger import FilteringLogObserver, LogLevel, LogLevelFilterPredicate

from logsrv.kit.net.twisted.twistd import wrap_log_observers

# By namespace, "" for all; in the order in which they were set.
_levels: dict[str, Any] = {"": LogLevel.debug}
_predicate = LogLevelFilterPredicate(defaultLogLevel=LogLevel.debug)


def log_levels() -> list[tuple[str, str]]:
    """Return each namespace that has a level of its own, and that level; "" is everything."""
    return [(name, level.name) for name, level in _levels.items()]


def set_log_level(level: Any, namespace: str = "") -> None:
    """Log only what is at least `level`, of this namespace (`logsrv.kit.net`) or of all."""
    # Once; who logs at full length until then pays nothing for this.
    wrap_log_observers(_filtered)
    _levels[namespace] = level
    _predicate.setLogLevelForNamespace(namespace, level)


def _filtered(observer: Any) -> Any:
    if isinstance(observer, _Filtered):
        return observer
    return _Filtered(observer, [_predicate])


class _Filtered(FilteringLogObserver):
    """An observer of the log behind the level, known again as one of ours."""
