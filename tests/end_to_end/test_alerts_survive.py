"""Alerts of a daemon that is reloaded, stopped or killed come at least once, and never as a flood."""

import os
import random
import re
import signal
import socket
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.end_to_end.alerting import KILLS, processes
from tests.parts.daemons import reload
from tests.parts.http_servers import Hook, hook
from tests.parts.ports import free_port


def config(directory: Path, *alerts: str, every: str = "1s", more: str = "") -> Path:
    """Write a configuration file with these alerts, each the text of a table; return its path."""
    path = directory / "c.toml"
    tables = "".join(f"[[alerts]]\n{alert}\n" for alert in alerts)
    path.write_text(f'alert-every = "{every}"\n{more}{tables}')
    return path


def posts(web: Hook) -> list[str]:
    """Return the messages of all lines that were posted."""
    return [line["message"] for _, _, body in web.posts for line in body["lines"]]


def slow(directory: Path) -> str:
    """Write a command that notes its start in `began`, and appends its text to `told` once `go` exists."""
    script = directory / "slow"
    script.write_text(
        f"#!/bin/sh\necho $$ >>{directory}/began\n"
        f"while ! [ -e {directory}/go ]; do sleep 0.05; done\ncat >>{directory}/told\n"
    )
    script.chmod(0o755)
    return str(script)


def read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


@pytest.mark.slow
def test_a_reload_that_is_refused_last_ends_nothing(logger, tmp_path):
    """The error comes last, when the socket is bound: an alert under way goes on, the token stays."""
    token, port = tmp_path / "token", free_port(socket.SOCK_STREAM)
    token.write_text("before\n")
    here = f"tcp:{port}:interface=127.0.0.1"
    more = f'http-token-file = "{token}"\nhttp = '
    with hook(503, 200) as web:
        alert = f'alert = "oops"\nalert-webhook = "http://127.0.0.1:{web.port}/"'
        path = config(tmp_path, alert, more=f'{more}"{here}"\n')
        server = logger("--config", str(path))
        server.send(b"oops 1\n")
        wait_until(lambda: web.posts, "the first try")
        token.write_text("after\n")
        other = 'alert = "x"\nalert-command = "true"'
        config(tmp_path, other, more=f'{more}["{here}", "systemd:domain=INET:index=0"]\n')
        server.send_signal(signal.SIGHUP)
        server.wait_until(lambda: "reload refused" in server.log(), "the refusal")
        asked = Request(
            f"http://127.0.0.1:{port}/api/stats", headers={"Authorization": "Bearer before"}
        )
        with urlopen(asked, timeout=PATIENCE) as answer:
            assert answer.status == 200
        wait_until(lambda: len(web.posts) == 2, "the second try")
        assert "; removed: " not in server.log()


@pytest.mark.slow
def test_what_is_under_way_at_a_reload_comes_whatever_it_changes(logger, tmp_path):
    """Under way are a webhook that answers 503 at first, and a slow command."""
    with hook(503, 503, 200) as web:
        url = f"http://127.0.0.1:{web.port}/"
        one = f'alert = "oops"\nalert-command = "{slow(tmp_path)}"\nalert-webhook = "{url}"'
        path = config(tmp_path, one)
        server = logger("--config", str(path))
        server.send(b"oops 1\n")
        wait_until(lambda: web.posts and read(tmp_path / "began"), "both ways to begin")
        # The alert gets a name and another interval, and a second alert is added.
        config(
            tmp_path, 'name = "new"\n' + one, f'alert = "x"\nalert-webhook = "{url}"', every="2s"
        )
        reload(server)
        (tmp_path / "go").touch()
        wait_until(lambda: "oops 1" in read(tmp_path / "told"), "the command")
        wait_until(lambda: len(web.posts) == 3, "the webhook")
        config(tmp_path, 'name = "new"\n' + one)
        server.send(b"oops 2\n")
        wait_until(lambda: "oops 2" in read(tmp_path / "told"), "the next message")
        assert server.stop() in (0, -signal.SIGTERM)
    assert read(tmp_path / "told").count("oops 1") == 1
    assert posts(web) == ["oops 1"] * 3 + ["oops 2"]
    # Each failure counts. Of one name, the log has one sentence in a while: both may be before the reload.
    assert re.search(r"alerts_failed_total 2\b", server.log())
    assert "it is sent again in" in server.log()


