"""Starts, reloads and stops as operators and service managers do them."""

import os
import signal
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from logsrv.kit.testing import TWISTD, wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.daemons import LOOPBACK
from tests.parts.ports import free_port
from tests.parts.store_reader import messages

pytestmark = pytest.mark.slow


def test_daemon(tmp_path):
    """`twistd logsrv` without -n returns when it listens, leaves a pid file, and stops on SIGTERM."""
    pidfile, log = tmp_path / "pid", tmp_path / "twistd.log"
    command = [*TWISTD, f"--pidfile={pidfile}", f"--logfile={log}", "logsrv", "--listen", LOOPBACK]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=PATIENCE)
    pid = int(pidfile.read_text())
    try:
        wait_until(lambda: "is ready" in log.read_text(), "the daemon")
        port = int(log.read_text().split(" on tcp 127.0.0.1:")[1].split()[0])
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
            connection.sendall(b"to a daemon\n")
        wait_until(lambda: messages(tmp_path / "logs") == [b"to a daemon"], "the line")
    finally:
        os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not pidfile.exists(), "the daemon's end")


SLOW_START = """
import time
from twisted.application import app

def begins_late(*args, begin=app.runReactorWithLogging):
    time.sleep(1)
    begin(*args)

app.runReactorWithLogging = begins_late
from twisted.scripts.twistd import run
run()
"""


@pytest.mark.parametrize("daemonized", [False, True])
def test_a_stop_as_soon_as_it_is_ready_loses_nothing(tmp_path, daemonized):
    """Before its reactor runs, a signal could end the process and drop waiting connections."""
    log, pidfile = tmp_path / "twistd.log", tmp_path / "pid"
    command = [
        sys.executable, "-c", SLOW_START, *([] if daemonized else ["-n"]),
        f"--logfile={log}", f"--pidfile={pidfile}", "logsrv", "--listen", LOOPBACK,
    ]  # fmt: skip
    with subprocess.Popen(command, cwd=tmp_path) as process:
        if daemonized:
            assert process.wait(PATIENCE) == 0
        wait_until(lambda: log.exists() and "is ready" in log.read_text(), "the daemon")
        port = int(log.read_text().split(" on tcp 127.0.0.1:")[1].split()[0])
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
            connection.sendall(b"early\n")
        os.kill(int(pidfile.read_text()), signal.SIGTERM)
        wait_until(lambda: not pidfile.exists(), "its end")
    assert messages(tmp_path / "logs") == [b"early"]


def test_twist_runs_the_same_service_as_twistd(tmp_path):
    """`twist logsrv` runs the same service."""
    with (tmp_path / "twistd.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "twisted", "logsrv", "--listen", LOOPBACK],
            cwd=tmp_path, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        wait_until(lambda: "is ready" in (tmp_path / "twistd.log").read_text(), "twist")
    finally:
        process.terminate()
        assert process.wait(PATIENCE) in (0, -signal.SIGTERM)


def test_reload_changes_rules_of_a_running_listener(logger, tmp_path):
    config = tmp_path / "logsrv.toml"
    listen = 'listen = "tcp:0:interface=127.0.0.1"\n'
    config.write_text(listen)
    server = logger("--config", str(config), listen=[])
    config.write_text(listen + 'max-line = "10"\nrotate-size = "1MiB"\n')
    server.send_signal(signal.SIGHUP)
    server.wait_for_log("reloaded")
    server.send(b"0123456789abc\n")
    assert server.wait_for_messages(2) == [b"0123456789", b"abc"]


def test_reopening_after_current_log_was_moved(logger):
    """An operator moves current.log away and sends SIGHUP: a new one begins, and no line is lost."""
    server = logger()
    server.send(b"old\n")
    server.wait_for_messages(1)
    moved = server.directory / "moved.log"
    server.current.rename(moved)
    server.send_signal(signal.SIGHUP)
    server.wait_until(server.current.exists, "a new current.log")
    server.send(b"new\n")
    server.wait_for_messages(1)
    assert moved.read_bytes().endswith(b" old\n")
    assert server.current.read_bytes().endswith(b" new\n")


def test_socket_activation(tmp_path):
    """With a socket of the service manager connections wait during a restart, and none is refused."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=50)
    port = listening.getsockname()[1]

    def pass_socket() -> None:
        os.dup2(listening.fileno(), 3)
        os.set_inheritable(3, True)
        os.environ["LISTEN_PID"] = str(os.getpid())

    # LISTEN_PID must be the id of the child, which only a program in between knows.
    script = (
        "import os,sys; os.environ['LISTEN_PID']=str(os.getpid()); "
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    command = [sys.executable, "-c", script, *TWISTD, "-n", "--pidfile=", "logsrv"]
    for attempt in range(2):
        connection = socket.create_connection(("127.0.0.1", port), PATIENCE)
        connection.sendall(b"attempt %d\n" % attempt)
        with (tmp_path / "twistd.log").open("ab") as log:
            process = subprocess.Popen(
                [*command, "--listen", "systemd:domain=INET:index=0"],
                cwd=tmp_path, stdout=log, stderr=log, close_fds=False, preexec_fn=pass_socket,
                env={**os.environ, "LISTEN_FDS": "1", "LISTEN_FDNAMES": "lines"},
            )  # fmt: skip
        expected = [b"attempt %d" % number for number in range(attempt + 1)]
        wait_until(partial(_holds, tmp_path / "logs", expected), "the line")
        process.terminate()
        process.wait(PATIENCE)
        connection.close()
    listening.close()


def _holds(store: Path, expected: list[bytes]) -> bool:
    return (store / "current.log").exists() and messages(store) == expected


# Pass two listening sockets on, as a service manager does.
MANAGER = """
import os, socket, sys
listening = [socket.create_server(("127.0.0.1", int(port))) for port in sys.argv[1:3]]
for number, one in enumerate(listening):
    os.dup2(one.fileno(), 13 + number)
for number in range(2):
    os.dup2(13 + number, 3 + number)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="2", LISTEN_FDNAMES="lines:web")
