"""`twistd gopher`, as a process: the gateway, and what is printed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from logsrv.kit.testing import TWISTD, wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.gopher.conftest import Serve
from tests.gopher.gateway.web import LOOPBACK
from tests.gopher.servers import Scripted, SocksProxy


def run(*arguments: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """`twistd -n gopher …` until its end, with its log elsewhere."""
    command = [
        *TWISTD,
        "-n",
        "--pidfile=",
        f"--logfile={directory}/twistd.log",
        "gopher",
        *arguments,
    ]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=PATIENCE)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [([], "neither is there"), (["gopher://x.example/", "--gateway", LOOPBACK], "both are there")],
)
def test_url_and_gateway_give_one_sentence(arguments: list[str], said: str, tmp_path: Path) -> None:
    """Neither a URL nor --gateway, or both: one sentence and status 1."""
    done = run(*arguments, directory=tmp_path)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1] == (
        f"gopher: give either a URL to print or --gateway ENDPOINT; {said}"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--pin", "--insecure", "h"],
            "gopher: a CA file, pins and no check at all are three ways",
        ),
        (
            ["--charste", "x", "h"],
            "gopher: --charste (command line): no such option (did you mean --charset?)",
        ),
    ],
)
def test_a_wrong_option_is_one_sentence(arguments: list[str], said: str, tmp_path: Path) -> None:
    """As twistd's own and those of the other plugins: one sentence that says whose it is, status 1."""
    done = run(*arguments, directory=tmp_path)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith(said)


def test_twistd_gopher_prints_an_answer_and_ends(serve: Serve, tmp_path: Path) -> None:
    """`twistd -n gopher URL` prints what is there on standard output, and ends with 0."""
    server = serve(b"Hello from afar.\r\n.\r\n")
    done = run(server.url("/0/hello"), directory=tmp_path)
    assert (done.returncode, done.stdout) == (0, "Hello from afar.\n")


@pytest.mark.slow
def test_twistd_gopher_prints_nothing_besides_the_answer(serve: Serve, tmp_path: Path) -> None:
    """What twistd says of itself would stand in the middle of what is printed."""
    server = serve(b"\0\1\2\n")
    command = [*TWISTD, "-n", "--pidfile=", "gopher"]
    for path, printed in (("/0/a", b"\\x00\\x01\\x02\n"), ("/9/a", b"")):
        done = subprocess.run(
            [*command, server.url(path)], cwd=tmp_path, capture_output=True, timeout=PATIENCE
        )
        assert (done.returncode, done.stdout) == (0, printed)
    assert (tmp_path / "a").read_bytes() == b"\0\1\2\n"


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["INT", "TERM"]
)
def test_ctrl_c_and_sigterm_end_it_without_a_traceback(
    serve: Serve, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    """Ctrl-C ends it without a traceback."""
    server: Scripted = serve(lambda connection, _: server.hang())
    process = subprocess.Popen(
        [*TWISTD, "-n", "--pidfile=", "gopher", server.url("/0/a")],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    wait_until(lambda: server.requests, "the request")
    os.kill(process.pid, number)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (status, b"", b"")


def test_the_options_of_a_connection_are_used(serve: Serve, tmp_path: Path) -> None:
    """The options of `gopher URL` about servers are there too."""
    server = serve(b"\x84\r\n.\r\n")
    proxy = SocksProxy(server.port)
    options = [f"--proxy=socks5://127.0.0.1:{proxy.port}", "--charset=cp437"]
    done = run(*options, "gopher://far.example/0/a", directory=tmp_path)
    proxy.close()
    assert (done.returncode, done.stdout, done.stderr) == (0, "ä\n", "")


@pytest.mark.slow
def test_words_after_url_are_searched_and_numbers_are_links(serve: Serve, tmp_path: Path) -> None:
    """Words behind the URL are looked for, and numbers are links, as `gopher URL` has them."""
    server = serve(b"7Find\t/s\t\t\r\n.\r\n")
    for words in (["two words"], ["two", "words"], ["--", "two", "words"]):
        assert "Find" in run(server.url("/7/s"), *words, directory=tmp_path).stdout
    assert "Find" in run(server.url(), "1", "two", "words", directory=tmp_path).stdout
    assert server.requests == [*[b"/s\ttwo words\r\n"] * 3, b"\r\n", b"/s\ttwo words\r\n"]


def test_an_error_of_the_server_is_status_3(serve: Serve, tmp_path: Path) -> None:
    """It ends with the status of the command: 3 for an error of the server; the sentence is on stderr."""
    server = serve(b"3No such thing\t\terror.host\t1\r\n")
    done = run(server.url("/0/x"), directory=tmp_path)
    assert done.returncode == 3
    assert done.stdout == ""
    assert "No such thing" in done.stderr


def test_a_command_name_in_place_of_the_url_is_a_wrong_url(tmp_path: Path) -> None:
    """A URL that looks like a command of its own is a wrong URL."""
    done = run("mirror", directory=tmp_path)
    assert done.returncode != 0
    assert "mirror" in done.stderr


@pytest.mark.slow
@pytest.mark.complains("cannot start")
def test_a_port_in_use_is_reported_at_once_with_status_1(tmp_path: Path) -> None:
    """A port that is taken is said at once, with status 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("--gateway", f"tcp:{port}:interface=127.0.0.1", directory=tmp_path)
    assert done.returncode == 1
    assert "in use" in (tmp_path / "twistd.log").read_text()
