"""The gateway as a process: streams, reloads, the guard."""

import http.client
import re
import signal
from typing import Any

import pytest

from logsrv.kit.testing import TwistdProcess, wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.gopher.gateway.web import LOOPBACK
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
    with TwistdProcess(
        "gopher", "--gateway", LOOPBACK, "--allow-private", directory=tmp_path
    ) as web:
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
    with TwistdProcess("gopher", *arguments, directory=tmp_path) as web:
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
    with TwistdProcess("gopher", "--config", str(file), directory=tmp_path) as web:
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
    with TwistdProcess("gopher", *arguments, directory=tmp_path) as web:
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            Client(web.port()).ask("/")
        wait_until(lambda: "refused 127.0.0.1" in web.log(), "the refusal")
