"""The options by which an operator looks at a service."""

import pytest

from logsrv.kit import LineProtocol, protocol_plugin
from logsrv.kit.inspect.inspect_settings import OperatorSettings
from logsrv.kit.options.declare import options_of


def test_any_plugin_has_these_options_off_by_default():
    options = protocol_plugin("shout", LineProtocol).options()
    options.environment = {}
    options.parseOptions([])
    assert options.settings.inspect == options.settings.metrics == ()
    assert options.settings.inspect_python is False


def test_a_place_for_metrics_must_take_connections():
    kind = options_of(OperatorSettings)["metrics"].kind
    assert str(kind.parse("unix:/run/shout.metrics")) == "unix:/run/shout.metrics"
    with pytest.raises(ValueError, match="udp: takes no connections, and Prometheus connects"):
        kind.parse("udp:9100")
