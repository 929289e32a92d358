"""The reactors that can be asked for."""

from __future__ import annotations

import pytest

from logsrv.cli.running.held import holding_class
from logsrv.cli.running.reactors import REACTORS
from logsrv.errors import ConfigurationError
from tests.cli.command import logsrv


@pytest.mark.parametrize("name", REACTORS)
def test_each_is_there_on_linux(name: str) -> None:
    assert holding_class(name).__mro__[2].__module__.startswith("twisted.internet.")


def test_one_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REACTORS, "epoll", "no_such_module.Reactor")
    with pytest.raises(ConfigurationError, match="there is no reactor epoll on this system"):
        holding_class("epoll")


def test_one_that_nobody_knows() -> None:
    done = logsrv("run", "--reactor", "asynchio", "x.py")
    assert done.returncode == 2
    assert b"asynchio" in done.stderr
