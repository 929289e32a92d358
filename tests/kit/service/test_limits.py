"""The limits of a plugin: only those that it can keep, and a class's own is the most."""

from __future__ import annotations

import attrs
import pytest
from twisted.internet.protocol import Protocol

from logsrv.errors import ConfigurationError
from logsrv.kit import SIZE, DatagramLines, FrameProtocol, LineProtocol, option, protocol_plugin
from logsrv.kit.testing import MemoryService


class Short(LineProtocol):
    max_line = 10

    def line_received(self, line: str) -> None:
        self.send_line(line)


def offered(protocol: object) -> set[str]:
    """The limits in the plugin's --help."""
    help = protocol_plugin("plugin", protocol).options().getUsage()  # type: ignore[call-overload]
    return {name for name in ("--max-line", "--max-frame") if name in help}


async def stream(connection: object) -> None: ...


def test_a_limit_is_offered_only_to_protocols_that_use_it() -> None:
    assert offered(LineProtocol) == offered(stream) == offered(DatagramLines) == {"--max-line"}
    assert offered(FrameProtocol) == {"--max-frame"}
    assert offered(Protocol) == set()


def test_the_limit_of_the_class_is_the_default() -> None:
    assert MemoryService(Short).service.settings.max_line == 10
    assert MemoryService(LineProtocol).service.settings.max_line == 65536


def test_a_smaller_limit_of_the_operator_wins() -> None:
    peer = MemoryService(Short, "--max-line", "5").connect()
    peer.feed(b"12345\r\n123456\r\n")
    assert peer.received() == b"12345\r\na line is longer than 5 bytes; closing the connection\r\n"


def test_a_larger_limit_of_the_operator_is_refused() -> None:
    """It would change nothing: the author's code counts on the limit."""
    with pytest.raises(ConfigurationError) as refused:
        MemoryService(Short, "--max-line", "1KiB")
    assert str(refused.value) == (
        "plugin: --max-line is 1024 bytes; this protocol allows at most 10"
    )


def test_an_option_of_the_authors_own_is_left_as_it_is() -> None:
    @attrs.frozen(kw_only=True)
    class Own:
        max_line: int = option("8", SIZE, "how much fits on the display")

    plugin = protocol_plugin("plugin", Short, Own)
    assert "how much fits on the display" in plugin.options().getUsage()
    assert MemoryService(plugin).service.settings.max_line == 8
