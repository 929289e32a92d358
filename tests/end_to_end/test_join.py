"""--join on the real daemon: stack traces from nc are one line each, and a reload switches that."""

import signal
import socket
import subprocess
from pathlib import Path

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.daemons import Twistd, reload
from tests.parts.ports import free_port
from tests.parts.stack_traces import JOINED, TRACE

pytestmark = pytest.mark.slow


def messages(directory: Path) -> list[bytes]:
    found = (directory / "logs" / "current.log").read_bytes()
    return [line.split(b" ", 2)[2] + b"\n" for line in found.splitlines()]


def test_traces_of_connections_that_write_at_once_and_a_reload_that_switches_joining(tmp_path):
    port = free_port()
    config = tmp_path / "c.toml"

    def configure(join: str) -> None:
        config.write_text(
            f'directory = "logs"\n[[listener]]\nlisten = "tcp:{port}:interface=127.0.0.1"\njoin = {join}\n'
        )

    configure("true")
    with Twistd("logsrv", "--config", str(config), directory=tmp_path) as server:
        peers = [
            subprocess.Popen(["nc", "-N", "127.0.0.1", str(port)], stdin=subprocess.PIPE)
            for _ in range(3)
        ]
        for line in TRACE.splitlines(keepends=True):
            for peer in peers:
                assert peer.stdin
                peer.stdin.write(line)
                peer.stdin.flush()
        # Nobody sends more: the records are there after a second.
        server.wait_until(lambda: messages(tmp_path) == [JOINED] * 3, "the records")
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as before:
            configure("false")
            reload(server)
            for line in TRACE.splitlines(keepends=True):
                before.sendall(line)
            with socket.create_connection(("127.0.0.1", port), PATIENCE) as after:
                after.sendall(TRACE)
                server.wait_until(lambda: len(messages(tmp_path)) == 7, "both")
        assert sorted(messages(tmp_path)) == sorted([*[JOINED] * 4, *TRACE.splitlines(True)])
        for peer in peers:
            peer.communicate(timeout=PATIENCE)
        configure("true")
        reload(server)
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as last:
            last.sendall(TRACE + TRACE[:8])
            server.wait_until(lambda: len(messages(tmp_path)) >= 8, "the first record")
            server.send_signal(signal.SIGTERM)
            server.wait(PATIENCE)
    assert messages(tmp_path)[7:] == [JOINED, TRACE[:8] + b"\n"]
