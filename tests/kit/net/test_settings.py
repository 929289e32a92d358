"""The options that every service has."""

from logsrv.kit.net.settings import ConnectionSettings
from logsrv.kit.options.usage import usage_options


def test_what_the_guard_is_told() -> None:
    options = usage_options(ConnectionSettings, name="test", version="1")()
    options.parseOptions(
        ["--allow", "10.0.0.0/8", "--allow", "::1", "--deny", "10.1.0.0/16", "--max-connections",
         "7", "--max-connections-per-peer", "2", "--idle-timeout", "1m"]
    )  # fmt: skip
    policy = options.settings.guard_policy
    assert [str(network) for network in policy.allow] == ["10.0.0.0/8", "::1/128"]
    assert [str(network) for network in policy.deny] == ["10.1.0.0/16"]
    assert (policy.max_connections, policy.max_connections_per_peer) == (7, 2)
    assert policy.idle_timeout == 60


def test_by_default_everyone_may_connect() -> None:
    policy = ConnectionSettings().guard_policy
    assert not policy.allow and not policy.deny
    assert policy.max_connections is policy.idle_timeout is None
