"""--inspect of real services over real sockets."""

import socket
import stat
import subprocess
from pathlib import Path

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.daemons import LOOPBACK, Twistd, reload
from tests.parts.programs import program


def look(path: Path, *commands: str) -> str:
    """What nc shows of these commands."""
    done = subprocess.run(
        [program("nc", "netcat-openbsd"), "-N", "-U", str(path)],
        input="".join(f"{command}\n" for command in commands),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("greet", ("--listen", LOOPBACK, "--stay")),
        ("logsrv", ("--listen", LOOPBACK)),
        ("gopher", ("--gateway", LOOPBACK)),
    ],
)
def test_nc_sees_who_is_connected_to_any_service(name, more, tmp_path):
    path = tmp_path / "inspect"
    with Twistd(name, *more, "--inspect", f"unix:{path}", directory=tmp_path) as server:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with socket.create_connection(("127.0.0.1", server.port()), PATIENCE) as peer:
            host, port = peer.getsockname()
            server.wait_until(lambda: f"tcp:{host}:{port}" in look(path, "connections"), "the peer")
            shown = look(path, "status", "counters connections_open", "tasks", "stacks", "quit")
        for part in (
            "ready",
            f"{{listener={LOOPBACK}}} 1",
            "0 tasks",
            "thread MainThread",
            "Goodbye",
        ):
            assert part in shown
        # One who leaves his session half-way and one who says nothing keep no stop waiting.
        with socket.socket(socket.AF_UNIX) as silent, socket.socket(socket.AF_UNIX) as halfway:
            silent.connect(str(path))
            halfway.connect(str(path))
            halfway.sendall(b"connec")
            server.stop()
        assert "0 connections cut off" in server.log()
    assert not path.exists()


@pytest.mark.slow
def test_a_set_log_level_works_and_a_reload_removes_python_and_the_place(tmp_path):
    path = tmp_path / "inspect"
    config = tmp_path / "greet.toml"
    before = f"listen = '{LOOPBACK}'\ninspect = 'unix:{path}'\n"
    config.write_text(before + "inspect-python = true\n")
    with Twistd("greet", "--config", str(config), directory=tmp_path) as server:
        server.wait_for_log("can do whatever the service can")
        assert "'greet'" in look(path, "python", "service.name")
        server.wait_for_log("has a Python prompt")
        config.write_text(before)
        reload(server)
        assert "without --inspect-python" in look(path, "python", "service.name")
        assert "everything: error and above" in look(path, "log error")
        with socket.create_connection(("127.0.0.1", server.port()), PATIENCE) as peer:
            peer.recv(100)
            said = look(path, "log debug")
            assert "everything: debug and above" in said
            assert f"tcp:127.0.0.1:{peer.getsockname()[1]}" not in server.log()
        config.write_text(f"listen = '{LOOPBACK}'\n")
        reload(server)
        server.wait_until(lambda: not path.exists(), "the end of the socket")
