"""The options of a plugin: the author's and the kit's, in one class."""

import attrs
import pytest

from logsrv.kit import (
    FLAG,
    TEXT,
    ConfigurationError,
    DatagramLines,
    LineProtocol,
    option,
    protocol_plugin,
)


@attrs.frozen(kw_only=True)
class Own:
    greeting: str = option("hello", TEXT, "what to say")
    log_connections: bool = option(True, FLAG, "on by default here")


def test_authors_options_beside_the_kits():
    """Both are there; where both declare one, the author's default counts."""
    plugin = protocol_plugin("shout", LineProtocol, Own, listen=("tcp:1", "tcp:2"))
    options = plugin.options()
    options.environment = {"SHOUT_IDLE_TIMEOUT": "5s"}
    options.parseOptions(["--greeting", "hi", "--allow", "10.0.0.0/8"])
    settings = options.settings
    assert (settings.greeting, settings.log_connections, settings.idle_timeout) == ("hi", True, 5.0)
    assert [str(endpoint) for endpoint in settings.listen] == ["tcp:1", "tcp:2"]
    assert settings.allow[0].prefixlen == 8


class Datagrams(DatagramLines):
    """Nobody stays connected to it."""


def test_options_of_connections_for_datagrams():
    """What means nothing to datagrams is not offered, and nothing goes by it; unless both are served."""
    only = protocol_plugin("only", Datagrams, listen="udp:1")
    both = protocol_plugin("both", LineProtocol, datagrams=Datagrams)
    for word in ("--max-connections ", "--max-connections-per-peer ", "--idle-timeout "):
        assert word not in str(only.options())
        assert word in str(both.options())
    assert "--deny" in str(only.options())
    options = only.options()
    options.environment = {}
    with pytest.raises(ConfigurationError, match="no such option"):
        options.parseOptions(["--idle-timeout", "5s"])
    options = only.options()
    options.environment = {}
    options.parseOptions(["--metrics", "tcp:0:interface=127.0.0.1"])
    assert options.settings.idle_timeout is None
