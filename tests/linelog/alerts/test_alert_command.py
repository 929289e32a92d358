"""`logsrv alert`: one's command and webhook are tried before there is a fire."""

import fcntl
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from logsrv.errors import UsageError
from logsrv.kit.testing.patience import PATIENCE
from logsrv.kit.text.time import rfc3339
from logsrv.linelog.alerts import alert_command
from logsrv.linelog.alerts.states import silences
from logsrv.linelog.alerts.states.silences import FOLDER, Silence, load_silences, save_silences
from logsrv.linelog.store.place import PlaceFolder
from tests.parts.commands import logsrv
from tests.parts.http_servers import hook
from tests.parts.stores import lines, make_store


def test_alert_sends_the_servers_message_with_the_newest_lines(tmp_path):
    make_store(tmp_path / "logs", [lines(f"oops {number}" for number in range(30)), lines(["a"])])
    with hook() as web:
        done = logsrv(
            *("alert", "--alert", "oops", "--alert-command", f"tee {tmp_path}/out"),
            *("--alert-webhook", f"http://127.0.0.1:{web.port}/"),
            directory=tmp_path,
        )
    assert done.stdout.decode().splitlines() == [
        "alert 1: sent by command with 10 lines",
        "alert 1: sent by webhook with 10 lines",
    ]
    assert (done.returncode, done.stderr) == (0, b"")
    text = (tmp_path / "out").read_text()
    assert "This is a test" in text and "oops 20\n" in text and text.endswith("oops 29\n")
    [(_, _, body)] = web.posts
    assert body["test"] is True and body["lines"][0]["message"] == "oops 20"


def test_only_named_alerts_of_a_file_are_sent(tmp_path):
    config = tmp_path / "c.toml"
    config.write_text(
        f'directory = "store"\nalert-command = "tee {tmp_path}/out"\n'
        '[[alerts]]\nname = "web"\nalert = "x"\n[[alerts]]\nname = "disk"\nalert = "y"\n'
    )
    done = logsrv("alert", "--config", str(config), "disk")
    assert done.stdout.decode() == "alert disk: sent by command with 0 lines\n"
    assert "it is sent without lines" in done.stderr.decode()
    assert (tmp_path / "out").read_text().startswith("0 lines match y\nserver: ")
    wrong = logsrv("alert", "--config", str(config), "dsik")
    assert wrong.returncode == 1 and b"did you mean disk?" in wrong.stderr


def test_a_query_that_hardly_means_what_was_meant_is_told(tmp_path):
    """A line would have to contain the word `and`."""
    query = "level>=error | where disk and full | count > 100 in 5m"
    done = logsrv("alert", "--alert", query, "--alert-command", "cat", directory=tmp_path)
    assert done.returncode == 0
    assert "logsrv alert: alert 1: and is a word here" in done.stderr.decode()


# The main of the command, with another place for the configuration of this machine's service.
MAIN = """
import sys
import logsrv.cli.arguments
from logsrv.cli.main import main
logsrv.cli.arguments.CONFIGURATION = "service.toml"
sys.exit(main(sys.argv[1:]))
"""


def on_its_machine(*words: str, directory: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: text for name, text in os.environ.items() if "LOGSRV_" not in name}
    command = [sys.executable, "-c", MAIN, "alert", *words]
    return subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, timeout=PATIENCE
    )


@pytest.mark.slow
def test_alerts_and_store_are_those_of_the_service_unless_others_are_named(tmp_path):
    make_store(tmp_path / "lines", [lines(["oops", "x"])])
    (tmp_path / "service.toml").write_text(
        f'directory = "{tmp_path}/lines"\nalert-command = "tee {tmp_path}/out"\n'
        '[[alerts]]\nname = "disk"\nalert = "oops"\n'
    )
    done = on_its_machine(directory=tmp_path)
    assert (done.stdout, done.stderr) == ("alert disk: sent by command with 1 line\n", "")
    assert on_its_machine("disk", directory=tmp_path).returncode == 0
    done = on_its_machine("--alert", "x", "--alert-command", "cat", directory=tmp_path)
    assert (done.stdout, done.stderr) == ("alert 1: sent by command with 1 line\n", "")
    done = on_its_machine("--alert", "x", directory=tmp_path)
    assert "sends no message" in done.stderr


def test_what_does_not_arrive_is_said_and_not_tried_again(tmp_path):
    make_store(tmp_path / "logs", [lines(["oops"])])
    with hook(500) as web:
        done = logsrv(
            *("alert", "--alert", "oops", "--alert-command", "sh -c 'echo full >&2; exit 2'"),
            *("--alert-webhook", f"http://127.0.0.1:{web.port}/"),
            directory=tmp_path,
        )
    assert done.returncode == 1 and len(web.posts) == 1
    one, two = done.stderr.decode().splitlines()
    begin = "logsrv alert: alert 1 was not delivered: "
    assert one == f"{begin}the command ended with status 2: full"
    assert two == f"{begin}http://127.0.0.1:{web.port} answered with status 500"