@pytest.mark.slow
def test_what_is_counted_or_under_way_at_a_reload_that_takes_the_alert_out_comes(logger, tmp_path):
    one = f'alert = "oops"\nalert-command = "{slow(tmp_path)}"'
    path = config(tmp_path, one, every="10m")
    server = logger("--config", str(path))
    [pid] = processes(server, 1)
    server.send(b"oops 1\n")
    wait_until(lambda: read(tmp_path / "began"), "it to be under way")
    server.send(b"oops 2\n")
    server.wait_for_messages(2)
    kept = server.store / "alerts" / "1"
    before = kept.read_bytes()
    config(tmp_path)
    reload(server)
    # The alert process gets the reload a moment later.
    wait_until(lambda: kept.read_bytes() != before, "the place as it is kept from then on")
    server.send(b"oops after\n")
    (tmp_path / "go").touch()
    wait_until(lambda: "oops 2" in read(tmp_path / "told"), "both")
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), "the end of the process")
    told = read(tmp_path / "told")
    assert told.count("oops 1") == told.count("oops 2") == 1 and "after" not in told
    assert not list((server.store / "alerts").iterdir())


@pytest.mark.slow
def test_what_is_under_way_at_a_stop_comes_at_the_next_start(logger, tmp_path):
    """The stop waits some seconds for the command; a second stop request meanwhile is answered
    in the log.
    """
    words = ("--alert", "oops", "--alert-command", slow(tmp_path), "--alert-every", "10m")
    server = logger(*words)
    server.send(b"oops 1\n")
    wait_until(lambda: read(tmp_path / "began"), "it to be under way")
    pid = int(read(tmp_path / "began"))
    server.send_signal(signal.SIGTERM)
    server.wait_for_log("logsrv: stopping")
    server.send_signal(signal.SIGTERM)
    server.wait_for_log("is stopping already")
    assert server.wait() in (0, -signal.SIGTERM)
    assert "alert 1: a message was under way when the service ended (lines: 1)" in server.log()
    assert "alerts_put_off_total 1" in server.log()
    wait_until(lambda: not Path(f"/proc/{pid}/cmdline").exists(), "the end of the command")
    (tmp_path / "go").touch()
    server = logger(*words)
    wait_until(lambda: "oops 1" in read(tmp_path / "told"), "the message")
    assert server.stop() in (0, -signal.SIGTERM)
    assert read(tmp_path / "told").count("oops 1") == 1


@pytest.mark.slow
def test_lines_of_a_server_that_is_killed_at_once_are_told_by_the_next(logger, tmp_path):
    """The kill comes before the alert process has started; a thousand lines are one message."""
    with hook() as web:
        words = ("--alert", "oops", "--alert-webhook", f"http://127.0.0.1:{web.port}/")
        server = logger(*words)
        server.send(b"oops\n" * 1000)
        server.wait_for_messages(1000)
        server.stop(signal.SIGKILL)
        server = logger(*words)
        wait_until(lambda: sum(body["count"] for _, _, body in web.posts) >= 1000, "the message")
        assert server.stop() in (0, -signal.SIGTERM)
    assert len(web.posts) <= 2


@pytest.mark.long
@pytest.mark.minutes(10)
def test_kills_at_any_moment_lose_no_alert(logger, tmp_path):
    """The server or its alert process is killed again and again, at random moments."""
    chance = random.Random(KILLS)
    script = tmp_path / "notify"
    script.write_text(
        f"#!/bin/sh\ncat >>{tmp_path}/told.$$\ncp {tmp_path}/told.$$ {tmp_path}/m.$$\n"
    )
    script.chmod(0o755)
    words = ("--alert", "oops", "--alert-command", str(script), "--alert-every", "100ms")
    number = 0
    for _ in range(KILLS):
        seen = len(list(tmp_path.glob("told.*")))
        server = logger(*words)
        for _ in range(chance.randrange(1, 4)):
            number += 1
            server.send(b"oops %d.\n" % number)
            line = b"oops %d." % number
            server.wait_until(lambda: line in server.current.read_bytes(), "the line")  # noqa: B023
        moments = [
            lambda: True,
            lambda: server.child("alerts.alert_child"),  # noqa: B023
            lambda: len(list(tmp_path.glob("told.*"))) > seen,  # noqa: B023
            lambda: f"oops {number}." in told(tmp_path),  # noqa: B023
        ]
        server.wait_until(chance.choice(moments), f"the moment of line {number}")
        child = server.child("alerts.alert_child")
        if child and chance.random() < 0.5:
            os.kill(child, signal.SIGKILL)
            if chance.random() < 0.5:
                server.wait_for_log("is started again in 1 s")
        server.stop(signal.SIGKILL)
    server = logger(*words)
    wanted = {f"oops {one}." for one in range(1, number + 1)}
    wait_until(lambda: wanted <= set(told(tmp_path)), "all of them")
    server.stop()
    assert "Traceback" not in server.log()


def told(directory: Path) -> list[str]:
    """Return the lines in the messages: a message shows ten of them, and the number of the others."""
    found = []
    for path in directory.glob("m.*"):
        text = read(path)
        found += re.findall(r"oops \d+\.", text)
        more = re.search(r"oops (\d+)\.\nand (\d+) more", text)
        if more is not None:
            last, number = map(int, more.groups())
            found += [f"oops {one}." for one in range(last + 1, last + number + 1)]
    return found
