"""Who may listen where without a token, and where the token comes from."""

import pytest

from logsrv.errors import ConfigurationError
from logsrv.kit.net.parse import parse_endpoint
from logsrv.kit.options.secrets import SECRET
from logsrv.kit.web.endpoints import is_private
from logsrv.linelog.http.http_settings import (
    HOST_NAME,
    HttpSettings,
    read_http_token,
)


@pytest.mark.parametrize(
    ("endpoint", "private"),
    [
        ("tcp:80:interface=127.0.0.1", True),
        ("tcp:80:interface=127.9.9.9", True),
        ("tcp:80:interface=localhost", True),
        ("tcp6:80:interface=\\:\\:1", True),
        ("unix:/run/web", True),
        ("systemd:domain=UNIX:index=0", True),
        ("tcp:80", False),
        ("tcp:80:interface=0.0.0.0", False),
        ("tcp:80:interface=192.0.2.1", False),
        ("tcp6:80", False),
        ("systemd:domain=INET:index=0", False),
        # Who comes through the proxy comes from anywhere.
        ("haproxy:tcp:80:interface=127.0.0.1", False),
    ],
)
def test_a_public_endpoint_needs_a_token(endpoint, private):
    parsed = parse_endpoint(endpoint)
    assert is_private(parsed) is private
    settings = HttpSettings(http=(parsed,))
    if private:
        assert read_http_token(settings) is None
    else:
        with pytest.raises(ConfigurationError, match="can be reached by others"):
            read_http_token(settings)
    assert read_http_token(HttpSettings(http=(parsed,), http_token="x")) == "x"


def test_a_token_file_has_one_token(tmp_path):
    file = tmp_path / "token"
    file.write_text("secret\n")
    assert read_http_token(HttpSettings(http_token_file=file)) == "secret"
    for text in ("", "two words", "ä", "x" * 2000):
        file.write_text(text)
        with pytest.raises(ConfigurationError, match=r"has no token in it|is larger than"):
            read_http_token(HttpSettings(http_token_file=file))
    with pytest.raises(ConfigurationError, match="take one"):
        read_http_token(HttpSettings(http_token_file=file, http_token="x"))
    with pytest.raises(ConfigurationError, match="no such file"):
        read_http_token(HttpSettings(http_token_file=tmp_path / "none"))


def test_host_names_and_tokens_are_checked():
    assert HOST_NAME.parse("Logs.Example.ORG") == "logs.example.org"
    for text in ("a:80", "http://a", "", "a b"):
        with pytest.raises(ValueError, match="not a name"):
            HOST_NAME.parse(text)
    with pytest.raises(ValueError, match="not a token"):
        SECRET.parse("a b")
