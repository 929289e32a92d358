"""The options by which an operator looks at a service."""

from __future__ import annotations

from logsrv.kit import LineProtocol, protocol_plugin


def test_a_strangers_plugin_has_them_and_they_are_off() -> None:
    options = protocol_plugin("shout", LineProtocol).options()
    options.environment = {}
    options.parseOptions([])
    assert options.settings.inspect == options.settings.metrics == ()
    assert options.settings.inspect_python is False
