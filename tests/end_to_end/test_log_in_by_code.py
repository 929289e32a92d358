"""The address of `logsrv open` at a real server: it logs its user in, and no other, and no log has it."""

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from logsrv.kit.net.peer_user import tells_users
from tests.end_to_end.web_daemon import HTTP, TOKEN, client_of, send
from tests.parts.commands import logsrv
from tests.parts.daemons import Logger
from tests.parts.other_user import answers_to_nobody, read
from tests.parts.users import EVERYBODYS_PYTHON, as_root

TYPED = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


def opened(server: Logger, *words: str) -> str:
    """Return the path that `logsrv open` prints, with its query."""
    page = f"tcp:{server.ports()[-1]}:interface=127.0.0.1"
    file = server.directory / "token"
    shown = logsrv("open", "--http", page, "--http-token-file", str(file), *words)
    assert (shown.returncode, shown.stderr) == (0, b"")
    address = urlsplit(shown.stdout.decode().strip())
    assert address.netloc == f"127.0.0.1:{server.ports()[-1]}"
    return f"{address.path}?{address.query}"


@pytest.fixture
def server(logger, tmp_path: Path) -> Logger:
    (tmp_path / "token").write_text(TOKEN)
    started: Logger = logger(
        *HTTP, "--http-token-file", str(tmp_path / "token"), "--log-connections"
    )
    return started


def test_the_address_logs_in_once_and_stands_in_no_log(server):
    send(server, "a line")
    path = opened(server)
    client = client_of(server)
    assert client.ask("/api/stats").status == 401
    answer = client.ask(path, TYPED)
    cookie = answer.headers["set-cookie"].partition(";")[0]
    assert (answer.status, answer.headers["location"]) == (303, "/")
    assert client.ask("/api/stats", {"Cookie": cookie}).status == 200
    assert client.ask(path, TYPED).status == 401
    secret = re.search("code=(.*)", path)
    assert secret and secret[1] not in server.log() and "code=" not in server.log()
    assert not [
        file
        for file in server.store.rglob("*")
        if file.is_file() and secret[1].encode() in file.read_bytes()
    ]


def test_after_a_restart_no_code_of_before_is_accepted(server, logger):
    path = opened(server)
    server.stop()
    page = f"tcp:{server.ports()[-1]}:interface=127.0.0.1"
    again = logger("--http", page, "--http-token-file", str(server.directory / "token"))
    assert client_of(again).ask(path, TYPED).status == 401


@as_root
@pytest.mark.skipif(not tells_users(), reason="this system does not tell users")
@pytest.mark.skipif(not os.path.exists(EVERYBODYS_PYTHON), reason=f"no {EVERYBODYS_PYTHON}")
def test_a_code_that_another_user_sees_in_the_process_list_is_of_no_use(server):
    """The browser has the address in its command line, which every user may read."""
    path = opened(server)
    answers = answers_to_nobody(server.ports()[-1], read(path, **TYPED))
    status, page = answers[f"GET {path}"]
    assert status == 401 and "Set-Cookie" not in page
    assert client_of(server).ask(path, TYPED).status == 303, "it is not used up by that"
    path = opened(server, "--user", "nobody")
    assert answers_to_nobody(server.ports()[-1], read(path, **TYPED))[f"GET {path}"][0] == 303
