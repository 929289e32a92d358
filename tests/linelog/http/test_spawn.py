"""A process for readers is started with what it needs of the environment, and nothing else."""

from __future__ import annotations

import errno
from typing import Any

import pytest
from twisted.internet.protocol import ProcessProtocol

from logsrv.linelog.http.problems import Problem
from logsrv.linelog.http.spawn import spawn


class Reactor:
    """Notes how a process is started, or has no room for one."""

    full = False

    def spawnProcess(self, *how: Any, env: dict[str, str]) -> None:
        if self.full:
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable")
        self.how, self.env = how, env


def test_start(monkeypatch: pytest.MonkeyPatch) -> None:
    reactor = Reactor()
    monkeypatch.setenv("LOGSRV_HTTP_TOKEN", "secret")
    monkeypatch.setenv("TZ", "UTC")
    spawn(reactor, ProcessProtocol(), "some.module", "argument")
    assert reactor.how[2][1:] == ["-P", "-m", "some.module", "argument"]
    assert reactor.env["TZ"] == "UTC" and "LOGSRV_HTTP_TOKEN" not in reactor.env


def test_no_room() -> None:
    reactor = Reactor()
    reactor.full = True
    with pytest.raises(Problem, match="cannot be started: Resource temporarily") as caught:
        spawn(reactor, ProcessProtocol(), "some.module", "argument")
    assert caught.value.status == 503
