"""An alert with a condition at a real daemon, over a kill and with a silence."""

import contextlib
import os
import random
import signal
import socket
import time

import pytest

from logsrv.kit.testing import wait_until
from logsrv.kit.text.time import parse_rfc3339
from tests.end_to_end.alerting import KILLS, processes
from tests.parts.commands import logsrv
from tests.parts.daemons import faked_time, reload
from tests.parts.http_servers import Hook, hook
from tests.parts.ports import free_port
from tests.parts.store_reader import stored_lines


def told(web: Hook) -> list[tuple[str, str]]:
    """The states and apps of all groups that were posted."""
    return [
        (group["state"], group["labels"]["app"])
        for _, _, body in web.posts
        for group in body["groups"]
    ]


@pytest.mark.slow
def test_a_condition_fires_once_over_a_kill_is_resolved_and_can_be_silenced(logger, tmp_path):
    with hook() as web:
        (tmp_path / "c.toml").write_text(
            f'directory = "{tmp_path}/store"\nalert-every = "1h"\n'
            f'alert-webhook = "http://127.0.0.1:{web.port}/"\n'
            '[[alerts]]\nname = "web"\nalert = "status>=500 | count > 3 in 4s by app"\n'
            '[[alerts]]\nname = "lost"\nalert = "status=404 | count > 3 in 1m by app"\n'
        )
        config = ("--config", str(tmp_path / "c.toml"))
        server = logger(*config)
        processes(server, 1)
        assert logsrv("alert", *config, "--silence", "lost", "--for", "10s").returncode == 0
        server.send(b"app=shop status=503\napp=pay status=404\n" * 4 + b"app=pay status=503\n" * 3)
        wait_until(lambda: web.posts, "the message")
        server.stop(signal.SIGKILL)
        server = logger(*config)
        processes(server, 1)
        wait_until(lambda: len(told(web)) > 2, "the end of the episode, and of the silence")
        assert told(web) in (
            [("firing", "shop"), ("resolved", "shop"), ("firing", "pay")],
            [("firing", "shop"), ("firing", "pay"), ("resolved", "shop")],
        )
        history = logsrv("alert", *config, "--since", "10m")
        assert history.stdout.count(b" would have fired once since ") == 2
        assert "Traceback" not in server.log()


@pytest.mark.slow
def test_a_share_of_errors_is_delivered_with_its_figures_by_webhook_and_command(logger, tmp_path):
    """Over a kill, with a percentile of a field, too; the past of the store has the same episodes."""
    script, mails = tmp_path / "notify", tmp_path / "mails.txt"
    script.write_text(f"#!/bin/sh\ncat >>{mails}\n")
    script.chmod(0o755)
    with hook() as web:
        (tmp_path / "c.toml").write_text(
            f'directory = "{tmp_path}/store"\nalert-every = "1h"\n'
            f'alert-webhook = "http://127.0.0.1:{web.port}/"\nalert-command = "{script}"\n'
            '[[alerts]]\nname = "share"\nalert = "| count, count if (level>=error) as errors, '
            'p95 took_ms in 1m by app | let share = errors / count | where share > 0.2 count >= 5"\n'
        )
        config = ("--config", str(tmp_path / "c.toml"))
        server = logger(*config)
        processes(server, 1)
        server.send(b"app=pay level=error took_ms=1\n" + b"app=pay level=info took_ms=1\n" * 9)
        server.send(b"app=shop level=info took_ms=30\n" * 3 + b"app=shop level=error took_ms=900\n")
        server.wait_for_messages(14)
        server.stop(signal.SIGKILL)
        server = logger(*config)
        processes(server, 1)
        server.send(b"app=shop level=error took_ms=900\n" * 2)
        wait_until(lambda: web.posts, "the message")
        assert told(web) == [("firing", "shop")]
        [shop] = web.posts[0][2]["groups"]
        wanted = {"share": 0.5, "count": 6, "errors": 3, "p95 took_ms": 900}
        assert shop["values"] == wanted and shop["value"] == 0.5
        wait_until(lambda: mails.exists() and " since " in mails.read_text(), "the mail")
        said = "firing app=shop: share 50 %, count 6, errors 3, p95 took_ms 900 ms since "
        assert said in mails.read_text()
        history = logsrv("alert", *config, "--since", "10m")
        assert b"alert share would have fired once since " in history.stdout
        assert b"app=shop" in history.stdout and b"app=pay" not in history.stdout
        assert "Traceback" not in server.log()


