"""The options of a plugin: the author's and the kit's, in one class."""

from __future__ import annotations

import attrs
import pytest

from logsrv.errors import StartError
from logsrv.kit import FLAG, TEXT, LineProtocol, option, protocol_plugin
from logsrv.kit.service.make import make_service, settings_class, usage_class


@attrs.frozen(kw_only=True)
class Own:
    greeting: str = option("hello", TEXT, "what to say")
    log_connections: bool = option(True, FLAG, "on by default here")


def test_authors_options_beside_the_kits() -> None:
    """Both are there; where both declare one, the author's default counts."""
    plugin = protocol_plugin("shout", LineProtocol, Own, listen=("tcp:1", "tcp:2"))
    options = usage_class(plugin)()
    options.environment = {"SHOUT_IDLE_TIMEOUT": "5s"}
    options.parseOptions(["--greeting", "hi", "--allow", "10.0.0.0/8"])
    settings = options.settings
    assert (settings.greeting, settings.log_connections, settings.idle_timeout) == ("hi", True, 5.0)
    assert [str(endpoint) for endpoint in settings.listen] == ["tcp:1", "tcp:2"]
    assert settings.allow[0].prefixlen == 8


def test_settings_are_frozen() -> None:
    settings = settings_class(protocol_plugin("shout", LineProtocol, Own))()
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        settings.greeting = "changed"


@pytest.mark.parametrize(
    ("protocol", "sentence"),
    [
        ("no name", "is no name such as package.module:Name"),
        ("logsrv.kit.protocols.lines:Missing", "there is no logsrv.kit.protocols.lines:Missing"),
        (3, "neither a Protocol class nor a function"),
        (dict, "neither a Protocol class nor a function"),
        (type("Odd", (LineProtocol,), {"encoding": "utf-16"}), "encoding is 'utf-16'"),
    ],
)
def test_what_cannot_be_served(protocol: object, sentence: str) -> None:
    """It is one sentence when the service is made, before anything is opened."""
    plugin = protocol_plugin("shout", protocol)
    options = usage_class(plugin)()
    options.parseOptions([])
    with pytest.raises(StartError, match=sentence):
        make_service(plugin, options, reactor=_Clock())


class _Clock:
    def seconds(self) -> float:
        return 0.0
