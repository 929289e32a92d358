"""`twistd gopher` as a process: what is printed; the gateway: streams, reloads, the guard."""

import http.client
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from logsrv.kit.testing import TWISTD, wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.gopher.gateway.conftest import LOOPBACK
from tests.parts.daemons import Twistd
from tests.parts.gopher_servers import Scripted, SocksProxy
from tests.parts.strangers import memory
from tests.parts.web_clients import Client

BIG = 200 * 1024 * 1024


@pytest.mark.slow
def test_two_hundred_megabytes_go_through_in_little_memory(serve, tmp_path):
    """200 MB go through the gateway whole, and it stays small."""
    chunk = bytes(range(256)) * 4096

    def script(connection: Any, request: bytes) -> None:
        for _ in range(BIG // len(chunk)):
            connection.sendall(chunk)

    server = serve(script)
    with Twistd("gopher", "--gateway", LOOPBACK, "--allow-private", directory=tmp_path) as web:
        Client(web.port()).ask("/")
        before = memory(web.pid, most=True)
        connection = http.client.HTTPConnection("127.0.0.1", web.port(), timeout=PATIENCE)
        connection.request("GET", f"/gopher/127.0.0.1:{server.port}/9/big")
        answer = connection.getresponse()
        received = 0
        while piece := answer.read(len(chunk)):
            assert piece == chunk[: len(piece)]
            received += len(piece)
        connection.close()
        assert received == BIG
        assert memory(web.pid, most=True) - before < 24 << 20


@pytest.mark.slow
def test_sighup_reloads_the_file_and_sigterm_ends_with_sums(serve, tmp_path):
    """SIGHUP reads the file again, a wrong one changes nothing; SIGTERM ends it with its sums."""
    server = serve(b"0One\t/1\r\n.\r\n")
    file = tmp_path / "gopher.toml"
    file.write_text("allow-private = false\n")
    path = f"/gopher/127.0.0.1:{server.port}/"
    arguments = ["--gateway", LOOPBACK, "--config", str(file)]
    with Twistd("gopher", *arguments, directory=tmp_path) as web:
        assert Client(web.port()).ask(path).status == 403
        file.write_text("allow-private = true\n")
        web.send_signal(signal.SIGHUP)
        web.wait_for_log("reloaded")
        assert Client(web.port()).ask(path).status == 200
        file.write_text("allow-private = 7\n")
        web.send_signal(signal.SIGHUP)
        web.wait_for_log("reload refused")
        assert Client(web.port()).ask(path).status == 200
        web.stop()
        assert "gateway_requests_total 3, gateway_cache_hits_total 1" in web.log()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "said"),
    [("", "neither is there"), ('url = "gopher://x.example/"\n', "both are there")],
)
def test_a_reload_refuses_what_a_start_refuses(changed, said, tmp_path):
    """Without --gateway there would be no listener left, with a URL nothing would be printed."""
    gateway = f'gateway = ["{LOOPBACK}"]\n'
    file = tmp_path / "gopher.toml"
    file.write_text(gateway)
    with Twistd("gopher", "--config", str(file), directory=tmp_path) as web:
        assert Client(web.port()).ask("/").status == 200
        file.write_text(changed and changed + gateway)
        web.send_signal(signal.SIGHUP)
        web.wait_for_log("reload refused, the old settings stay: give either a URL")
        web.wait_for_log(re.escape(said))
        assert Client(web.port()).ask("/").status == 200


@pytest.mark.slow
def test_a_denied_address_is_refused_and_logged(tmp_path):
    """The guard of the kit is there too."""
    arguments = ["--gateway", LOOPBACK, "--deny", "127.0.0.0/8"]
    with Twistd("gopher", *arguments, directory=tmp_path) as web:
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            Client(web.port()).ask("/")
        wait_until(lambda: "refused 127.0.0.1" in web.log(), "the refusal")


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
