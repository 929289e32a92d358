"""While a disk hangs, the service manager still gets signs of life, and no line in memory is lost."""

import socket

import pytest

from logsrv.kit.testing import TwistdProcess
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.managers import FakeManager
from tests.parts.powercut.recording import Recording
from tests.powercut.workloads import STORE

pytestmark = pytest.mark.slow


def test_a_disk_that_hangs_does_not_get_the_daemon_killed(tmp_path, shim):
    """Each call of the daemon on a file of the store waits, in any thread, as long as the disk hangs."""
    root = tmp_path / "root"
    root.mkdir()
    recording = Recording(root, shim)
    words = ("--directory", str(root / STORE), "--sync", "always")
    with FakeManager(tmp_path) as manager:
        environment = {
            **recording.environment,
            **manager.environment,
            "WATCHDOG_USEC": "200000",
        }
        listen = ("--listen", "tcp:0:interface=127.0.0.1")
        server = TwistdProcess(
            "logsrv", *words, *listen, directory=tmp_path, environment=environment
        )
        with server:
            manager.ready()
            with recording.between_operations():
                with socket.create_connection(("127.0.0.1", server.port()), PATIENCE) as client:
                    client.sendall(b"in memory\n" * 1000)
                manager.read()
                manager.messages.clear()
                for _ in range(20):
                    manager.wait_for(lambda one: "WATCHDOG" in one, "a sign of life")
                current = root / STORE / "current.log"
                assert b"in memory" not in current.read_bytes()
            server.wait_until(
                lambda: current.read_bytes().count(b"in memory\n") == 1000, "the lines"
            )
            server.stop()
    recording.close()
