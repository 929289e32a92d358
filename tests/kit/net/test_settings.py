"""The options about connections that every service has."""

import attrs
from twisted.internet.task import Clock

from logsrv.kit.net.guard import DENIED, Guard, GuardPolicy
from logsrv.kit.net.guarded_factory import GuardedFactory
from logsrv.kit.net.settings import ConnectionSettings
from logsrv.kit.observe.metrics import Metrics
from logsrv.kit.options.declare import options_of
from logsrv.kit.options.usage import usage_options
from tests.kit.net.network import NotingFactory


def settings(*arguments: str) -> ConnectionSettings:
    options = usage_options(ConnectionSettings, name="test", version="1")()
    options.parseOptions(arguments)
    return options.settings


def test_what_the_operator_sets_is_what_the_guard_goes_by() -> None:
    """The settings object itself, with nothing copied in between."""
    found = settings(
        "--allow", "10.0.0.0/8", "--allow", "::1", "--deny", "10.1.0.0/16", "--max-connections",
        "7", "--max-connections-per-peer", "2", "--idle-timeout", "1m",
    )  # fmt: skip
    assert [str(network) for network in found.allow] == ["10.0.0.0/8", "::1/128"]
    assert (found.max_connections, found.max_connections_per_peer) == (7, 2)
    assert found.idle_timeout == 60
    assert Guard(found).admit("10.1.0.1") is DENIED
    listener = GuardedFactory(
        NotingFactory(), label="in", policy=found, clock=Clock(), metrics=Metrics()
    )
    assert listener.idle_timeout == 60


def test_every_rule_of_the_guard_is_an_option() -> None:
    """A rule that were added to the guard alone could not be set by anybody."""
    rules = {field.name for field in attrs.fields(GuardPolicy)}
    assert set(options_of(GuardPolicy)) == rules
    assert set(options_of(ConnectionSettings)) == rules | {"log_connections"}


def test_by_default_everyone_may_connect() -> None:
    found = ConnectionSettings()
    assert not found.allow and not found.deny
    assert found.max_connections is found.idle_timeout is None
