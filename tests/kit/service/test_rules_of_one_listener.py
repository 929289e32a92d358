"""Limits of one listener of two, in a plugin whose listeners have no names."""

from pathlib import Path

import attrs
import pytest

from logsrv.errors import ConfigurationError
from logsrv.kit import TEXT, LineProtocol, option, protocol_plugin
from logsrv.kit.testing import MemoryPeer, MemoryService

ONE_OF_TWO = """
idle-timeout = "1h"

[[listener]]
listen = "tcp:1"
max-connections = 1
max-line = 10
tell-refused = true

[[listener]]
listen = "tcp:2"
"""


class Shout(LineProtocol):
    """Shouts back."""

    def line_received(self, line: str) -> None:
        self.send_line(line.upper())


SHOUT = protocol_plugin("shout", Shout, listen="tcp:7000")


def served(tmp_path: Path, text: str = ONE_OF_TWO, *arguments: str) -> MemoryService:
    file = tmp_path / "shout.toml"
    file.write_text(text)
    return MemoryService(SHOUT, "--config", str(file), *arguments)


def answer(peer: MemoryPeer, data: bytes = b"a\n") -> bytes:
    peer.feed(data)
    return peer.received()


def test_each_listener_has_the_limits_of_its_table(tmp_path):
    service = served(tmp_path)
    assert answer(service.connect(to="tcp:1")) == b"A\r\n"
    refused = service.connect(to="tcp:1")
    assert refused.closed and b"as many connections as allowed" in refused.received()
    long = b"x" * 11 + b"\n"
    assert [answer(service.connect(to="tcp:2"), long) for _ in range(3)] == [
        long.upper()[:-1] + b"\r\n"
    ] * 3


def test_a_table_inherits_the_limits_above_it(tmp_path):
    service = served(tmp_path)
    peers = [service.connect(to=one) for one in ("tcp:1", "tcp:2")]
    service.clock.advance(2 * 3600)
    assert [one.closed for one in peers] == [True, True]


def test_listen_above_the_tables_listens_too_with_the_general_limits(tmp_path):
    general = 'listen = ["tcp:3"]\nmax-connections = 2\n'
    service = served(tmp_path, general + ONE_OF_TWO)
    peers = [service.connect(to="tcp:3") for _ in range(3)]
    assert [one.closed for one in peers] == [False, False, True]
    assert answer(service.connect(to="tcp:1")) == b"A\r\n"


def test_a_limit_on_the_command_line_is_that_of_all_listeners_and_listen_replaces_the_tables(
    tmp_path,
):
    limited = served(tmp_path, ONE_OF_TWO, "--max-connections", "2")
    peers = [limited.connect(to="tcp:2") for _ in range(3)]
    assert [one.closed for one in peers] == [False, False, True]
    replaced = served(tmp_path, ONE_OF_TWO, "--listen", "tcp:3")
    assert [str(one.endpoint) for one in replaced.listeners] == ["tcp:3"]
    assert not any(replaced.connect().closed for _ in range(3))


def test_a_wrong_limit_names_its_listener(tmp_path):
    class Short(LineProtocol):
        max_line = 10

    file = tmp_path / "short.toml"
    file.write_text('[[listener]]\nlisten = "tcp:1"\nmax-line = 1000\n')
    with pytest.raises(ConfigurationError) as refused:
        MemoryService(protocol_plugin("short", Short, listen="tcp:2"), "--config", str(file))
    assert str(refused.value) == (
        "short: tcp:1: max-line is 1000 bytes; this protocol allows at most 10"
    )


def test_a_reload_changes_the_limit_of_one_listener(tmp_path):
    service = served(tmp_path)
    first = service.connect(to="tcp:1")
    (tmp_path / "shout.toml").write_text(
        ONE_OF_TWO.replace("max-connections = 1", "max-connections = 2")
    )
    service.reload()
    assert answer(first) == b"A\r\n"
    assert answer(service.connect(to="tcp:1")) == b"A\r\n"
    assert service.connect(to="tcp:1").closed


def test_an_option_of_the_author_named_listener_stays_his(tmp_path):
    @attrs.frozen(kw_only=True)
    class Heard:
        listener: str = option("nobody", TEXT, "who listens")

    class Hall(LineProtocol):
        def line_received(self, line: str) -> None:
            self.send_line(self.service.settings.listener)

    file = tmp_path / "hall.toml"
    file.write_text('listener = "ann"\n')
    hall = protocol_plugin("hall", Hall, Heard, listen="tcp:1")
    assert answer(MemoryService(hall, "--config", str(file)).connect()) == b"ann\r\n"
