"""The echo servers of docs/cookbook.md: each claim is checked with the server in examples/echo/."""

from __future__ import annotations

import ast
import contextlib
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from bench.child import running
from bench.echo.servers import SERVERS, EchoServer, code_lines
from bench.proc import is_bound
from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.cli.certificates import Authority
from tests.docs.conftest import ROOT
from tests.docs.probes import (
    BOOM,
    NOTHING_COMES,
    PROBES,
    handler_fails,
    read_line,
    started,
)
from tests.docs.story import blocks
from tests.ports import free_port
from tests.programs import program

PAGE = (ROOT / "docs" / "cookbook.md").read_text()
ENDPOINTS = "IPv6, UNIX sockets, TLS without other code"
CLAIMS = (*PROBES, ENDPOINTS)
KIT = SERVERS[-1]
# The other servers are there for comparison, and change only with the page.
OTHERS = (pytest.mark.long, pytest.mark.nightly)
EACH = [
    pytest.param(server, id=server.name, marks=() if server is KIT else OTHERS)
    for server in SERVERS
]


def rows() -> dict[str, dict[str, bool]]:
    """Return the list of the page: for each claim and server whether the page says yes."""
    found = {}
    for claim, servers in re.findall(r"^- (.+?): ([\w, ]+)$", PAGE, re.MULTILINE):
        if claim in CLAIMS:
            able = servers.split(", ")
            assert set(able) <= {server.name for server in SERVERS}, claim
            found[claim] = {server.name: server.name in able for server in SERVERS}
    return found


@pytest.fixture(scope="module")
def claims() -> dict[str, dict[str, bool]]:
    return rows()


@pytest.mark.slow
@pytest.mark.parametrize("server", EACH)
@pytest.mark.parametrize("claim", PROBES)
def test_each_claim_about_an_echo_server_is_true(
    claim: str, server: EchoServer, claims: dict[str, dict[str, bool]], tmp_path: Path
) -> None:
    is_failing = PROBES[claim] is handler_fails
    # The other servers may log any error.
    asked = (".",) if server is not KIT else (BOOM.decode(),) if is_failing else ()
    if is_failing:
        server = failing(server, tmp_path)
    folder = tmp_path / "run"
    folder.mkdir()
    is_claimed = claims[claim][server.name]
    patience = PATIENCE if is_claimed else NOTHING_COMES
    with started(server, folder, patience=patience, asked=asked) as probed:
        assert PROBES[claim](probed) == is_claimed


def failing(server: EchoServer, folder: Path) -> EchoServer:
    """Return the same server with a handler that raises for one line."""
    source, handled = re.subn(
        r"^( +)(stream\.write|self\.wfile\.write|return line|writer\.write|self\.send)",
        r'\1if "boom" in str(line): raise ValueError("boom")' + "\n" + r"\1\2",
        server.path.read_text(),
        flags=re.MULTILINE,
    )
    assert handled == 1, f"{server.file} has no handler that this test knows"
    path = folder / server.file
    path.write_text(source)
    return Changed(server.name, server.file, server.takes, path)


@attrs.frozen
class Changed(EchoServer):
    changed: Path = Path()

    @property
    def path(self) -> Path:
        return self.changed


def test_the_page_has_every_claim_for_every_server(claims: dict[str, dict[str, bool]]) -> None:
    assert set(claims) == set(CLAIMS)


def test_the_page_names_the_servers_and_shows_the_last() -> None:
    for server in SERVERS:
        assert re.search(rf"{server.name}s? \(`{server.file}`\)", PAGE), server.name
    [shown] = [block.body for block in blocks(PAGE) if block.argument.endswith("echo_plugin.py")]
    assert class_of(shown) == class_of(KIT.path.read_text())


def class_of(source: str) -> str:
    [found] = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    return ast.unparse(found)


@pytest.mark.slow
@pytest.mark.parametrize("server", EACH)
def test_servers_that_accept_endpoints_accept_unix_and_tls(
    server: EchoServer, claims: dict[str, dict[str, bool]], tmp_path: Path
) -> None:
    """A server that accepts an endpoint accepts any; the others have no option for one."""
    assert claims[ENDPOINTS][server.name] == (server.takes != "PORT")
    if server.takes == "PORT":
        return
    authority = Authority(tmp_path)
    pem = authority.certify("localhost")
    trusting = ssl.create_default_context(cafile=authority.cafile)
    with (
        _at(server, tmp_path / "unix", f"unix:{tmp_path}/echo") as _,
        socket.socket(socket.AF_UNIX) as client,
    ):
        wait_until(lambda: _connected(client, f"{tmp_path}/echo"), "the UNIX socket")
        assert _comes_back(client)
    with _at(server, tmp_path / "six", "tcp:{port}:interface=\\:\\:1") as port:
        wait_until(lambda: is_bound("tcp6", str(port)), "the port")
        with socket.create_connection(("::1", port), PATIENCE) as client:
            assert _comes_back(client)
    tls = f"ssl:{{port}}:interface=127.0.0.1:privateKey={pem}:certKey={pem}"
    with _at(server, tmp_path / "tls", tls) as port:
        wait_until(lambda: is_bound("tcp", str(port)), "the port")
        with (
            socket.create_connection(("127.0.0.1", port), PATIENCE) as plain,
            trusting.wrap_socket(plain, server_hostname="localhost") as client,
        ):
            assert _comes_back(client)


@contextlib.contextmanager
def _at(server: EchoServer, folder: Path, endpoint: str) -> Iterator[int]:
    folder.mkdir()
    port = free_port()
    command = server.command(port, endpoint=endpoint.format(port=port))
    with running(command, server.environment(folder), folder / "said", lambda: True):
        yield port


def _connected(client: socket.socket, path: str) -> bool:
    try:
        client.connect(path)
    except OSError:
        return False
    return True


def _comes_back(client: socket.socket) -> bool:
    client.settimeout(PATIENCE)
    client.sendall(b"hello\n")
    return read_line(client).rstrip() == b"hello"


@pytest.mark.slow
def test_an_option_of_the_kit_limits_connections(tmp_path: Path) -> None:
    options = ("--max-connections", "1")
    with started(KIT, tmp_path, *options) as server, server.connect() as first:
        assert server.echoes(first)
        assert not server.serves()
        assert server.echoes(first)


@pytest.mark.slow
def test_an_option_of_the_kit_says_who_may_connect(tmp_path: Path) -> None:
    with started(KIT, tmp_path, "--allow", "192.0.2.0/24") as server:
        assert not server.serves()


@pytest.mark.slow
def test_an_option_of_the_kit_closes_silent_connections(tmp_path: Path) -> None:
    with started(KIT, tmp_path, "--idle-timeout", "100ms") as server, server.connect() as client:
        client.settimeout(PATIENCE)
        assert client.recv(1) == b""


def test_blank_lines_comments_and_docstrings_are_not_lines_of_code() -> None:
    assert (
        code_lines('"""What it is."""\n\n# why\nx = 1\n\ndef f():\n    """Prose\n    too."""\n')
        == 2
    )


@pytest.mark.slow
def test_the_benchmark_of_echo_servers_measures_each_server() -> None:
    """In one short round each server is measured, and no connection is lost."""
    program("cc", "gcc")
    words = ["--rounds", "1", "--seconds", "0.2", "--only", "kit", "--only", "select"]
    done = subprocess.run(
        [sys.executable, "-m", "bench.echo", *words], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    measured = [row for row in done.stdout.splitlines() if re.match(r"\| (kit|select) ", row)]
    assert len(measured) == 2
    assert not any("–" in row for row in measured)
