"""`logsrv alert`: one's command and webhook are tried before there is a fire."""

from __future__ import annotations

from pathlib import Path

from tests.cli.command import logsrv
from tests.linelog.alerts.hooks import hook
from tests.linelog.read.stores import lines, make_store


def test_it_sends_what_the_server_would_with_the_newest_lines(tmp_path: Path) -> None:
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


def test_alerts_of_a_file_by_name(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text(
        f'directory = "store"\nalert-command = "tee {tmp_path}/out"\n'
        '[[alerts]]\nname = "web"\nalert = "x"\n[[alerts]]\nname = "disk"\nalert = "y"\n'
    )
    done = logsrv("alert", "--config", str(config), "disk")
    assert done.stdout.decode() == "alert disk: sent by command with 0 lines\n"
    assert "it is sent without lines" in done.stderr.decode()
    assert (tmp_path / "out").read_text().startswith("0 lines match y\nalert: disk\n")
    wrong = logsrv("alert", "--config", str(config), "dsik")
    assert wrong.returncode == 1 and b"did you mean disk?" in wrong.stderr


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
        (["--alert", "x"], "tells nobody"),
        (["--alert", "(", "--alert-command", "cat"], "  ^\n"),
        (["--alert", "x", "--alert-command", "no/such"], "there is no program"),
    ):
        done = logsrv("alert", *words, directory=tmp_path)
        assert done.returncode == 1 and said in done.stderr.decode()
