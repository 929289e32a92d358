"""--metrics of real services of every kind, read as Prometheus would."""

import http.client
import re
import socket
import ssl
from pathlib import Path

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.daemons import LOOPBACK, Twistd
from tests.parts.ports import free_port
from tests.parts.prometheus import ALERTS, NAME, promtool

SERVICES = {
    "greet": ("--listen", LOOPBACK),
    "gopher": ("--gateway", LOOPBACK),
    "logsrv": ("--listen", LOOPBACK, "--http", LOOPBACK),
}


def scrape(port: int, path: str = "/metrics", trusted: Path | None = None) -> str:
    """Return the text at a path of a listener. Fails for another status than 200."""
    client = (
        http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        if trusted is None
        else http.client.HTTPSConnection(
            "localhost",
            port,
            timeout=PATIENCE,
            context=ssl.create_default_context(cafile=str(trusted)),
        )
    )
    client.request("GET", path)
    answer = client.getresponse()
    said = answer.read().decode()
    assert answer.status == 200, said
    client.close()
    return said


@pytest.mark.slow
def test_a_client_that_closes_its_half_is_answered(tmp_path):
    """`nc -N`, for example, closes its sending side after the request."""
    arguments = ("--listen", LOOPBACK, "--metrics", LOOPBACK)
    with (
        Twistd("greet", *arguments, directory=tmp_path) as greet,
        socket.create_connection(("127.0.0.1", greet.ports()[-1]), PATIENCE) as client,
        client.makefile("rb") as answer,
    ):
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        client.shutdown(socket.SHUT_WR)
        assert answer.readline() == b"HTTP/1.1 200 OK\r\n"
        assert answer.read().endswith(b'{"status": "ok"}\n')


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name, marks=() if name == "logsrv" else (pytest.mark.long, pytest.mark.nightly)
        )
        for name in SERVICES
    ],
)
def test_promtool_finds_nothing_wrong_with_the_figures_of_any_service(name, tmp_path):
    with Twistd(name, *SERVICES[name], "--metrics", LOOPBACK, directory=tmp_path) as server:
        with socket.create_connection(("127.0.0.1", server.port()), PATIENCE) as peer:
            peer.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert name == "logsrv" or peer.recv(10)
        figures = scrape(server.ports()[-1])
        promtool("check", "metrics", text=figures)
        assert re.search(
            rf'^logsrv_connections_total{{listener="{LOOPBACK}"}} 1\.0$', figures, re.MULTILINE
        )
        for path in ("/healthz", "/readyz"):
            assert scrape(server.ports()[-1], path) == '{"status": "ok"}\n'
        if name == "logsrv":
            # /metrics of the web interface has the same names, help and types.
            said = [line for line in figures.splitlines() if line.startswith("#")]
            other = scrape(server.ports()[1]).splitlines()
            assert [line for line in other if line.startswith("#")] == said
        # A connection stays open, as one of Prometheus does: a stop does not wait for it.
        with socket.create_connection(("127.0.0.1", server.ports()[-1]), PATIENCE):
            server.stop()
        assert "0 connections cut off" in server.log()


@pytest.mark.slow
def test_promtool_finds_nothing_wrong_with_the_figures_of_targets_and_of_a_centre(logger, tmp_path):
    """The figures for alerts about a target are there from its start on, also while it is down."""
    (tmp_path / "token").write_text("geheim")
    token = ("--input-token-file", str(tmp_path / "token"), "--metrics", LOOPBACK)
    (tmp_path / "centre").mkdir()
    centre = logger(
        *token, listen=["blocks:tcp:0:interface=127.0.0.1"], directory=tmp_path / "centre"
    )
    url = f"http://127.0.0.1:{centre.port()}/blocks"
    targets = ("--ship", url, "--ship-token-file", str(tmp_path / "token"))
    down = ("--ship", f"relp://127.0.0.1:{free_port()}", "--metrics", LOOPBACK)
    edge = logger(*targets, *down)
    edge.send(b"one\ntwo\n")
    edge.wait_until(
        lambda: re.search(r"ship_sent_lines_total\{.*\} 2\.0", scrape(edge.ports()[-1])),
        "the lines",
    )
    edge.wait_until(lambda: "it takes nothing" in edge.log(), "the one that is down")
    gaps = re.compile(r"^logsrv_ship_gap_bytes_total\{", re.MULTILINE)
    edge.wait_until(lambda: len(gaps.findall(scrape(edge.ports()[-1]))) == 2, "figures of both")
    found = scrape(edge.ports()[-1])
    for name in NAME.findall(ALERTS.read_text()):
        if name.startswith("logsrv_ship_"):
            each = re.findall(rf'^{name}\{{.*target="([^"]+)"', found, re.MULTILINE)
            assert len({*each}) == 2, name
    for text in found, scrape(centre.ports()[-1]):
        promtool("check", "metrics", text=text)
