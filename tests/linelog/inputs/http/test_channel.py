"""The HTTP input as a listener has it."""

from __future__ import annotations

import pytest
from zope.interface.verify import verifyObject

from logsrv.errors import ConfigurationError
from logsrv.linelog.inputs.http.channel import Http
from logsrv.linelog.inputs.intake.intake import IInput
from logsrv.linelog.inputs.intake.options import InputOptions
from logsrv.linelog.inputs.intake.registry import inputs
from tests.linelog.inputs.recording import Sink, intake


def test_is_an_input_for_connections_only() -> None:
    verifyObject(IInput, Http())
    assert isinstance(inputs()["http"], Http)
    with pytest.raises(ConfigurationError, match="http:tcp:8088"):
        Http().datagrams(intake(Sink()))


def test_keeps_so_many_bodies_at_a_time() -> None:
    factory = Http().stream(intake(Sink(), options=InputOptions(max_body=10)))
    assert factory.most_held == 40 and factory.held == 0