def steps_of(web: Hook, app: str) -> list[tuple[str, str]]:
    """The state and begin of each step of a group that was posted, without repetitions."""
    found = [
        (group["state"], group["since"])
        for _, _, body in web.posts
        for group in body["groups"]
        if group["labels"]["app"] == app
    ]
    return [one for at, one in enumerate(found) if not at or one != found[at - 1]]


@pytest.mark.slow
@pytest.mark.minutes(10)
def test_each_episode_is_told_in_order_over_an_outage_of_the_receiver_and_kills(logger, tmp_path):
    """Groups fire again before anybody was told, while the daemon or its alert process is killed."""
    chance, port = random.Random(KILLS), free_port(socket.SOCK_STREAM)
    (tmp_path / "c.toml").write_text(
        f'directory = "{tmp_path}/store"\nalert-webhook = "http://127.0.0.1:{port}/"\n'
        '[[alerts]]\nname = "web"\nalert = "status>=500 | count > 0 in 1s by app"\n'
    )
    config = ("--config", str(tmp_path / "c.toml"))
    server = logger(*config)
    processes(server, 1)
    number = 0

    def fire(apps: str, *, is_over: bool) -> None:
        """Let these groups fire. is_over: wait until their episodes are over."""
        nonlocal number
        server.send(b"".join(b"app=%c status=503\n" % ord(app) for app in apps))
        number += len(apps)
        server.wait_until(lambda: len(server.messages()) >= number, "the lines")
        if is_over:
            wait_until(lambda: all(past(app)[1] for app in apps), "the end of the episode")

    def past(app: str) -> tuple[list[str], bool]:
        """The begins of all episodes of a group, and whether the last one is over."""
        said = logsrv("alert", *config, "--since", "1h", "web").stdout.decode()
        mine = [line.split() for line in said.splitlines() if f"app={app}" in line]
        return [words[0] for words in mine], bool(mine) and "still" not in mine[-1]

    fire("ab", is_over=True)
    fire("a", is_over=True)
    with hook(port=port) as web:
        wait_until(lambda: len(steps_of(web, "a")) > 2, "the first messages")
    earlier = web.posts
    for _ in range(KILLS):
        fire(chance.choice(["a", "ab", "bc", "c"]), is_over=chance.random() < 0.6)
        child = server.child("alerts.alert_child")
        if child and chance.random() < 0.5:
            os.kill(child, signal.SIGKILL)
            continue
        server.stop(signal.SIGKILL)
        server = logger(*config)
    with hook(port=port) as web:
        web.posts[:0] = earlier
        for app in "abc":
            server.wait_until(lambda: past(app)[1], "the end")  # noqa: B023
            wanted = [(state, since) for since in past(app)[0] for state in ("firing", "resolved")]
            wait_until(lambda: steps_of(web, app) == wanted, f"{app} told: {wanted}")  # noqa: B023
    assert "Traceback" not in server.log()


@pytest.mark.slow
def test_a_clock_that_is_set_back_stops_no_alert(logger, tmp_path):
    """Neither the looks at new lines, each of which is due at a time of a timer, nor the windows."""
    clock = tmp_path / "clock"
    clock.write_text("+0")
    with hook() as web:
        (tmp_path / "c.toml").write_text(
            f'directory = "{tmp_path}/store"\nalert-webhook = "http://127.0.0.1:{web.port}/"\n'
            '[[alerts]]\nname = "web"\nalert = "status>=500 | count > 2 in 10s by app"\n'
        )
        server = logger("--config", str(tmp_path / "c.toml"), environment=faked_time(clock))
        processes(server, 1)
        server.send(b"before\n")
        server.wait_for_messages(1)
        clock.write_text("-3600")

        def is_set_back() -> bool:
            server.send(b"tick\n")
            lines = stored_lines(server.store)
            return lines[-1].time < lines[0].time

        server.wait_until(is_set_back, "a line by the new clock")

        def is_told() -> bool:
            # Other than a real clock, each process sees this one a second late.
            server.send(b"app=shop status=503\n" * 3)
            return bool(web.posts)

        server.wait_until(is_told, "the message")
        assert told(web)[0] == ("firing", "shop")


