"""Where browsers connect: a wrong place is one sentence with a right one."""

from pathlib import Path

import pytest

from logsrv.kit.connections.guard import GuardPolicy
from logsrv.kit.web.endpoints import web_endpoint_kind, web_guard_policy

KIND = web_endpoint_kind(8080)


def test_endpoints_for_connections_are_accepted():
    assert str(KIND.parse("tcp:80:interface=127.0.0.1")) == "tcp:80:interface=127.0.0.1"
    assert KIND.locate is not None
    assert str(KIND.locate(KIND.parse("unix:web"), Path("/run"))) == "unix:/run/web"
    assert "tcp:8080:interface=127.0.0.1" in KIND.accepted


@pytest.mark.parametrize("text", ["udp:8080", "unixgram:/run/web", "stdin:"])
def test_endpoints_without_connections_are_refused(text):
    with pytest.raises(ValueError, match=r"browsers connect; take for instance tcp:8080:interface"):
        KIND.parse(text)


def test_the_numbers_for_peers_are_not_for_browsers():
    """Six connections of a browser, and live views that say nothing for hours, are no misuse."""
    networks = GuardPolicy(max_connections_per_peer=1, idle_timeout=1, log_connections=True)
    rules = web_guard_policy(networks, 100)
    assert rules.max_connections_per_peer is None and rules.idle_timeout is None
    assert rules.max_connections == 100 and rules.log_connections
