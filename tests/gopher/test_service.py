"""`twistd gopher`, as a process: the gateway, and what is printed."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from logsrv.kit.testing import TWISTD, wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.gopher.gateway.web import LOOPBACK
from tests.parts.gopher_servers import Scripted, SocksProxy


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
def test_url_and_gateway_give_one_sentence(arguments, said, tmp_path):
    """Neither a URL nor --gateway, or both: one sentence and status 1."""
    done = run(*arguments, directory=tmp_path)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1] == (
        f"gopher: give either a URL to print or --gateway ENDPOINT; {said}"
    )


def test_url_words_and_options_are_those_of_the_command(serve, tmp_path):
    """A word that is a command of its own, such as mirror, is none here."""
    server = serve(b"7\x84\t/s\t\t\r\n.\r\n")
    proxy = SocksProxy(server.port)
    options = [f"--proxy=socks5://127.0.0.1:{proxy.port}", "--charset=cp437"]
    done = run(*options, "far.example", "1", "two", "mirror", directory=tmp_path)
    proxy.close()
    assert (done.returncode, done.stderr) == (0, "")
    assert "ä" in done.stdout
    assert server.requests == [b"\r\n", b"/s\ttwo mirror\r\n"]
    assert "mirror" in run("mirror", directory=tmp_path).stderr


def test_ctrl_c_ends_the_service_without_a_traceback(serve, tmp_path):
    server: Scripted = serve(lambda connection, _: server.hang())
    process = subprocess.Popen(
        [*TWISTD, "-n", "--pidfile=", "gopher", server.url("/0/a")],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    wait_until(lambda: server.requests, "the request")
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (130, b"", b"")


@pytest.mark.slow
def test_twistd_gopher_prints_nothing_besides_the_answer(serve, tmp_path):
    """What twistd says of itself would stand in the middle of what is printed."""
    server = serve(b"\0\1\2\n")
    command = [*TWISTD, "-n", "--pidfile=", "gopher"]
    for path, printed in (("/0/a", b"\\x00\\x01\\x02\n"), ("/9/a", b"")):
        done = subprocess.run(
            [*command, server.url(path)], cwd=tmp_path, capture_output=True, timeout=PATIENCE
        )
        assert (done.returncode, done.stdout) == (0, printed)
    assert (tmp_path / "a").read_bytes() == b"\0\1\2\n"
