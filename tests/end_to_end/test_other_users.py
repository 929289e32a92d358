"""Another user of the machine, at the page and the API on loopback: only root can try to be one."""

import json
import os
import subprocess
from collections.abc import Mapping
from typing import TypeAlias

import pytest

from logsrv.kit.net.peer_user import tells_users
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.http.endpoints import ENDPOINTS
from tests.end_to_end.web_daemon import HTTP, TOKEN, client_of, send
from tests.parts.users import EVERYBODYS_PYTHON, as_root, nobody

pytestmark = [
    as_root,
    pytest.mark.skipif(not tells_users(), reason="this system does not tell users"),
    pytest.mark.skipif(not os.path.exists(EVERYBODYS_PYTHON), reason=f"no {EVERYBODYS_PYTHON}"),
]

ASK = """
import http.client, json, sys
found = {}
for method, path, body, headers in json.load(sys.stdin):
    connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=60)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    found[f"{method} {path}"] = [answer.status, answer.read(200).decode()]
    connection.close()
print(json.dumps(found))
"""
Asked: TypeAlias = tuple[str, str, str | None, Mapping[str, str]]
"""Method, path, body and headers of a request."""
CHANGES: list[Asked] = [
    ("PUT", "/api/saved/mine", '{"q": "x"}', {"Content-Type": "application/json"}),
    ("DELETE", "/api/saved/theirs", None, {}),
    ("POST", "/logout", "", {}),
]


def read(path: str, **headers: str) -> Asked:
    return "GET", path, None, headers


def answers_to_nobody(port: int, *asked: Asked) -> dict[str, tuple[int, str]]:
    """Return status and text of each answer, by method and path."""
    done = subprocess.run(
        [EVERYBODYS_PYTHON, "-c", ASK, str(port)],
        input=json.dumps(asked).encode(),
        stdout=subprocess.PIPE,
        user=nobody().uid,
        cwd="/",
        check=True,
        timeout=PATIENCE,
    )
    return {asked: (status, text) for asked, (status, text) in json.loads(done.stdout).items()}


def test_another_user_reads_and_changes_nothing_on_loopback(logger, tmp_path):
    """Not by a single path: the files of the store are not his to read either."""
    saved = tmp_path / "saved.json"
    saved.write_text('{"theirs": {"q": "secret"}}')
    server = logger(*HTTP, "--saved", str(saved))
    send(server, "a secret line")
    paths = [one.path for one in ENDPOINTS if not one.open] + ["/", "/board", "/nothing/here"]
    answers = answers_to_nobody(server.ports()[-1], *map(read, paths), *CHANGES)
    assert {status for status, _ in answers.values()} == {403}
    assert not [text for _, text in answers.values() if "secret" in text]
    assert "only root may read here, not nobody" in answers["GET /"][1]
    assert json.loads(saved.read_text()) == {"theirs": {"q": "secret"}}
    assert client_of(server).search() == ["a secret line"], "its own user reads as before"
    open_paths = [one.path for one in ENDPOINTS if one.open]
    answers = answers_to_nobody(server.ports()[-1], *map(read, open_paths))
    assert {status for status, _ in answers.values()} == {200}


TOKEN_SENT = {"Authorization": f"Bearer {TOKEN}"}


@pytest.mark.parametrize(
    ("options", "headers", "status"),
    [
        (["--http-any-user"], {}, 200),
        (["--http-token", TOKEN], TOKEN_SENT, 200),
        (["--http-token", TOKEN], {}, 401),
        (["--http-token", TOKEN, "--http-any-user"], {}, 401),
    ],
)
def test_any_user_may_read_if_the_operator_says_so_or_has_given_him_a_token(
    options, headers, status, logger
):
    server = logger(*HTTP, *options)
    answers = answers_to_nobody(server.ports()[-1], read("/api/stats", **headers))
    assert answers["GET /api/stats"][0] == status
