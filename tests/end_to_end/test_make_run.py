"""`make run` at a terminal: it says what to try, and stops without a word that looks like a fault."""

import os
import re
import shutil
import signal
import sys
from pathlib import Path

import pytest

from logsrv.kit.net.peer_user import tells_users
from tests.parts.at_terminal import AtTerminal
from tests.parts.modules import ROOT
from tests.parts.ports import free_port
from tests.parts.programs import program
from tests.parts.web_clients import Client

pytestmark = pytest.mark.slow

LAST = "make run: stopped. All lines are in logs/; the next make run goes on from there."


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the Makefile and this environment, whose logs/ nobody else has."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copytree(ROOT / ".make", tmp_path / ".make")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    return tmp_path


def running(checkout: Path, **environment: str) -> AtTerminal:
    make = program("make", "make")
    words = (make, "-C", str(checkout), "--no-print-directory", "-o", ".venv/run.ready", "run")
    return AtTerminal(*words, f"PORT={free_port()}", environment=environment)


def page_in(text: str) -> Client:
    port = re.search(r"The live page: http://127\.0\.0\.1:(\d+)/", text)
    assert port
    return Client(int(port[1]))


@pytest.mark.parametrize("how", ["Ctrl-C", "kill"])
def test_make_run_says_after_it_is_stopped_only_that_it_is(how, checkout):
    with running(checkout) as terminal:
        terminal.expect("logsrv is ready")
        if how == "Ctrl-C":
            terminal.type("\x03")
        else:
            os.kill(terminal.process.pid, signal.SIGTERM)
        terminal.wait()
        said = terminal.text().replace("\r", "").rstrip()
    # Seldom make itself has a last word on its own wait, about a child that is gone.
    before, _, after = said.partition(LAST)
    assert before.endswith("0 connections cut off\n")
    assert "Error" not in after and "Terminated" not in after
    assert (checkout / "logs").stat().st_mode & 0o777 == 0o750, (
        "others on the machine read the lines"
    )


@pytest.mark.skipif(not tells_users(), reason="this system does not tell users")
def test_the_page_is_open_to_its_user_who_can_save_boards_and_alerts(checkout):
    with running(checkout) as terminal:
        terminal.expect("logsrv is ready")
        client = page_in(terminal.text())
        json = {"Content-Type": "application/json"}
        assert client.ask("/").status == 200 and "token" not in terminal.text()
        assert client.ask("/api/saved/mine", json, "PUT", '{"q": "error"}').status == 200
        alert = '{"alert": "level>=error"}'
        assert client.ask("/api/alerts/mine", json, "PUT", alert).status == 200
        terminal.type("\x03")
        terminal.wait()
    assert "mine" in (checkout / "logs/saved.json").read_text()


NO_NETLINK = """
import socket
if hasattr(socket, "AF_NETLINK"):
    del socket.AF_NETLINK
"""


def test_where_the_system_does_not_tell_users_the_page_has_a_token(checkout):
    """As on macOS: the terminal shows an address that logs in once, and the command for another."""
    (checkout / "sitecustomize.py").write_text(NO_NETLINK)
    path = os.pathsep.join([str(checkout), *filter(None, [os.environ.get("PYTHONPATH")])])
    with running(checkout, PYTHONPATH=path) as terminal:
        # It comes once the page listens: after "logsrv is ready", or before it.
        terminal.expect("/login?code=")
        terminal.expect("\n")
        text = terminal.text()
        client = page_in(text)
        assert client.ask("/").status == client.ask("/api/stats").status == 401
        address = re.search(r"http://127\.0\.0\.1:\d+(/login\?code=\S+)", text)
        assert address
        typed = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}
        answer = client.ask(address[1], typed | {"Sec-Fetch-Dest": "document"})
        cookie = answer.headers["set-cookie"].partition(";")[0]
        assert client.ask("/api/stats", {"Cookie": cookie}).status == 200
        assert ".venv/bin/logsrv open --http tcp:" in text
        terminal.type("\x03")
        terminal.wait()
    assert (checkout / "logs/token").stat().st_mode & 0o777 == 0o600
    assert (checkout / "logs").stat().st_mode & 0o777 == 0o700, "there all users are of one group"
