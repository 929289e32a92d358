"""`logsrv serve`: the first minute after `pip install`, without a checkout."""

import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from logsrv.kit.net.peer_user import tells_users
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.store.lock import locked
from tests.parts.at_terminal import AtTerminal
from tests.parts.commands import LOGSRV, logsrv
from tests.parts.ports import free_port
from tests.parts.waits import line_of
from tests.parts.web_clients import Client


@pytest.mark.slow
@pytest.mark.parametrize("how", ["Ctrl-C", "kill"])
def test_a_line_is_shown_found_and_kept_and_the_page_is_open_to_its_user(how, tmp_path):
    place, port = tmp_path / "tried", free_port()
    words = (*LOGSRV, "serve", "--keep-days", "7", "--port", str(port), "--directory", str(place))
    with AtTerminal(*words, environment={}) as terminal:
        terminal.expect("logsrv is ready")
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
            connection.sendall(b"hello of the first minute\n")
        terminal.expect("hello of the first minute")
        page = re.search(r"The live page: http://127\.0\.0\.1:(\d+)/", terminal.text())
        assert page
        if tells_users():
            assert Client(int(page[1])).ask("/").status == 200
        if how == "Ctrl-C":
            terminal.type("\x03")
        else:
            os.kill(terminal.process.pid, signal.SIGTERM)
        terminal.wait()
        said = terminal.text().replace("\r", "")
    assert f"logsrv serve: stopped. All lines are in {place}/" in said
    assert terminal.process.returncode == 0
    found = logsrv("search", "--directory", str(place), "first minute", "--output", "raw")
    assert found.stdout == b"hello of the first minute\n"


@pytest.mark.slow
def test_a_server_whose_lines_nobody_reads_any_more_is_stopped(tmp_path):
    """As after `logsrv serve | head`."""
    place, port = tmp_path / "tried", free_port()
    words = (*LOGSRV, "serve", "--port", str(port), "--directory", str(place))
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as serving:
        while b"logsrv is ready" not in line_of(serving.stdout):
            pass
        assert serving.stdout
        serving.stdout.close()
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
            connection.sendall(b"nobody reads this\n")
        serving.wait(PATIENCE)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), PATIENCE).close()


def test_a_directory_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    done = logsrv("serve", "--directory", str(tmp_path / "file/lines"))
    assert done.returncode == 1
    said = f"logsrv serve: --directory {tmp_path}/file/lines: Not a directory\n"
    assert done.stderr.decode() == said


def test_an_option_that_the_server_does_not_know_is_told(tmp_path):
    place = tmp_path / "lines"
    done = logsrv("serve", "--directory", str(place), "--port", str(free_port()), "--lisen", "x")
    assert done.returncode == 1
    assert b"lisen" in done.stdout + done.stderr


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="tells by /proc/locks")
@pytest.mark.parametrize(("called", "how"), [("logsrv serve", "--directory DIR"), ("make run", "make run ARGS='--directory DIR'")])  # fmt: skip # noqa: E501
def test_a_directory_that_another_process_serves_is_told_before_anything_else(
    tmp_path, called, how
):
    """Not after the addresses, which look as if this one listened there."""
    with locked(tmp_path):
        done = logsrv("serve", "--called", called, "--directory", str(tmp_path))
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode() == (
        f"logsrv serve: process {os.getpid()} serves {tmp_path}/ already; end it, or keep the lines "
        f"of this one in another directory: {how}\n"
    )
