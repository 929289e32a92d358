"""Levels that an operator asks for; how they act on a running log is in kit/inspect/test_view.py."""

from typing import Any

from twisted.logger import LogLevel

from logsrv.kit.observe.levels import LevelFilteredObserver, LogLevels


def event(namespace: str, level: Any = LogLevel.debug) -> dict[str, Any]:
    return {"log_namespace": namespace, "log_level": level}


def test_a_hidden_event_is_shown_after_its_level_is_asked_for():
    levels = LogLevels()
    levels.set_default_level(LogLevel.info)
    assert levels.by_namespace() == [("", "info")]
    assert not levels.is_requested(event("logsrv.kit"))
    levels.set_level(LogLevel.debug, "logsrv.kit")
    assert levels.is_requested(event("logsrv.kit"))
    assert levels.is_requested(event("logsrv.kit.net"))
    assert not levels.is_requested(event("logsrv.kitten"))
    levels.set_level(LogLevel.info, "")
    assert levels.is_requested(event("twisted.internet", LogLevel.info))
    assert not levels.is_requested(event("twisted.internet"))
    assert levels.by_namespace() == [("", "info"), ("logsrv.kit", "debug")]


def test_an_event_below_the_level_is_stopped():
    seen: list[Any] = []
    levels = LogLevels()
    filtered = LevelFilteredObserver(seen.append, levels)
    levels.set_level(LogLevel.warn, "shout")
    filtered(event("shout", LogLevel.info))
    filtered(event("shout", LogLevel.warn))
    filtered(event("greet"))
    assert [one["log_namespace"] for one in seen] == ["shout", "greet"]
