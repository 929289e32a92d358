"""The options by which an operator looks at a service."""

from __future__ import annotations

import pytest

from logsrv.kit import LineProtocol, protocol_plugin
from logsrv.kit.inspect.inspect_settings import OperatorSettings
from logsrv.kit.options.declare import options_of


def test_a_strangers_plugin_has_them_and_they_are_off() -> None:
    options = protocol_plugin("shout", LineProtocol).options()
    options.environment = {}
    options.parseOptions([])
    assert options.settings.inspect == options.settings.metrics == ()
    assert options.settings.inspect_python is False


def test_figures_are_told_where_there_are_connections() -> None:
    kind = options_of(OperatorSettings)["metrics"].kind
    assert str(kind.parse("unix:/run/shout.metrics")) == "unix:/run/shout.metrics"
    with pytest.raises(ValueError, match="udp: takes no connections, and Prometheus connects"):
        kind.parse("udp:9100")
