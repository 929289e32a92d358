"""Alerts of a real daemon with `[[retention]]` rules: over kills, reloads, rotation and a lost store."""

import json
import os
import random
import re
import shutil
import signal
import time
from pathlib import Path

import pytest

from logsrv.kit.testing import wait_until
from logsrv.linelog.store.cursor import parse_place, positions_in
from logsrv.linelog.store.segment import parse_named_position
from tests.end_to_end.alerting import KILLS, processes
from tests.parts.commands import logsrv
from tests.parts.daemons import Logger, reload
from tests.parts.http_servers import Hook, hook
from tests.parts.store_reader import messages

AUDIT = '[[retention]]\nname = "audit"\nmatch = "sudo"\nkeep-days = 365\n'
FIREWALL = '[[retention]]\nname = "fw"\nlistener = "firewall"\nkeep-days = 365\n'


def config(directory: Path, web: Hook, rules: str, *alerts: str, every: str = "1s") -> Path:
    """Write a configuration with two listeners, the second of them for the firewall."""
    tables = "".join(
        f"[[alerts]]\nname = {name}\nalert = {text}\n" for name, text in map(quoted, alerts)
    )
    path = directory / "c.toml"
    path.write_text(
        f'directory = "{directory}/store"\nalert-every = "{every}"\n'
        f'alert-webhook = "http://127.0.0.1:{web.port}/"\n{tables}'
        '[[listener]]\nlisten = "tcp:0:interface=127.0.0.1"\n'
        f'[[listener]]\nlisten = "tcp:0:interface=127.0.0.1"\nname = "firewall"\n{rules}'
    )
    return path


def quoted(alert: str) -> tuple[str, str]:
    name, _, text = alert.partition(": ")
    return json.dumps(name), json.dumps(text)


def counted(web: Hook, name: str) -> int:
    return sum(
        body["count"] for _, _, body in web.posts if body["name"] == name and "lines" in body
    )


def steps(web: Hook, name: str) -> list[tuple[str, str | None]]:
    """Return the states of the groups that were posted, each state of a group once."""
    found = [
        (group["state"], group["labels"].get("app"))
        for _, _, body in web.posts
        if body["name"] == name
        for group in body.get("groups", ())
    ]
    return list(dict.fromkeys(found))


def send(server: Logger, *texts: str, firewall: bool = False) -> None:
    server.send("".join(f"{one}\n" for one in texts).encode(), index=int(firewall))


@pytest.mark.slow
def test_an_alert_has_the_lines_of_all_stores_over_a_kill_and_a_reload_that_adds_a_rule(
    logger, tmp_path
):
    with hook() as web:
        alerts = ("lines: oops", "many: oops | count > 5 in 1m by app")
        path = str(config(tmp_path, web, FIREWALL, *alerts))
        server = logger("--config", path, listen=[])
        processes(server, 1)
        send(server, "oops app=a n=1", "sudo oops app=a n=2", "fine")
        send(server, "oops app=a n=3", firewall=True)
        wait_until(lambda: counted(web, "lines") == 3, "three lines")
        config(tmp_path, web, FIREWALL + AUDIT, *alerts)
        reload(server)
        send(server, "sudo oops app=a n=4")
        wait_until(lambda: counted(web, "lines") == 4, "the line of the new store")
        server.stop(signal.SIGKILL)
        server = logger("--config", path, listen=[])
        processes(server, 1)
        send(server, "sudo oops app=a n=5")
        send(server, "oops app=a n=6", firewall=True)
        wait_until(lambda: counted(web, "lines") == 6, "the lines after the kill")
        wait_until(lambda: steps(web, "many"), "the condition")
        assert steps(web, "many") == [("firing", "a")]
        server.stop()
        places = [json.loads(one.read_bytes().rpartition(b" ")[0])["position"]
                  for one in sorted((server.store / "alerts").glob("[0-9]"))]  # fmt: skip
        assert len(places) == 2 and all("audit/" in one and "fw/" in one for one in places)
        history = logsrv("alert", "--config", path, "--since", "10m", "many")
        assert b"alert many would have fired once since " in history.stdout
        trial = logsrv(
            "alert", "-d", str(server.store), "--alert", "sudo", "--alert-command", "true"
        )
        assert trial.stdout == b"alert 1: sent by command with 3 lines\n"
        assert logsrv("doctor", str(server.store)).returncode == 0


