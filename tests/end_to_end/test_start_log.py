"""The log of a start and a stop on a terminal, in a file, in the journal and in chosen formats."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from logsrv.kit.testing import TWISTD, TwistdProcess, wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.daemons import LOOPBACK
from tests.parts.terminals import on_terminal

FOREGROUND = [*TWISTD, "-n", "--pidfile="]
# A third-party plugin whose state fails.
FAULTY = """
from logsrv.kit import LineProtocol, protocol_plugin

def state(service):
    if service.settings.max_line == 77:
        1 // 0

shout = protocol_plugin("faulty", LineProtocol, state=state)
"""


def plain(directory: Path) -> dict[str, Any]:
    """Return directory and environment for a program that should print no colours."""
    environment = {name: value for name, value in os.environ.items() if name != "JOURNAL_STREAM"}
    return {"cwd": directory, "env": {**environment, "NO_COLOR": "1"}}


@pytest.mark.slow
def test_a_terminal_gets_sentences_at_a_start(tmp_path):
    """A terminal gets a line for each listener with its name and protocol, each once, and none
    of Twisted.
    """
    config = tmp_path / "logsrv.toml"
    config.write_text(
        f"http = '{LOOPBACK}'\nlisten = 'udp:0:interface=127.0.0.1'\n"
        f"[[listener]]\nname = 'office'\nlisten = 'syslog:{LOOPBACK}'\n"
    )
    said, status = on_terminal(
        [*FOREGROUND, "logsrv", "--config", str(config)], "is ready", **plain(tmp_path)
    )
    lines = said.splitlines()
    assert all(re.match(r"\d\d:\d\d:\d\d ", line) for line in lines), said
    assert [re.sub(r":[1-9]\d+", ":N", line[9:]) for line in lines] == [
        "listening for lines on udp 127.0.0.1:N",
        "office: listening for syslog on tcp 127.0.0.1:N",
        "page and API at http://127.0.0.1:N/",
        "logsrv is ready",
        "logsrv: stopping",
        "logsrv counted: nothing",
        "logsrv: stopped, 0 connections cut off",
    ]
    assert status == -signal.SIGTERM


def taken(tmp_path: Path, port: int) -> tuple[list[str], str]:
    where = f"tcp:{port}:interface=127.0.0.1"
    return [
        "greet",
        "--listen",
        LOOPBACK,
        "--listen",
        where,
    ], r"greet: tcp:\d+\S* the port is in use .*"


def unusable(tmp_path: Path, port: int) -> tuple[list[str], str]:
    (tmp_path / "file").touch()
    command = ["logsrv", "--listen", LOOPBACK, "--directory", str(tmp_path / "file" / "below")]
    return command, r"logsrv: the store \S+ cannot be used: Not a directory.*"


def misspelt(tmp_path: Path, port: int) -> tuple[list[str], str]:
    return [
        "greet",
        "--lissten",
        LOOPBACK,
    ], r".*--lissten.*no such option \(did you mean --listen\?\)"


def faulty(tmp_path: Path, port: int) -> tuple[list[str], str]:
    plugins = tmp_path / "twisted" / "plugins"
    plugins.mkdir(parents=True)
    (plugins / "faulty_plugin.py").write_text(FAULTY)
    command = ["faulty", "--listen", LOOPBACK, "--max-line", "77"]
    return command, "faulty: cannot start: ZeroDivisionError: .*"


@pytest.mark.slow
@pytest.mark.complains("cannot start")
@pytest.mark.parametrize(
    ("wrong", "daemonized"),
    [(taken, False), (misspelt, False), (faulty, False), (unusable, True), (faulty, True)],
)
def test_a_failed_start_ends_with_its_sentence(tmp_path, wrong, daemonized):
    log = tmp_path / "twistd.log"
    with socket.create_server(("127.0.0.1", 0)) as server:
        arguments, sentence = wrong(tmp_path, server.getsockname()[1])
        how = [*TWISTD, "--pidfile=", f"--logfile={log}"] if daemonized else FOREGROUND
        said, status = on_terminal([*how, *arguments], **plain(tmp_path))
    lines = said.splitlines()
    assert re.fullmatch(sentence, lines[-1]), said
    assert status == 1
    assert len(re.findall(sentence, said)) == 1, said
    assert "Closed)" not in said
    if daemonized:
        assert len(lines) == 1, said
        kept = r"CRITICAL: \[\S+#critical\] \w+ cannot start"
        assert re.search(kept, log.read_text())
    else:
        assert ("Traceback" in said) == ("cannot start" in said) == (wrong is faulty)


@pytest.mark.slow
def test_a_file_has_the_date_and_the_zone(tmp_path):
    with TwistdProcess("greet", "--listen", LOOPBACK, directory=tmp_path) as server:
        assert server.port()
        server.stop()
        log = server.log()
    moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d"
    assert re.match(rf"{moment} listening on tcp 127\.0\.0\.1:\d+\n{moment} greet is ready\n", log)
    assert "twisted" not in log
    assert "Closed)" not in log


@pytest.mark.slow
def test_a_file_is_begun_anew_on_sigusr1(tmp_path):
    """twistd has always done so."""
    log = tmp_path / "twistd.log"
    server = TwistdProcess(
        "greet", "--listen", LOOPBACK, directory=tmp_path, twistd=[f"--logfile={log}"]
    )
    server.start()
    try:
        wait_until(lambda: log.exists() and "greet is ready" in log.read_text(), "its start")
        server.send_signal(signal.SIGUSR1)
        wait_until(lambda: (tmp_path / "twistd.log.1").exists(), "the other file")
        server.stop()
        assert "greet: stopping" in log.read_text()
    finally:
        server.process.kill()


def journalled(tmp_path: Path, *arguments: str) -> tuple[list[str], int]:
    """Run twistd with a socket in place of the journal of systemd; return the lines there, and
    the status.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        found = os.fstat(theirs.fileno())
        environment = {**os.environ, "JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
        with subprocess.Popen(
            [*FOREGROUND, *arguments],
            stdout=theirs.fileno(),
            stderr=theirs.fileno(),
            cwd=tmp_path,
            env=environment,
        ) as process:
            theirs.close()
            ours.settimeout(PATIENCE)
            got = b""
            try:
                while data := ours.recv(65536):
                    was_ready = b"is ready" in got
                    got += data
                    if b"is ready" in got and not was_ready:
                        process.send_signal(signal.SIGTERM)
                return got.decode().splitlines(), process.wait(PATIENCE)
            finally:
                process.kill()


@pytest.mark.slow
def test_the_journal_gets_levels_and_no_times(tmp_path):
    lines, _ = journalled(tmp_path, "greet", "--listen", LOOPBACK)
    assert [re.sub(r"\d+$", "N", line) for line in lines[:2]] == [
        "<6>listening on tcp 127.0.0.1:N",
        "<6>greet is ready",
    ]
    assert lines[-1] == "<6>greet: stopped, 0 connections cut off"


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [unusable, misspelt])
def test_the_journal_gets_a_failed_start_once(tmp_path, wrong):
    arguments, sentence = wrong(tmp_path, 0)
    lines, status = journalled(tmp_path, *arguments)
    assert status == 1
    assert re.fullmatch(f"<2>{sentence}", lines[-1]), lines
    assert all(re.match("<[26]>", line) for line in lines), lines
    assert len([line for line in lines if re.search(sentence, line)]) == 1
    assert "cannot start" not in "".join(lines)


@pytest.mark.slow
def test_formats_on_request(tmp_path):
    """twistd and twist print the requested format."""

    def started(*command: str) -> str:
        said, _ = on_terminal([*command, "--listen", LOOPBACK], "is ready", **plain(tmp_path))
        return said

    twisted = started(*FOREGROUND, "greet", "--log-format", "twisted")
    assert "[logsrv.kit.service._start#info] greet is ready" in twisted
    assert "#info] Main loop terminated" in twisted
    objects = started(sys.executable, "-m", "twisted", "greet", "--log-format", "json")
    found = [json.loads(line) for line in objects.splitlines()]
    assert "greet is ready" in [one["msg"] for one in found]
    assert {one["level"] for one in found} == {"info"}
