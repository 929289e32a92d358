"""Tests for the input of streams; what it stores, real daemons show (tests/end_to_end/test_nats.py)."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from logsrv.errors import ConfigurationError
from logsrv.linelog.inputs.intake.registry import inputs
from logsrv.linelog.inputs.nats import nats
from logsrv.linelog.plugin.settings import parse_listen


def test_a_listener_of_a_stream_listens_nowhere() -> None:
    listen = parse_listen("nats:n1,n2:5000/LOGS:part=1/3")
    assert (listen.input, listen.endpoint.kind, listen.endpoint.port) == ("nats", "fetched", None)
    assert str(listen) == "nats:n1,n2:5000/LOGS:part=1/3"
    with pytest.raises(ValueError, match="names no stream"):
        parse_listen("nats:tcp:4222")


def test_a_missing_package_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    class Some:
        label = "nats:n1/LOGS"
        clock = None

    def missing(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name}", name="nats")

    monkeypatch.setattr(nats, "import_module", missing)
    some: Any = Some()
    with pytest.raises(ConfigurationError, match=r"needs the package nats; .*'logsrv\[nats\]'"):
        inputs()["nats"].stream(some)
    assert importlib.import_module("nats")