@pytest.mark.slow
def test_absence_is_told_by_the_lines_of_all_stores(logger, tmp_path):
    """The lines of an app come to the stores in turns; their past has the same episodes."""
    with hook() as web:
        path = config(tmp_path, web, AUDIT, "quiet: | none in 4s by app", every="1h")
        server = logger("--config", str(path), listen=[])
        processes(server, 1)
        send(server, "app=b n=0")
        for number in range(5):
            send(server, f"app=a n={number}" + " sudo" * (number % 2))
            until = time.time() + 2.5
            wait_until(lambda: time.time() > until, "some seconds")  # noqa: B023
        wait_until(lambda: ("firing", "a") in steps(web, "quiet"), "the absence")
        assert ("firing", "b") in steps(web, "quiet")
        begun = {
            (group["labels"]["app"], group["since"])
            for _, _, body in web.posts
            for group in body["groups"]
        }
        past = logsrv("alert", "--config", str(path), "--since", "10m").stdout.decode()
        assert sorted(app for app, _ in begun) == sorted(re.findall(r" app=(\w)", past))


@pytest.mark.slow
@pytest.mark.minutes(10)
def test_each_line_is_told_over_kills_of_both_processes_and_rotation(logger, tmp_path):
    """Of each kill one message may come twice; no line is in none."""
    chance = random.Random(KILLS)
    with hook() as web:
        path = config(tmp_path, web, FIREWALL + AUDIT, "lines: oops")
        arguments = ("--config", str(path), "--rotate-size", "4KiB")
        server = logger(*arguments, listen=[])
        processes(server, 1)
        number = 0
        for _ in range(KILLS):
            # A message shows ten lines.
            for _ in range(chance.randrange(3, 10)):
                kind = chance.randrange(3)
                text = f"oops {number} {'x' * 500}" + " sudo" * (kind == 1)
                send(server, text, firewall=kind == 2)
                number += 1
            if chance.random() < 0.5:
                wait_until(lambda: stored(server) == number, "the lines")  # noqa: B023
                server.stop(signal.SIGKILL)
                server = logger(*arguments, listen=[])
            elif process := server.child("alert_child"):
                os.kill(process, signal.SIGKILL)
            wait_until(lambda: told(web) == {*range(number)}, "all lines")  # noqa: B023
            # After a kill before that, they would be in the next message, too.
            wait_until(lambda: is_saved(server, web), "the place after them")  # noqa: B023
        assert "Traceback" not in server.log()


def stored(server: Logger) -> int:
    return sum(len(messages(one)) for one in (server.store, *(server.store / "stores").iterdir()))


def is_saved(server: Logger, web: Hook) -> bool:
    """Return whether the place is after all lines of the last message, in each store."""
    [place] = (server.store / "alerts").glob("[0-9]")
    saved = json.loads(place.read_bytes().rpartition(b" ")[0])["position"]
    positions = positions_in(parse_place(saved))
    lines = [parse_named_position(one["position"]) for one in web.posts[-1][2]["lines"]]
    return all(positions[one.store] > one for one in lines)


def told(web: Hook) -> set[int]:
    """Return the numbers of the lines that are in a message; a message shows ten of them."""
    found: set[int] = set()
    for _, _, body in web.posts:
        found |= {int(one["message"].split()[1]) for one in body["lines"]}
    return found


@pytest.mark.slow
def test_a_store_that_is_removed_while_the_server_is_stopped_stops_no_alert(logger, tmp_path):
    with hook() as web:
        path = config(tmp_path, web, AUDIT, "lines: oops")
        server = logger("--config", str(path), listen=[])
        processes(server, 1)
        send(server, "sudo oops")
        wait_until(lambda: counted(web, "lines") == 1, "the line")
        server.stop()
        config(tmp_path, web, "", "lines: oops")
        shutil.rmtree(server.store / "stores")
        server = logger("--config", str(path), listen=[])
        processes(server, 1)
        send(server, "oops")
        wait_until(lambda: counted(web, "lines") == 2, "the line of the main store")
        server.wait_for_log("stores/audit is gone")
        said = [one for one in server.log().splitlines() if "stores/audit is gone" in one]
        assert len(said) == 1 and "alerts go on without its lines" in said[0]