def test_wrong_options_are_said_as_the_server_says_them(tmp_path):
    for words, said in (
        ([], "there are no alerts"),
        (["--alert", "x"], "sends no message"),
        (["--alert", "(", "--alert-command", "cat"], "  ^\n"),
        (["--alert", "x", "--alert-command", "no/such"], "there is no program"),
    ):
        done = logsrv("alert", *words, directory=tmp_path)
        assert done.returncode == 1 and said in done.stderr.decode()


def written_now(directory: Path) -> None:
    """Make a store of the last minutes: of a, six lines in a second, of b, two."""
    now = time.time() - 120
    stamps = [(now, "a")] * 6 + [(now, "b")] * 2
    text = b"".join(f"{rfc3339(moment)} tcp:h:1 app={app} n=1\n".encode() for moment, app in stamps)
    make_store(directory, [[text]])


@pytest.mark.slow
def test_alert_says_when_it_would_have_fired_without_a_way_to_send(tmp_path):
    written_now(tmp_path / "logs")
    asked = ("alert", "--since", "1h", "--alert", "| count > 5 in 10s by app")
    done = logsrv(*asked, directory=tmp_path)
    first, row = done.stdout.decode().splitlines()
    assert first.startswith("alert 1 would have fired once since 20")
    assert re.fullmatch(r"  20[0-9T:.-]+Z  2[01]s  app=a", row)
    assert (done.returncode, done.stderr) == (0, b"")
    never = logsrv("alert", "--since", "1h", "--alert", "| count > 50 in 1m", directory=tmp_path)
    assert never.stdout.startswith(b"alert 1 would have fired 0 times since")
    each = logsrv("alert", "--since", "1h", "--alert", "oops", directory=tmp_path)
    assert each.returncode == 1 and b"alert 1 has no condition" in each.stderr
    for words, said in (
        (["--since", "soon"], b"--since: soon is not a time"),
        (["--since", "1h", "--directory", "nowhere"], b"nowhere"),
    ):
        done = logsrv("alert", "--alert", "| none in 1m", *words, directory=tmp_path)
        assert done.returncode != 0 and said in done.stderr


@pytest.mark.slow
def test_an_alert_is_silenced_listed_and_let_speak_again(tmp_path):
    make_store(tmp_path / "logs", [lines(["a"])])
    (tmp_path / "c.toml").write_text(
        'directory = "logs"\nalert-command = "cat"\n[[alerts]]\nname = "web"\nalert = "x"\n'
    )

    def alert(*words: str) -> tuple[int, str, str]:
        done = logsrv("alert", "--config", "c.toml", *words, directory=tmp_path)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    code, said, _ = alert("--silence", "web", "--for", "2h", "--reason", "new\nrelease")
    assert code == 0 and re.fullmatch(r"web is silent for 2h, until 20[0-9T:.-]+Z\n", said)
    listed = re.escape(said.replace("for 2h, ", "").replace("\n", " (new\\x0arelease)"))
    assert re.fullmatch(rf"{listed}, id [0-9a-f]+\n", alert("--silences")[1])
    assert alert("--end-silence", "web")[1] == "web sends messages again\n"
    assert "no alert is silenced" in alert("--silences")[2]
    (tmp_path / "logs" / "alerts" / "silences.json").write_text("broken")
    assert "silences.json is damaged" in alert("--silences")[2]
    (tmp_path / "logs" / "alerts" / "silences.json").unlink()
    for words, wrong in (
        (["--silence", "wbe", "--for", "2h"], "did you mean web?"),
        (["--silence", "web"], "--silence needs --for"),
        (["--silence", "web", "--for", "ever"], "ever is not a length of time"),
        (["--end-silence", "web"], "web is not silenced"),
        (["--for", "2h"], "--silence"),
    ):
        code, said, errors = alert(*words)
        assert code != 0 and said == "" and wrong in errors


def during_first_save(monkeypatch: pytest.MonkeyPatch, second: Callable[[], object]) -> Thread:
    """Let a second command come when the first has read the silences, and not yet written them.

    The first goes on when the second waits for its lock or has ended.
    """
    arrived, save, flock = threading.Event(), save_silences, fcntl.flock

    def come_second() -> None:
        try:
            second()
        finally:
            arrived.set()

    thread = Thread(target=come_second)

    def lock(*given: Any) -> None:
        if threading.current_thread() is thread:
            arrived.set()
        flock(*given)

    def save_late(*given: Any) -> None:
        monkeypatch.setattr(silences, "save_silences", save)
        thread.start()
        assert arrived.wait(PATIENCE)
        save(*given)

    monkeypatch.setattr(fcntl, "flock", lock)
    monkeypatch.setattr(silences, "save_silences", save_late)
    return thread