os.execv(sys.argv[3], sys.argv[3:])
"""
SYSTEMD = "systemd:domain=INET:index={}"


def test_a_socket_of_the_manager_is_the_same_after_reloads(logger, tmp_path):
    """Removed and added again, the listener gets only connections of its own port."""
    ports = free_port(), free_port()
    config = tmp_path / "logsrv.toml"
    web = f'http = "{SYSTEMD.format(1)}"\nhttp-token = "secret"\n'
    config.write_text(f'listen = "{SYSTEMD.format(0)}"\n{web}')
    prefix = (sys.executable, "-c", MANAGER, *map(str, ports))
    server = logger("--config", str(config), listen=[], prefix=prefix)
    for reloads, listen in enumerate((LOOPBACK, SYSTEMD.format(0)), 1):
        config.write_text(f'listen = "{listen}"\n{web}')
        server.send_signal(signal.SIGHUP)
        server.wait_for_log(rf"(?s)(reloaded, .*){{{reloads}}}")
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", ports[1]), PATIENCE) as browser:
            browser.sendall(b"GET /readyz HTTP/1.0\r\nAuthorization: Bearer secret\r\n\r\n")
            assert browser.recv(1000).startswith(b"HTTP/1.")
    with socket.create_connection(("127.0.0.1", ports[0]), PATIENCE) as sender:
        sender.sendall(b"a line\n")
    assert server.wait_for_messages(1) == [b"a line"]


@pytest.mark.complains("cannot start|reload refused")
def test_a_socket_of_the_manager_is_for_one_listener_whatever_it_is_called(logger, tmp_path):
    """A listener by number and one by name would get its connections in turns."""
    by_number, by_name = SYSTEMD.format(0), "systemd:domain=INET:name=lines"
    prefix = (sys.executable, "-c", MANAGER, str(free_port()), str(free_port()))
    server = logger(listen=[by_number, by_name], prefix=prefix, wait=False)
    assert server.wait() == 1
    assert f"{by_name}: the listener at {by_number} has that socket" in server.log()
    config = tmp_path / "logsrv.toml"
    config.write_text(f'listen = "{by_number}"\n')
    server = logger("--config", str(config), listen=[], prefix=prefix)
    for listen, sentence in (
        (by_name, "has that socket"),
        (LOOPBACK, "reloaded"),
        (by_name, "name="),
    ):
        config.write_text(f'listen = "{listen}"\n')
        server.send_signal(signal.SIGHUP)
        server.wait_for_log(sentence)
    server.wait_for_log("(?s)(reloaded, .*){2}")


def test_stdin_stores_the_lines_of_standard_input(tmp_path):
    """`stdin:` stores the lines of standard input."""
    with (tmp_path / "twistd.log").open("wb") as log:
        process = subprocess.Popen(
            [*TWISTD, "-n", "--pidfile=", "logsrv", "--listen", "stdin:"],
            cwd=tmp_path, stdin=subprocess.PIPE, stdout=log, stderr=log,
        )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(b"piped\nin")
    process.stdin.close()
    wait_until(
        lambda: (tmp_path / "logs").exists() and messages(tmp_path / "logs") == [b"piped", b"in"],
        "the lines",
    )
    process.terminate()
    process.wait(PATIENCE)
