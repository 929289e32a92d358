"""The parent, when its children do not do as they should. (When they do: test_run.)"""

import signal
import socket

import pytest

from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.cli.conftest import LOOPBACK, SERVES, SHOUT, WHISPER, ask
from tests.parts.at_terminal import AtTerminal
from tests.parts.commands import LOGSRV

pytestmark = pytest.mark.slow


def test_a_file_that_never_ends_loading_can_be_saved_again(running, tmp_path):
    """The one of before serves all the time."""
    file = tmp_path / "shout.py"
    file.write_text(SHOUT)
    server = running(file, *LOOPBACK).ready()
    begun = tmp_path / "begun"
    file.write_text(f"open({str(begun)!r}, 'w').close()\nimport time\ntime.sleep(1000)\n")
    wait_until(begun.exists, "its beginning")
    assert ask(server.port, "Hello") == "HELLO"
    file.write_text(WHISPER)
    server.wait_for(SERVES)
    assert ask(server.port, "Hello") == "hello"


def test_a_second_ctrl_c_does_not_wait(running, tmp_path):
    """A plugin that does not end is ended."""
    file = tmp_path / "stubborn.py"
    file.write_text(
        "import signal\n"
        "async def handle(connection):\n"
        "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "    connection.send_line('ignored')\n"
    )
    server = running(file, *LOOPBACK).ready()
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        assert connection.makefile().readline() == "ignored\n"
    server.process.send_signal(signal.SIGINT)
    server.wait_for("Ctrl-C once more")
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(PATIENCE) == 0


def test_the_parent_ends_with_its_terminal(shout):
    """When the window is closed nobody is there to end it."""
    with AtTerminal(*LOGSRV, "run", str(shout), *LOOPBACK, environment={}) as terminal:
        terminal.expect("serves; save it")
        terminal.hang_up()
        terminal.process.wait(PATIENCE)


def test_under_nohup_the_parent_outlives_its_terminal(shout):
    """SIGHUP, which nohup means to survive, reads the configuration again."""
    log = shout.with_suffix(".log")
    command = f'exec nohup "$@" > {log} 2>&1'
    words = ("sh", "-c", command, "sh", *LOGSRV, "run", str(shout), *LOOPBACK)
    with AtTerminal(*words, environment={}) as terminal:
        wait_until(lambda: log.exists() and "serves; save it" in log.read_text(), "its beginning")
        terminal.hang_up()
        wait_until(lambda: "was started again" in log.read_text(), "the next one")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.process.wait(PATIENCE) == 0