@pytest.mark.slow
def test_lines_that_keep_coming_are_not_absent_by_a_clock_that_was_set(logger, tmp_path):
    """Three daemons at once, each with a clock of its own, as the window has to pass several times."""
    clocks = {by: tmp_path / f"{by}" / "clock" for by in (300, 3600, -3600)}
    with contextlib.ExitStack() as stack:
        webs = [stack.enter_context(hook()) for _ in clocks]
        servers = []
        for web, clock in zip(webs, clocks.values(), strict=True):
            clock.parent.mkdir()
            clock.write_text("+0")
            path = clock.with_name("c.toml")
            path.write_text(
                f'alert-webhook = "http://127.0.0.1:{web.port}/"\n'
                '[[alerts]]\nname = "lost"\nalert = "| none in 5s by app"\n'
            )
            words, how = ("--config", str(path)), faked_time(clock)
            servers.append(logger(*words, directory=clock.parent, environment=how))
        for server in servers:
            processes(server, 1)

        def send(apps: str) -> None:
            for server in servers:
                server.send(b"".join(b"app=%c n=1\n" % app for app in apps.encode()))

        def keep_coming(seconds: float, apps: str) -> None:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                send(apps)
                time.sleep(1)

        keep_coming(8, "ab")
        for by, clock in clocks.items():
            clock.write_text(f"{by:+}")
        keep_coming(12, "ab")
        for server, web in zip(servers, webs, strict=True):
            assert told(web) == []
            times = [parse_rfc3339(one.time.decode()) for one in stored_lines(server.store)]
            assert abs(times[-1] - times[0]) > 200

        def all_told() -> bool:
            keep_coming(1, "a")
            return all(web.posts for web in webs)

        wait_until(all_told, "the app that is absent")
        assert [told(web) for web in webs] == [[("firing", "b")]] * 3


CHANGED = "status>=500 | count > 5 in 1h by app"


@pytest.mark.slow
@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("now", [CHANGED, ""])
def test_what_fired_is_over_once_when_its_alert_is_changed_or_removed(
    logger, tmp_path, now, restart
):
    """The receiver fails at first; the server is killed, and later reloaded without a change."""
    path = tmp_path / "c.toml"

    def configure(web: Hook, text: str) -> None:
        table = f'[[alerts]]\nname = "web"\nalert = "{text}"\n' if text else ""
        table += f'alert-webhook = "http://127.0.0.1:{web.port}/"\n' if text else ""
        path.write_text(f'directory = "{tmp_path}/store"\nalert-every = "1h"\n{table}')

    with hook() as web:
        configure(web, "status>=500 | count > 3 in 1h by app")
        server = logger("--config", str(path))
        server.send(b"app=shop status=503\n" * 4)
        wait_until(lambda: web.posts, "the message")
        reload(server)
        web.statuses = [503]
        configure(web, now)
        if restart:
            server.stop(signal.SIGKILL)
            server = logger("--config", str(path))
        else:
            reload(server)
        server.send(b"app=shop status=503\n" * 6)
        wait_until(lambda: len(web.posts) > 1, "the first try")
        server.stop(signal.SIGKILL)
        web.statuses, web.posts = [200], web.posts[:1]
        server = logger("--config", str(path))
        wait_until(lambda: len(web.posts) > 1 + bool(now), "the end of what fired")
        reload(server)
        server.stop(signal.SIGKILL)
        server = logger("--config", str(path))
        server.send(b"app=pay status=503\n" * 6)
        wait_until(lambda: len(web.posts) > 1 + 2 * bool(now), "what fires now")
        after = [("firing", "shop"), ("firing", "pay")] if now else []
        assert told(web) == [("firing", "shop"), ("resolved", "shop"), *after]
        assert web.posts[1][2]["removed"] is True and "> 3 in" in web.posts[1][2]["query"]
        assert "Traceback" not in server.log()
