"""`logsrv open`: the address that it prints, and what it says when it cannot."""

import argparse
import os
import socket
import time
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from logsrv.cli.command import parser_of
from logsrv.errors import ConfigurationError, UsageError
from logsrv.linelog.http import open_command
from logsrv.linelog.http.log_in.one_time_codes import LIFETIME, CodeState, OneTimeCodes

TOKEN = "correct-horse-battery"


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No configuration of this machine is read, and no variable."""
    for name in [one for one in os.environ if one.startswith("LOGSRV_") or one == "SUDO_UID"]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(open_command, "CONFIGURATION", str(tmp_path / "none.toml"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def port() -> Iterator[int]:
    """The port of a server that is there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def token(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    return file


def configuration(folder: Path, port: int, more: str = 'http-token-file = "token"') -> Path:
    file = folder / "logsrv.toml"
    file.write_text(f'http = "tcp:{port}:interface=127.0.0.1"\n{more}\n')
    return file


def asked(*words: str) -> argparse.Namespace:
    return parser_of(open_command.command).parse_args(list(words))


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert open_command.run(asked(*words)) == 0
    return capsys.readouterr().out.strip()


def state(address: str, uid: int | None = None) -> CodeState:
    (code,) = parse_qs(urlsplit(address).query)["code"]
    now = time.time()
    return OneTimeCodes(now - LIFETIME).spend(code, TOKEN.encode(), now, uid)


def test_the_configuration_says_where_page_and_token_are(tmp_path, port, token, capsys):
    file = configuration(tmp_path, port)
    address = printed(capsys, "--config", str(file))
    assert address.startswith(f"http://127.0.0.1:{port}/login?code=")
    assert state(address, os.getuid()) is CodeState.RIGHT
    assert state(address, os.getuid() + 1) is CodeState.OTHER_USER
    assert printed(capsys, "--config", str(file)) != address


def test_the_configuration_of_the_package_is_read_if_none_is_named(
    tmp_path, port, token, capsys, monkeypatch
):
    file = configuration(tmp_path, port)
    monkeypatch.setattr(open_command, "CONFIGURATION", str(file))
    assert state(printed(capsys)) is CodeState.RIGHT
    monkeypatch.setenv("LOGSRV_HTTP", f"tcp:{port}:interface=localhost")
    assert printed(capsys).startswith(f"http://localhost:{port}/login?code=")


def test_options_say_it_too(port, token, capsys):
    words = ("--http", f"tcp:{port}:interface=127.0.0.1", "--http-token-file", str(token))
    assert state(printed(capsys, *words)) is CodeState.RIGHT


def test_without_a_token_it_prints_the_plain_address(tmp_path, port, capsys):
    words = ("--config", str(configuration(tmp_path, port, "")))
    assert printed(capsys, *words) == f"http://127.0.0.1:{port}/"


def test_readers_with_tokens_of_their_own_are_told_why_the_address_has_no_code(
    tmp_path, port, token, capsys
):
    reader = '[[reader]]\nname = "alice"\ntoken-file = "token"'
    assert open_command.run(asked("--config", str(configuration(tmp_path, port, reader)))) == 0
    printed = capsys.readouterr()
    assert printed.out == f"http://127.0.0.1:{port}/\n"
    assert printed.err == (
        "logsrv open: the address has no code, as readers have tokens of their own; one of "
        "--http-token-file would make one\n"
    )


def test_a_proxy_has_another_address_and_connects_as_another_user(port, token, capsys):
    words = ("--http", "unix:/run/web", "--http-token-file", str(token))
    address = printed(capsys, *words, "--url", "https://logs.example.org/")
    assert address.startswith("https://logs.example.org/login?code=")
    assert state(address, 33) is CodeState.RIGHT


@pytest.mark.parametrize("url", ["logs.example.org", "ftp://logs", "https://logs/path", "https://"])
def test_a_url_that_is_none_is_refused(url, port):
    with pytest.raises(UsageError, match="not as https://"):
        open_command.run(asked("--http", f"tcp:{port}:interface=127.0.0.1", "--url", url))


def test_the_code_is_for_the_user_who_gave_the_command_to_sudo(port, token, capsys, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("SUDO_UID", "1234")
    words = ("--http", f"tcp:{port}", "--http-token-file", str(token))
    address = printed(capsys, *words)
    assert state(address, 1234) is CodeState.RIGHT
    assert state(address, 1235) is CodeState.OTHER_USER
    with pytest.raises(UsageError, match="would run as root"):
        open_command.run(asked(*words, "--browser"))


def test_another_user_can_be_named(port, token, capsys):
    words = ("--http", f"tcp:{port}", "--http-token-file", str(token))
    address = printed(capsys, *words, "--user", "nobody")
    assert state(address, os.getuid() or 1) is CodeState.OTHER_USER
    with pytest.raises(UsageError, match="there is no user"):
        open_command.run(asked(*words, "--user", "no-such-user"))


def test_the_browser_opens_the_address(port, token, capsys, monkeypatch):
    opened: list[str] = []
    monkeypatch.delenv("SUDO_UID", raising=False)

    def browser(url: str) -> bool:
        opened.append(url)
        return True

    monkeypatch.setattr(webbrowser, "open", browser)
    words = ("--http", f"tcp:{port}", "--http-token-file", str(token), "--browser")
    assert printed(capsys, *words) == opened[0]
    monkeypatch.setattr(webbrowser, "open", lambda url: False)
    with pytest.raises(ConfigurationError, match="no browser was found"):
        open_command.run(asked(*words))


def why(*words: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        open_command.run(asked(*words))
    return str(caught.value)


def test_it_says_what_it_looked_at_when_there_is_no_page(tmp_path):
    assert (
        f"looked at the command line, variables, and {tmp_path}/none.toml, which is not there"
        in why()
    )
    empty = tmp_path / "empty.toml"
    empty.write_text("")
    assert f"there is no --http, so no page (looked at {empty})" in why("--config", str(empty))
    assert "missing.toml" in why("--config", str(tmp_path / "missing.toml"))


def test_it_says_that_a_browser_cannot_open_a_socket(tmp_path):
    said = why("--http", "unix:/run/web")
    assert "a browser cannot open --http unix:/run/web (the command line); --url URL" in said


def test_it_says_that_no_server_is_there(tmp_path, token):
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        port = nobody_listens.getsockname()[1]
        file = configuration(tmp_path, port)
        said = why("--config", str(file))
    assert f"no server is at http://127.0.0.1:{port} (connection refused; " in said
    assert f"the address is from {file}" in said


def test_it_says_what_may_not_be_read(tmp_path, port, token, monkeypatch):
    file = configuration(tmp_path, port)
    monkeypatch.setattr(os, "access", lambda path, how: Path(path) != token)
    assert f"you may not read the token, {token}, named by {file}" in why("--config", str(file))
    token.unlink()
    monkeypatch.setattr(os, "access", lambda path, how: Path(path) != tmp_path)
    assert f"you may not enter {tmp_path}, where the token is" in why("--config", str(file))
    monkeypatch.undo()
    assert "no such file" in why("--config", str(file))


def test_members_of_adm_may_read_the_token_of_the_package_and_not_its_configuration(
    tmp_path, port, token, capsys, monkeypatch
):
    file = configuration(tmp_path, port)
    monkeypatch.setattr(open_command, "CONFIGURATION", str(file))
    monkeypatch.setattr(open_command, "PACKAGED_TOKEN", str(token))
    monkeypatch.setattr(open_command, "PACKAGED_HTTP", f"tcp:{port}:interface=127.0.0.1")
    monkeypatch.setattr(os, "access", lambda path, how: str(path) != str(file))
    assert open_command.run(asked()) == 0
    shown = capsys.readouterr()
    assert state(shown.out.strip()) is CodeState.RIGHT
    assert (
        f"you may not read {file}; this command assumes the address and the token of" in shown.err
    )
