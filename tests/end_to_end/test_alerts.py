"""Alerts of a real daemon with a real command and web server, over kills, reloads, a stop and a flood."""

import os
import re
import signal
import socket
import time
from pathlib import Path

import pytest

from logsrv.kit.testing import wait_until
from tests.end_to_end.alerting import processes
from tests.parts.http_servers import hook
from tests.parts.store_reader import messages


@pytest.fixture
def notify(tmp_path: Path) -> Path:
    """A script that appends its input to `out`, and a line for each call to `calls`."""
    script = tmp_path / "notify"
    script.write_text(
        f"#!/bin/sh\ncat >>{tmp_path}/out\n"
        f'echo "$# $LOGSRV_ALERT_COUNT $LOGSRV_ALERT_QUERY" >>{tmp_path}/calls\n'
    )
    script.chmod(0o755)
    return script


def calls(directory: Path) -> list[str]:
    try:
        return (directory / "calls").read_text().splitlines()
    except FileNotFoundError:
        return []


def out(directory: Path) -> str:
    return (directory / "out").read_text()


def told(directory: Path) -> int:
    """Return the number of lines that all messages together report."""
    return sum(int(call.split()[1]) for call in calls(directory))


def test_a_command_and_a_webhook_are_told_within_a_second(logger, tmp_path, notify):
    with hook() as web:
        url = f"http://127.0.0.1:{web.port}/hook"
        server = logger(
            *("--alert", "level>=error", "--alert-command", str(notify), "--alert-webhook", url),
            *("--alert-page", "https://logs.example"),
        )
        processes(server, 1)
        # Starting the process may take a moment, which is not measured here.
        server.send(b"ERROR first\n")
        wait_until(lambda: calls(tmp_path) and web.posts, "the first message")
    assert calls(tmp_path) == ["0 1 level>=error"]
    assert "ERROR first\n" in out(tmp_path)
    assert f"\nserver: {socket.gethostname()}\n" in out(tmp_path)
    assert "\npage: https://logs.example/?q=level%3E%3Derror&since=2" in out(tmp_path)
    [(path, _, body)] = web.posts
    assert body["server"] == socket.gethostname()
    assert (path, body["query"], body["count"]) == ("/hook", "level>=error", 1)
    assert body["lines"][0]["message"] == "ERROR first" and body["lines"][0]["level"] == "error"


@pytest.mark.long
def test_a_flood_is_few_messages_with_all_its_lines(logger, tmp_path, notify):
    server = logger("--alert", "oops", "--alert-command", str(notify), "--alert-every", "3s")
    [pid] = processes(server, 1)
    server.send(b"oops " + b"x" * 40 + b"\n")
    wait_until(lambda: calls(tmp_path), "the first message")
    began = time.monotonic()
    server.send((b"oops " + b"x" * 40 + b"\n") * 500_000)
    wait_until(lambda: told(tmp_path) == 500_001, "the rest")
    assert len(calls(tmp_path)) - 1 <= 1 + (time.monotonic() - began) / 3
    assert re.search(r"^and [1-9]\d\d?,\d{3} more$", out(tmp_path), re.MULTILINE)
    memory = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert memory is not None and int(memory[1]) < 150_000


@pytest.mark.slow
def test_a_process_that_is_killed_is_replaced_and_nothing_is_left_out(logger, tmp_path, notify):
    server = logger("--alert", "oops", "--alert-command", str(notify), "--alert-every", "1s")
    [pid] = processes(server, 1)
    for number in (1, 2):
        server.send(b"oops %d\n" % number)
        wait_until(lambda: told(tmp_path) == number, "the message")  # noqa: B023
    os.kill(pid, signal.SIGKILL)
    server.send(b"oops 3\noops 4\n")
    server.wait_for_log("is started again in 1 s")
    processes(server, 2)
    wait_until(lambda: "oops 4" in out(tmp_path), "the message")
    assert server.stop() in (0, -signal.SIGTERM)
    # The second message may have been under way, or its delivery not noted yet: it may come twice.
    assert [out(tmp_path).count(f"oops {number}") for number in (1, 3, 4)] == [1, 1, 1]
    assert out(tmp_path).count("oops 2") in (1, 2)


@pytest.mark.slow
def test_an_alert_that_can_never_fire_is_warned_of_at_the_start_and_at_a_reload(
    logger, tmp_path, notify
):
    config = tmp_path / "c.toml"
    common = f'alert-command = "{notify}"\nalert = ["duration>abc"]\n'
    config.write_text(common)
    server = logger("--config", str(config))
    server.wait_for_log("--alert duration>abc: .* compares numbers, and abc is not a number")
    config.write_text(common + '[[alerts]]\nalert = "level>=error and disk | count > 1 in 5m"\n')
    server.send_signal(signal.SIGHUP)
    server.wait_for_log("c.toml, .*: and is a word here")
    server.wait_for_log("watches the store for 1, 2")
    assert server.stop() in (0, -signal.SIGTERM)
    # The warning is not repeated.
    assert server.log().count("abc is not a number") == 1


@pytest.mark.slow
def test_a_reload_changes_the_alerts_and_forgets_nothing(logger, tmp_path, notify):
    config = tmp_path / "c.toml"
    common = f'alert-command = "{notify}"\nalert-every = "10m"\n'
    config.write_text(common + 'alert = ["oops"]\n')
    server = logger("--config", str(config))
    processes(server, 1)
    server.send(b"oops 1\n")
    wait_until(lambda: calls(tmp_path), "the first message")
    server.send(b"oops 2\n")
    server.wait_for_messages(2)
    config.write_text(common + 'alert = ["level>=banana"]\n')
    server.send_signal(signal.SIGHUP)
    server.wait_for_log(r"reload refused.*banana is not a level")
    config.write_text(
        common + 'alert = ["oops"]\n[[alerts]]\nname = "new"\nalert = "oops"\nalert-every = "1s"\n'
    )
    server.send_signal(signal.SIGHUP)
    server.wait_for_log("watches the store for 1, new")
    server.send(b"oops 3\n")
    wait_until(lambda: len(calls(tmp_path)) >= 2, "the message of the new alert")
    assert server.stop() in (0, -signal.SIGTERM)
    # The interval of the old alert went on; the lines that it had counted are reported at the end.
    assert calls(tmp_path) == ["0 1 oops", "0 1 oops", "0 2 oops"]
    assert "alerts_sent_total 3" in server.log()
    assert "alert_lines_total 4" in server.log()


@pytest.mark.slow
def test_a_stop_tells_of_the_last_line_and_leaves_nothing_behind(logger, tmp_path, notify):
    server = logger("--alert", "oops", "--alert-command", str(notify))
    [pid] = processes(server, 1)
    server.send(b"oops 1\n")
    wait_until(lambda: calls(tmp_path), "the first message")
    server.send(b"oops 2\n" * 5)
    assert server.stop() in (0, -signal.SIGTERM)
    assert calls(tmp_path)[1:] == ["0 5 oops"]
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.long
def test_lines_are_written_while_the_process_is_stopped(logger, tmp_path, notify):
    """The daemon stores lines and stops as usual while the alert process is stopped."""
    server = logger("--alert", "oops", "--alert-command", str(notify))
    [pid] = processes(server, 1)
    os.kill(pid, signal.SIGSTOP)
    server.send(b"oops\n" * 100_000)
    server.wait_for_messages(100_000)
    assert server.stop() in (0, -signal.SIGTERM)
    assert len(messages(tmp_path / "store")) == 100_000
    assert not Path(f"/proc/{pid}").exists()
