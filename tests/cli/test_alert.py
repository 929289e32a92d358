"""`logsrv alert`: one's command and webhook are tried before there is a fire."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.cli.command import logsrv
from tests.linelog.alerts.hooks import hook
from tests.linelog.read.stores import lines, make_store


def test_alert_sends_the_servers_message_with_the_newest_lines(tmp_path: Path) -> None:
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


def test_only_named_alerts_of_a_file_are_sent(tmp_path: Path) -> None:
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


def test_a_query_that_hardly_means_what_was_meant_is_told(tmp_path: Path) -> None:
    """A line would have to contain the word `and`."""
    query = "level>=error and disk | count > 100 in 5m"
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
def test_alerts_and_store_are_those_of_the_service_unless_others_are_named(tmp_path: Path) -> None:
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


def test_what_does_not_arrive_is_said_and_not_tried_again(tmp_path: Path) -> None:
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


def test_wrong_options_are_said_as_the_server_says_them(tmp_path: Path) -> None:
    for words, said in (
        ([], "there are no alerts"),
        (["--alert", "x"], "sends no message"),
        (["--alert", "(", "--alert-command", "cat"], "  ^\n"),
        (["--alert", "x", "--alert-command", "no/such"], "there is no program"),
    ):
        done = logsrv("alert", *words, directory=tmp_path)
        assert done.returncode == 1 and said in done.stderr.decode()
