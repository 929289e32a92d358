"""Another user of the machine, at the page and the API on loopback: only root can try to be one."""

import json
import os

import pytest

from logsrv.kit.net.peer_user import tells_users
from logsrv.linelog.http.endpoints import ENDPOINTS
from tests.end_to_end.web_daemon import HTTP, TOKEN, client_of, send
from tests.parts.other_user import Asked, answers_to_nobody, read
from tests.parts.users import EVERYBODYS_PYTHON, as_root

pytestmark = [
    as_root,
    pytest.mark.skipif(not tells_users(), reason="this system does not tell users"),
    pytest.mark.skipif(not os.path.exists(EVERYBODYS_PYTHON), reason=f"no {EVERYBODYS_PYTHON}"),
]

CHANGES: list[Asked] = [
    ("PUT", "/api/saved/mine", '{"q": "x"}', {"Content-Type": "application/json"}),
    ("DELETE", "/api/saved/theirs", None, {}),
    ("POST", "/logout", "", {}),
]


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
