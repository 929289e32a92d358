"""The process that serves, as its parent sees it."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from logsrv.cli.running.channel import MessageChannel
from logsrv.cli.running.child import CANNOT_START, NOT_RUNNABLE, local
from tests.cli.command import DEADLINE

SHOUT = "from logsrv.kit import LineProtocol\nclass Shout(LineProtocol): pass\n"

LATER = """
import asyncio
from logsrv.kit import LineProtocol

class Later(LineProtocol):
    async def line_received(self, line):
        await asyncio.sleep(0.001)
        self.send_line(line.upper())
"""


def child(
    file: Path, *options: str, reactor: str = ""
) -> tuple[subprocess.Popen[bytes], MessageChannel]:
    ours, theirs = socket.socketpair()
    process = subprocess.Popen(
        [
            *(sys.executable, "-P", "-m", "logsrv.cli.running.child"),
            *(str(theirs.fileno()), "{}", "false", reactor, str(file), *options),
        ],
        pass_fds=[theirs.fileno()],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    theirs.close()
    return process, MessageChannel(ours)


@pytest.mark.parametrize(
    ("code", "options", "status"),
    [("x = (", [], NOT_RUNNABLE), (SHOUT, ["--listen", "nowhere"], CANNOT_START)],
)
def test_whose_fault_it_is(tmp_path: Path, code: str, options: list[str], status: int) -> None:
    """A file can be repaired and saved; options stay as they are."""
    file = tmp_path / "shout.py"
    file.write_text(code)
    process, channel = child(file, *options)
    assert channel.receive() == {"files": [str(file)]}
    assert channel.receive() is None
    assert process.wait(DEADLINE) == status
    channel.close()


def test_asyncio_is_awaited_where_its_reactor_was_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "later.py"
    file.write_text(LATER)
    process, channel = child(file, "--listen", "tcp:0:interface=127.0.0.1", reactor="asyncio")
    assert channel.receive() == {"files": [str(file)]}
    assert channel.receive() == {"loaded": False}
    channel.send("go")
    serving = channel.receive()
    assert serving is not None and serving["serving"] == ["tcp:127.0.0.1:0"]
    (descriptor,) = channel.take_descriptors()
    with socket.socket(fileno=descriptor) as listening:
        peer = socket.create_connection(listening.getsockname(), DEADLINE)
    with peer:
        peer.sendall(b"hello\n")
        assert peer.makefile("rb").readline() == b"HELLO\r\n"
    channel.close()
    assert process.wait(DEADLINE) == 0


def test_it_serves_when_it_is_told_to_and_no_longer_than_its_parent(tmp_path: Path) -> None:
    file = tmp_path / "shout.py"
    file.write_text(SHOUT)
    process, channel = child(file, "--listen", "tcp:0:interface=127.0.0.1")
    assert channel.receive() == {"files": [str(file)]}
    assert channel.receive() == {"loaded": False}
    channel.send("go")
    assert (serving := channel.receive()).pop("at")
    assert serving == {"serving": ["tcp:127.0.0.1:0"]}
    (descriptor,) = channel.take_descriptors()
    with socket.socket(fileno=descriptor) as listening:
        socket.create_connection(listening.getsockname(), DEADLINE).close()
    channel.close()
    assert process.wait(DEADLINE) == 0


def test_what_is_worth_watching(tmp_path: Path) -> None:
    """What the author wrote, not what is installed."""
    own = tmp_path / "voice.py"
    own.write_text("")
    files = {str(own), socket.__file__, None, "<frozen x>", str(tmp_path / "gone.py")}
    assert local(files, tmp_path) == {str(own)}
