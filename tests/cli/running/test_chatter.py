"""Which messages a save is spared."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.logger import LogLevel, PredicateResult

from logsrv.cli.running.chatter import Chatter

CHATTER = [
    ("logsrv.kit.service.service", "shout is ready"),
    ("twisted.internet.base", "Main loop terminated."),
    ("log_legacy", "(TCP Port 7000 Closed)"),
    ("log_legacy", "tcp:7000 starting on 7000"),
]


def event(namespace: str, text: str, level: Any = LogLevel.info) -> dict[str, Any]:
    return {"log_namespace": namespace, "log_level": level, "log_format": text}


@pytest.mark.parametrize(("namespace", "text"), CHATTER)
def test_starts_and_stops_are_kept_back_while_it_is_quiet(namespace: str, text: str) -> None:
    chatter = Chatter(quiet=True)
    assert chatter(event(namespace, text)) is PredicateResult.no
    assert chatter(event(namespace, text, LogLevel.warn)) is PredicateResult.maybe
    chatter.quiet = False
    assert chatter(event(namespace, text)) is PredicateResult.maybe


@pytest.mark.parametrize("namespace", ["shout", "log_legacy", "logsrv.kit.observe.peer_log"])
def test_what_the_author_logs_is_shown(namespace: str) -> None:
    assert Chatter(quiet=True)(event(namespace, "hello")) is PredicateResult.maybe
