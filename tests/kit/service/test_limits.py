"""The limits of a plugin: only those that it can keep, and a class's own is the most."""

from pathlib import Path

import attrs
import pytest
from twisted.internet.protocol import Protocol

from logsrv.errors import ConfigurationError
from logsrv.kit import (
    SIZE,
    DatagramLines,
    FrameProtocol,
    LengthPrefix,
    LineProtocol,
    option,
    protocol_plugin,
)
from logsrv.kit.testing import MemoryService
from tests.parts.talking import Echo, Short, echo


def offered(protocol: object) -> set[str]:
    """The limits in the plugin's --help."""
    help = protocol_plugin("plugin", protocol).options().getUsage()  # type: ignore[call-overload]
    return {name for name in ("--max-line", "--max-frame") if name in help}


async def stream(connection: object) -> None: ...


def test_a_limit_is_offered_only_to_protocols_that_use_it():
    assert offered(LineProtocol) == offered(stream) == offered(DatagramLines) == {"--max-line"}
    assert offered(FrameProtocol) == {"--max-frame"}
    assert offered(Protocol) == set()


def test_the_limit_of_the_class_is_the_default():
    assert MemoryService(Short).service.settings.max_line == 10
    assert MemoryService(LineProtocol).service.settings.max_line == 65536


def test_a_smaller_limit_of_the_operator_wins():
    peer = MemoryService(Short, "--max-line", "5").connect()
    peer.feed(b"12345\r\n123456\r\n")
    assert peer.received() == b"12345\r\na line is longer than 5 bytes; closing the connection\r\n"


def test_a_larger_limit_of_the_operator_is_refused():
    """It would change nothing: the author's code counts on the limit."""
    with pytest.raises(ConfigurationError) as refused:
        MemoryService(Short, "--max-line", "1KiB")
    assert str(refused.value) == (
        "plugin: --max-line is 1024 bytes; this protocol allows at most 10"
    )


def test_an_option_of_the_authors_own_is_left_as_it_is():
    @attrs.frozen(kw_only=True)
    class Own:
        max_line: int = option("8", SIZE, "how much fits on the display")

    plugin = protocol_plugin("plugin", Short, Own)
    assert "how much fits on the display" in plugin.options().getUsage()
    assert MemoryService(plugin).service.settings.max_line == 8


class Frames(FrameProtocol):
    framing = LengthPrefix(2)
    max_frame = 10

    def frame_received(self, frame: bytes) -> None:
        self.send_frame(frame)


def closed_by(service: MemoryService, size: int, to: str | None = None) -> bool:
    """Whether a frame of this size closes its connection."""
    peer = service.connect(to=to)
    peer.feed(size.to_bytes(2, "big") + b"x" * size)
    return peer.closed


def with_frames(tmp_path: Path, rules: str = "") -> MemoryService:
    """A plugin of lines with a listener `frames`, and a file with this table for it."""
    plugin = protocol_plugin(
        "plugin", LineProtocol, listeners={"frames": Frames}, listen=("tcp:1", "frames:tcp:2")
    )
    config = tmp_path / "plugin.toml"
    config.write_text(f'[[listener]]\nlisten = "frames:tcp:2"\n{rules}' if rules else "")
    return MemoryService(plugin, "--config", str(config))


def test_the_frames_of_a_named_listener_have_the_limit_of_its_class(tmp_path):
    service = with_frames(tmp_path)
    assert not closed_by(service, 10, "frames")
    assert closed_by(service, 11, "frames")


def test_a_table_may_lower_the_limit_of_frames(tmp_path):
    service = with_frames(tmp_path, "max-frame = 5")
    assert not closed_by(service, 5, "frames")
    assert closed_by(service, 6, "frames")


def test_a_reload_changes_the_limit_of_new_connections():
    service = MemoryService(Frames)
    before = service.connect()
    before.feed(b"\0\1a")
    service.reload(max_frame=5)
    before.feed(b"\0\6sixsix")
    assert not before.closed
    assert closed_by(service, 6)


def longest(service: MemoryService, to: str | None = None) -> int:
    """The longest line that is answered, of 5, 50 and 500 bytes."""
    answers = []
    for size in (5, 50, 500):
        peer = service.connect(to=to)
        peer.feed(b"x" * size + b"\n")
        answers.append(peer.received() == b"x" * size + b"\r\n")
    return sum((5, 45, 450)[at] for at, answered in enumerate(answers) if answered)


def with_echoes(tmp_path: Path, text: str = "", *arguments: str) -> MemoryService:
    """A plugin whose main protocol takes short lines, and two of its listeners any."""
    plugin = protocol_plugin(
        "plugin",
        Short,
        listeners={"echo": Echo, "function": echo, "short": Short},
        listen=("tcp:1", "echo:tcp:2", "function:tcp:3", "short:tcp:4"),
    )
    config = tmp_path / "plugin.toml"
    config.write_text(text)
    return MemoryService(plugin, "--config", str(config), *arguments)


def test_the_limit_of_the_main_protocol_bounds_no_other_listener(tmp_path):
    service = with_echoes(tmp_path)
    names = (None, "echo", "function", "short")
    assert [longest(service, name) for name in names] == [5, 500, 500, 5]


def test_a_table_may_raise_the_limit_of_its_listener_alone(tmp_path):
    tables = 'listen = "tcp:1"\n[[listener]]\nlisten = "echo:tcp:2"\nmax-line = 100\n'
    service = with_echoes(tmp_path, tables)
    assert [longest(service, name) for name in (None, "echo")] == [5, 50]


def test_a_limit_for_all_listeners_bounds_each_with_its_own(tmp_path):
    service = with_echoes(tmp_path, "", "--max-line", "5")
    assert longest(service, "echo") == longest(service, "short") == 5


def test_the_limit_for_all_is_refused_by_the_main_protocol_of_several(tmp_path):
    with pytest.raises(ConfigurationError) as refused:
        with_echoes(tmp_path, "max-line = 1000\n")
    assert str(refused.value) == (
        "plugin: --max-line is 1000 bytes; the protocol of listeners without a name allows at most 10"
    )


@pytest.mark.parametrize("place", ["tcp:1", "short:tcp:4"])
def test_a_table_above_the_limit_of_its_class_is_refused_by_name(tmp_path, place):
    with pytest.raises(ConfigurationError) as refused:
        with_echoes(tmp_path, f'[[listener]]\nlisten = "{place}"\nmax-line = 1000\n')
    assert str(refused.value) == (
        f"plugin: {place}: max-line is 1000 bytes; this protocol allows at most 10"
    )


def test_a_dialled_connection_has_no_limit_of_the_main_protocol():
    class Asking(LineProtocol):
        max_line = 10

        async def line_received(self, line: str) -> None:
            far = await self.service.dial("tcp:far:1")
            self.send_line(f"{len(await far.ask())}")

    service = MemoryService(Asking)
    far, peer = service.far("tcp:far:1"), service.connect()
    peer.feed(b"go\n")
    far.peers[0].feed(b"x" * 50 + b"\n")
    assert peer.received() == b"50\r\n"


@pytest.mark.parametrize(("base", "name"), [(Short, "max_line"), (Frames, "max_frame")])
def test_a_limit_of_0_is_refused(base, name):
    with pytest.raises(ConfigurationError, match=f"Wrong.{name} is 0; it has to be 1 or more"):
        MemoryService(type("Wrong", (base,), {name: 0}))
