"""The log-in page says to clients on this machine, and to no others, where the token is."""

import shlex
from pathlib import Path

import pytest
from twisted.internet.address import UNIXAddress

from logsrv.kit.web.access import web_endpoint_kind
from logsrv.linelog.http.http_settings import HttpSettings
from logsrv.linelog.http.log_in.token_hint import PACKAGED_TOKEN, TokenHint, token_hint
from logsrv.linelog.http.readers.reader_settings import ReaderSettings
from tests.parts.web_requests import requested

FILE = Path("/srv/my logs/token")
BY_FILE = HttpSettings(http_token_file=FILE)
COMMAND = "logsrv open --http tcp:80:interface=127.0.0.1 --http-token-file '/srv/my logs/token'"


def test_a_client_on_this_machine_is_told_file_and_command():
    assert token_hint(requested(), BY_FILE) == TokenHint(str(FILE), COMMAND)
    packaged = HttpSettings(http_token_file=Path(PACKAGED_TOKEN))
    assert token_hint(requested(), packaged) == TokenHint(PACKAGED_TOKEN, "logsrv open")
    assert token_hint(requested(), HttpSettings(http_token="x")) == TokenHint(None, "logsrv open")


def test_readers_with_tokens_of_their_own_are_told_of_no_command():
    """`logsrv open` makes no code of their tokens."""
    reader = ReaderSettings(name="ann", token_file=FILE)
    assert token_hint(requested(), HttpSettings(reader=(reader,))) is None
    for_all = HttpSettings(reader=(reader,), http_token_file=FILE)
    assert token_hint(requested(), for_all) == TokenHint(str(FILE), COMMAND)


def test_the_command_for_a_page_with_tls_names_its_key():
    """Without it, `logsrv open` would look for server.pem, and refuse the endpoint."""
    written = "ssl:80:interface=127.0.0.1:privateKey=/srv/key.pem"
    pages = tuple(web_endpoint_kind(8080).parse(text) for text in ("tcp:8081", written))
    request = requested()
    request.isSecure = lambda: True  # type: ignore[method-assign]
    hint = token_hint(request, HttpSettings(http=pages, http_token=None, http_token_file=FILE))
    assert hint is not None
    assert shlex.split(hint.command) == [
        "logsrv", "open", "--http", written, "--http-token-file", str(FILE),
    ]  # fmt: skip


def test_a_client_of_a_unix_socket_is_on_this_machine():
    request = requested()
    request.getHost = lambda: UNIXAddress(b"/run/web")  # type: ignore[method-assign]
    assert token_hint(request, BY_FILE) == TokenHint(str(FILE), "logsrv open")


@pytest.mark.parametrize(
    "how",
    [
        {"peer": "192.0.2.1", "host": "192.0.2.7"},
        {"X_Forwarded_For": "192.0.2.1"},
        {"X_Real_IP": "192.0.2.1"},
        {"Forwarded": "for=192.0.2.1"},
        {"Via": "1.1 proxy"},
        {"Host": "logs.example.org"},
    ],
)
def test_a_client_that_may_be_elsewhere_is_told_nothing(how):
    assert token_hint(requested(**how), BY_FILE) is None


def test_a_proxy_that_speaks_http_1_0_is_told_nothing():
    request = requested()
    request.clientproto = b"HTTP/1.0"
    assert token_hint(request, BY_FILE) is None