@pytest.mark.parametrize("ends", [False, True])
def test_of_two_commands_at_the_same_moment_neither_loses_a_silence(tmp_path, monkeypatch, ends):
    directory = str(make_store(tmp_path / "logs", [lines(["a"])]))
    alert_command.begin_silence(directory, Silence("old", time.time() + 7200))

    def come_second() -> None:
        if ends:
            alert_command.end_silence(directory, "old")
        else:
            alert_command.begin_silence(directory, Silence("second", time.time() + 7200))

    second = during_first_save(monkeypatch, come_second)
    alert_command.begin_silence(directory, Silence("first", time.time() + 7200))
    second.join(PATIENCE)
    wanted = {"first"} if ends else {"old", "first", "second"}
    with closing(PlaceFolder(directory, FOLDER)) as folder:
        assert {one.alert for one in load_silences(folder, time.time())} == wanted


def test_of_two_commands_that_end_the_same_silence_at_once_only_one_says_so(
    tmp_path, monkeypatch, capsys
):
    directory = str(make_store(tmp_path / "logs", [lines(["a"])]))
    alert_command.begin_silence(directory, Silence("web", time.time() + 7200))
    capsys.readouterr()
    reasons: list[str] = []

    def come_second() -> None:
        with pytest.raises(UsageError) as caught:
            alert_command.end_silence(directory, "web")
        reasons.append(str(caught.value))

    second = during_first_save(monkeypatch, come_second)
    assert alert_command.end_silence(directory, "web") == 0
    second.join(PATIENCE)
    assert reasons == ["alert web is not silenced"]
    assert capsys.readouterr().out == "web sends messages again\n"


def test_a_condition_is_tried_with_a_made_up_episode(tmp_path):
    done = logsrv(
        *("alert", "--alert", "x | count > 5 in 1m by app", "--no-alert-resolved"),
        *("--alert-command", f"tee {tmp_path}/out"),
        directory=tmp_path,
    )
    assert done.stdout.decode() == "alert 1: sent by command\n"
    text = (tmp_path / "out").read_text()
    assert "This is a test by hand" in text and "firing app=test: count 5 since" in text


@pytest.mark.slow
def test_groups_and_alerts_of_the_page_are_silenced_tried_and_let_speak_again(tmp_path):
    make_store(tmp_path / "logs", [lines(["a"])])
    (tmp_path / "c.toml").write_text(
        'directory = "logs"\nalert-command = "cat"\nalert-saved = "alerts.json"\n'
    )
    text = "x | count > 5 in 1m by app, host"
    saved = {"web": {"alert": text}, "broken": {"alert": "| count"}}
    (tmp_path / "alerts.json").write_text(json.dumps(saved))

    def alert(*words: str) -> tuple[int, str, str]:
        done = logsrv("alert", "--config", "c.toml", *words, directory=tmp_path)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    group = ("--silence-group", "app=my shop", "--silence-group", "host=a")
    code, said, errors = alert("--silence", "web", *group, "--for", "2h")
    assert code == 0 and re.fullmatch(
        r"web app=my shop host=a is silent for 2h, until 20\S+Z\n", said
    )
    assert "alert broken of the page does not run: " in errors
    assert alert("--silence", "web", "--for", "1h", "--reason", "update")[0] == 0
    first, second = alert("--silences")[1].splitlines()
    assert first.startswith("web app=my shop host=a is silent until ")
    assert second.startswith("web is silent until ") and "(update), id " in second
    known_by = first.rpartition(" ")[2]
    assert alert("--end-silence", known_by)[1] == "web app=my shop host=a sends messages again\n"
    assert alert("--silences")[1] == second + "\n"
    assert alert("--end-silence", "web")[1] == "web sends messages again\n"
    for words, wrong in (
        (["--silence-group", "ap=x"], "alert web has no groups by ap; it has app or host"),
        (["--silence-group", "app"], "--silence-group: app is not of the form app=shop"),
        (["--for", "400d"], "a silence lasts at most 90 days"),
        (["--reason", "x" * 201], "the reason of a silence has at most 200 characters"),
    ):
        code, said, errors = alert("--silence", "web", "--for", "2h", *words)
        assert code != 0 and said == "" and wrong in errors
    assert "--silence-group needs --silence" in alert("--silence-group", "app=x")[2]
    code, said, _ = alert("web")
    assert code == 0 and "alert web: sent by command" in said


def test_the_command_reads_alerts_of_the_page_only_with_their_file(tmp_path):
    done = logsrv(
        *("alert", "--alert-saved", f"{tmp_path}/alerts.json", "--alert-command", "cat"),
        directory=tmp_path,
    )
    assert b"there are no alerts" in done.stderr
    (tmp_path / "alerts.json").write_text("{")
    done = logsrv(
        *("alert", "--alert-saved", f"{tmp_path}/alerts.json", "--alert-command", "cat"),
        directory=tmp_path,
    )
    assert done.returncode == 1 and b"alerts.json: not JSON" in done.stderr
