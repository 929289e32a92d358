"""Alerts made on the page of a real daemon: they fire, are silenced, and survive kills and starts."""

import json
import os
import signal
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.commands import logsrv
from tests.parts.daemons import LOOPBACK, Logger, Start

pytestmark = pytest.mark.slow
OOPS = "oops | count > 1 in 1m by app"


class Readers:
    """Readers of a daemon's page, and the messages that its alerts have sent."""

    def __init__(self, start: Start, home: Path) -> None:
        self._start = start
        self._told = home / "told.txt"
        self._told.touch()
        script = home / "notify"
        script.write_text(f"#!/bin/sh\ncat >>{self._told}\n")
        script.chmod(0o755)
        self._words = (
            *("--http", LOOPBACK, "--alert-command", str(script)),
            *("--alert-saved", str(home / "alerts.json")),
        )
        self.server: Logger = start(*self._words)

    def start_again(self) -> None:
        self.server.stop()
        self.server = self._start(*self._words)

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        connection = HTTPConnection("127.0.0.1", self.server.ports()[1], timeout=PATIENCE)
        headers = {} if body is None else {"Content-Type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        found = answer.status, json.loads(answer.read())
        connection.close()
        return found

    @property
    def alert(self) -> Any:
        """The only alert, as the page gets it."""
        [found] = self.ask("GET", "/api/alerts")[1]["alerts"]
        return found

    @property
    def told(self) -> str:
        return self._told.read_text()


@pytest.fixture
def readers(logger: Start, tmp_path: Path) -> Readers:
    return Readers(logger, tmp_path)


def groups_of(alert: Any) -> dict[str, Any]:
    return {one["group"]["app"]: one for one in alert["groups"]}


def test_an_alert_of_the_page_fires_is_silenced_and_survives_a_kill_and_a_start(readers):
    status, said = readers.ask("PUT", "/api/alerts/web", {"alert": OOPS})
    assert status == 200, said
    silence = {"alert": "web", "group": {"app": "b"}, "for": "1h", "reason": "new release"}
    status, said = readers.ask("POST", "/api/silences", silence)
    assert status == 200, said
    wait_until(lambda: readers.server.child("alert_child"), "the alert process begins")
    # The process has read the silences when it runs the first watch; it looks again once a second.
    wait_until(lambda: readers.server.log().count("watches the store for web"), "it has its orders")
    readers.server.send(b"".join(b"app=%c msg=oops\n" % app for app in b"aabb"))
    wait_until(lambda: readers.alert["group_count"] == 2, "both groups fire")
    found = groups_of(readers.alert)
    assert (found["a"]["silenced"], found["b"]["silenced"]) == (False, True)
    assert found["a"]["figures"] == "count 2"
    wait_until(lambda: readers.alert["delivery"][0]["state"] == "sent", "the message is sent")
    assert "firing app=a: count 2" in readers.told and "app=b" not in readers.told
    assert "1 of 2 firing groups is silenced until" in readers.told

    os.kill(readers.server.child("alert_child"), signal.SIGKILL)
    wait_until(lambda: "is started again in" in readers.server.log(), "the death is noticed")
    assert {*groups_of(readers.alert)} == {"a", "b"}
    readers.start_again()
    wait_until(lambda: readers.alert["group_count"] == 2, "the next server knows what fires")
    [silenced] = readers.ask("GET", "/api/alerts")[1]["silences"]
    assert (silenced["group"], silenced["reason"]) == ({"app": "b"}, "new release")
    status, _ = readers.ask("DELETE", f"/api/silences/{silenced['id']}")
    assert status == 200
    wait_until(lambda: "firing app=b: count 2" in readers.told, "the end of the silence is told")


def test_the_past_is_asked_in_a_search_and_the_command_silences_the_same_alert(readers):
    readers.server.send(b"app=a msg=oops\napp=a msg=oops\n")
    readers.server.wait_for_messages(2)
    status, found = readers.ask("GET", f"/api/would_fire?alert={quote(OOPS)}")
    assert status == 200 and found["total"] == 1, found
    assert found["episodes"][0]["group"] == {"app": "a"}
    status, found = readers.ask("GET", "/api/would_fire?alert=oops")
    assert (found["lines"], found["messages"]) == (2, 1)
    readers.ask("PUT", "/api/alerts/web", {"alert": OOPS})
    home = readers.server.directory
    done = logsrv(
        *("alert", "--directory", "store", "--alert-saved", "alerts.json"),
        *("--alert-command", "true", "--silence", "web", "--silence-group", "app=a"),
        *("--for", "1h", "--reason", "by hand"),
        directory=home,
    )
    assert done.returncode == 0, done.stderr
    [silence] = readers.ask("GET", "/api/alerts")[1]["silences"]
    assert (silence["alert"], silence["group"]) == ("web", {"app": "a"})
