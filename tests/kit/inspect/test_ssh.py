"""--inspect ssh: with a real OpenSSH client."""

import builtins
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("twisted.conch.ssh.keys", reason="pip install 'logsrv[inspect]'")

from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import LogLevel, capturedLogs, formatEvent

from logsrv.errors import ConfigurationError
from logsrv.installation import how_to_install
from logsrv.kit.inspect._session import SessionSettings
from logsrv.kit.inspect.inspect_settings import OperatorSettings, parse_inspect_endpoint
from logsrv.kit.service._operator_sites import operator_sites
from logsrv.kit.testing.patience import PATIENCE
from tests.kit.inspect.looked import looked_into
from tests.parts.daemons import LOOPBACK, Twistd, reload
from tests.parts.programs import program


class Inside:
    """A service that can be looked into by SSH, and an operator with a key."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for name in ("id", "other"):
            subprocess.run(
                [program("ssh-keygen", "openssh-client"), "-qt", "ed25519", "-N", "", "-f", name],
                cwd=directory,
                check=True,
                timeout=PATIENCE,
            )
        self.keys = directory / "keys"
        self.keys.write_bytes((directory / "id.pub").read_bytes())
        where = "ssh:0:interface=127.0.0.1:keys=keys:hostKey=host"
        self.server = Twistd(
            "greet", "--stay", "--listen", LOOPBACK, "--inspect", where, directory=directory
        )

    def ssh(self, *words: str, key: str = "id") -> list[str]:
        return [
            program("ssh", "openssh-client"), "-F", "none", "-i", str(self.directory / key),
            "-p", str(self.server.ports()[-1]), "-o", "StrictHostKeyChecking=accept-new",
            "-o", f"UserKnownHostsFile={self.directory}/known", "-o", "IdentitiesOnly=yes",
            "-o", "BatchMode=yes", "-o", "IdentityAgent=none", *words,
        ]  # fmt: skip

    def run(
        self, *words: str, typed: str = "", key: str = "id"
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.ssh(*words, key=key), input=typed, capture_output=True, text=True, timeout=PATIENCE
        )


@pytest.fixture
def inside(tmp_path: Path) -> Iterator[Inside]:
    found = Inside(tmp_path)
    with found.server:
        yield found


@pytest.mark.slow
def test_ssh_runs_a_command_and_a_terminal(inside):
    with socket.create_connection(("127.0.0.1", inside.server.port()), PATIENCE) as peer:
        peer.recv(100)
        name = f"tcp:127.0.0.1:{peer.getsockname()[1]}"
        done = inside.run("127.0.0.1", "connections", name)
        assert (done.returncode, done.stdout.splitlines()[1:]) == (0, ["1 connections"])
        done = inside.run("-tt", "127.0.0.1", typed="connecx\x7ftions\r\x1b[A\rquit\r")
        assert done.returncode == 0
        assert done.stdout.count(name) == 2 and "\n> quit\nGoodbye.\n" in done.stdout
    assert (inside.directory / "host").stat().st_mode & 0o777 == 0o600
    inside.server.wait_for_log("has logged in")
    assert "Traceback" not in inside.server.log()


@pytest.mark.slow
def test_a_session_without_a_terminal_is_told_how_to_get_one(inside):
    done = inside.run("-T", "127.0.0.1", typed="connections\n")
    assert (done.returncode, done.stdout) == (1, "")
    assert "ssh HOST COMMAND answers one command" in done.stderr


@pytest.mark.slow
def test_only_a_listed_key_may_log_in_also_after_a_reload(inside):
    done = inside.run("127.0.0.1", "status", key="other")
    assert done.returncode == 255 and "Permission denied (publickey)" in done.stderr
    inside.keys.write_bytes(b"nonsense\n")
    reload(inside.server, "line 1 is no public key")
    assert inside.run("127.0.0.1", "status").returncode == 0
    inside.keys.write_bytes((inside.directory / "other.pub").read_bytes())
    reload(inside.server)
    assert inside.run("127.0.0.1", "status").returncode == 255
    assert "healthy" in inside.run("127.0.0.1", "status", key="other").stdout


@pytest.mark.slow
def test_ssh_offers_sessions_and_nothing_else(inside):
    """No forwarding to what only this machine reaches, no Python, no files."""
    done = inside.run("-W", f"127.0.0.1:{inside.server.port()}", "127.0.0.1")
    assert done.returncode != 0 and "unknown channel" in done.stderr
    assert inside.run("-s", "127.0.0.1", "sftp").returncode != 0
    assert "without --inspect-python" in inside.run("127.0.0.1", "python").stdout
    assert "Traceback" not in inside.server.log()


@pytest.mark.slow
def test_a_client_that_floods_and_never_reads_harms_nobody(inside):
    client = subprocess.Popen(
        inside.ssh("-tt", "127.0.0.1"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    )
    assert client.stdin is not None and client.stdout is not None

    def flood() -> None:
        try:
            client.stdin.write(b"help\r" * 2_000_000)  # type: ignore[union-attr]
        except OSError:
            return

    typing = threading.Thread(target=flood)
    typing.start()
    client.stdout.read(100_000)
    before = memory(inside.server.pid)
    for _ in range(5):
        assert "healthy" in inside.run("127.0.0.1", "status").stdout
    assert memory(inside.server.pid) - before < 32 * 1024
    # Also a stop does not wait for it.
    inside.server.stop()
    client.wait(PATIENCE)
    typing.join(PATIENCE)
    client.stdin.close()
    client.stdout.close()
    assert "stopped" in inside.server.log() and "Traceback" not in inside.server.log()


def server_in_memory(clock: Clock, directory: Path) -> Any:
    from logsrv.kit.inspect._ssh import SSHServer, host_key

    _, service = looked_into(clock=clock)
    server = SSHServer(service, "inspect", SessionSettings(), host_key(directory / "host"))
    server.doStart()
    return server


def connected(server: Any) -> tuple[Any, StringTransport]:
    """A client that has just connected: our side of it, and its transport."""
    address = IPv4Address("TCP", "192.0.2.1", 5)
    protocol, transport = server.buildProtocol(None), StringTransport(peerAddress=address)
    protocol.makeConnection(transport)
    return protocol, transport


def test_strangers_who_send_nonsense_are_cut_off_without_a_traceback(tmp_path):
    clock = Clock()
    server = server_in_memory(clock, tmp_path)
    with capturedLogs() as events:
        for _ in range(2):
            protocol, transport = connected(server)
            # A beginning of a key exchange that breaks off.
            protocol.dataReceived(b"SSH-2.0-x\r\n" + b"\0\0\0\x0c\x06\x14" + bytes(10))
            assert transport.disconnected
            protocol.connectionLost()
    [said] = [formatEvent(event) for event in events if event["log_level"] >= LogLevel.warn]
    assert "192.0.2.1: it sent an invalid SSH packet" in said
    assert not clock.getDelayedCalls()


def test_compression_is_not_offered(tmp_path):
    """A thousand times as much memory as they send would be theirs, before they log in."""
    _, transport = connected(server_in_memory(Clock(), tmp_path))
    assert b"curve25519" in transport.value() and b"zlib" not in transport.value()


def test_a_client_that_does_not_log_in_is_cut_off(tmp_path):
    """Also before the first byte: nobody may take all the places and keep them."""
    from logsrv.kit.inspect._ssh import LOGIN_SECONDS

    clock = Clock()
    protocol, transport = connected(server_in_memory(clock, tmp_path))
    clock.advance(LOGIN_SECONDS - 1)
    assert not transport.disconnected
    clock.advance(1)
    assert transport.disconnected
    protocol.connectionLost()
    assert not clock.getDelayedCalls()


def memory(pid: int) -> int:
    """The resident memory of a process, in KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def test_without_conch_a_sentence_says_what_to_install(monkeypatch):
    def no_conch(name: str, *more: Any) -> Any:
        names = more[2] or () if len(more) > 2 else ()
        if name.startswith("twisted.conch") or (name == "logsrv.kit.inspect" and "_ssh" in names):
            raise ModuleNotFoundError(name)
        return imported(name, *more)

    imported = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", no_conch)
    settings = OperatorSettings(inspect=(parse_inspect_endpoint("ssh:0:keys=k:hostKey=h"),))
    with pytest.raises(ConfigurationError, match=re.escape(how_to_install("inspect"))):
        operator_sites(looked_into()[1], settings)
