"""Levels that an operator asks for; how they act on a running log is in kit/inspect/test_view.py."""

from __future__ import annotations

from typing import Any

from twisted.logger import LogLevel

from logsrv.kit.observe.levels import Filtered, Levels


def event(namespace: str, level: Any = LogLevel.debug) -> dict[str, Any]:
    return {"log_namespace": namespace, "log_level": level}


def test_a_hidden_event_is_shown_after_its_level_is_asked_for() -> None:
    levels = Levels()
    levels.show_from(LogLevel.info)
    assert levels.by_namespace() == [("", "info")]
    assert not levels.is_asked_for(event("logsrv.kit"))
    levels.ask_for(LogLevel.debug, "logsrv.kit")
    assert levels.is_asked_for(event("logsrv.kit"))
    assert levels.is_asked_for(event("logsrv.kit.net"))
    assert not levels.is_asked_for(event("logsrv.kitten"))
    levels.ask_for(LogLevel.info, "")
    assert levels.is_asked_for(event("twisted.internet", LogLevel.info))
    assert not levels.is_asked_for(event("twisted.internet"))
    assert levels.by_namespace() == [("", "info"), ("logsrv.kit", "debug")]


def test_an_event_below_the_level_is_stopped() -> None:
    seen: list[Any] = []
    levels = Levels()
    filtered = Filtered(seen.append, levels)
    levels.ask_for(LogLevel.warn, "shout")
    filtered(event("shout", LogLevel.info))
    filtered(event("shout", LogLevel.warn))
    filtered(event("greet"))
    assert [one["log_namespace"] for one in seen] == ["shout", "greet"]
