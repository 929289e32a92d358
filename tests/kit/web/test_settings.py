"""The options of web listeners."""

from __future__ import annotations

import pytest

from logsrv.kit.net.guard.guard import ConnectionSettings
from logsrv.kit.options.declare import options_of
from logsrv.kit.web.settings import MonitorSettings, web_rules


def test_the_numbers_for_peers_are_not_for_browsers() -> None:
    """Six connections of a browser, and live views that say nothing for hours, are no misuse."""
    networks = ConnectionSettings(max_connections_per_peer=1, idle_timeout=1, log_connections=True)
    rules = web_rules(networks, 100)
    assert rules.max_connections_per_peer is None and rules.idle_timeout is None
    assert rules.max_connections == 100 and rules.log_connections


def test_figures_are_told_where_there_are_connections() -> None:
    kind = options_of(MonitorSettings)["metrics"].kind
    assert str(kind.parse("unix:/run/shout.metrics")) == "unix:/run/shout.metrics"
    with pytest.raises(ValueError, match="udp: takes no connections, and Prometheus connects"):
        kind.parse("udp:9100")
