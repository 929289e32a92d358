"""The examples of docs/http.md, with a real server."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.http.endpoints import BY_PATH
from tests.parts.daemon_logs import check_log
from tests.parts.daemons import LOOPBACK, Twistd
from tests.parts.web_clients import Client

PAGE = (Path(__file__).parent.parent.parent / "docs" / "http.md").read_text()
EXAMPLES = re.findall(r"^```http\nGET (\S+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
LINES = b"level=error user=ann timeout\nlevel=info user=bob\n"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a server that has two lines."""
    arguments = ("--listen", LOOPBACK, "--http", LOOPBACK)
    directory = tmp_path_factory.mktemp("http")
    with Twistd("logsrv", *arguments, directory=directory) as server:
        with socket.create_connection(("127.0.0.1", server.port()), PATIENCE) as connection:
            connection.sendall(LINES)
        found = Client(server.ports()[-1])
        server.wait_until(lambda: found.ask("/api/stats").json["lines"] == 2, "the lines")
        yield found
    check_log(server.log_path)


def test_the_page_has_examples_for_these_tests():
    assert len(EXAMPLES) > 7


@pytest.mark.parametrize(("path", "answer"), EXAMPLES)
def test_the_server_answers_an_example_as_printed(client, path, answer):
    """The page's answer matches; `…` in it stands for any text."""
    pattern = ".*".join(map(re.escape, answer.strip().split("…")))
    found = client.ask(path.replace(">", "%3E")).body.decode().strip()
    assert re.fullmatch(pattern, found), found


@pytest.mark.slow
def test_every_path_is_on_the_page():
    for path in BY_PATH:
        assert path in PAGE, path
    for parameter in BY_PATH["/api/search"].parameters:
        assert f"`{parameter.name}" in PAGE
