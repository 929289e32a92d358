"""Checks of those whom the line logger tells: targets, nodes, alerts."""

from __future__ import annotations

import datetime
import socket
import ssl
from pathlib import Path

import pytest

from logsrv.kit.net.tls.client_tls import TLSOptions
from logsrv.kit.net.tls.self_signed import write_pair
from logsrv.kit.options.load import Sources, load
from logsrv.kit.service.checks.findings import Asked, Finding, Level
from logsrv.kit.service.checks.user import myself
from logsrv.linelog.plugin.checks import told
from logsrv.linelog.plugin.checks.told import check_alerts, check_extras, check_targets, reach
from logsrv.linelog.plugin.settings import LoggerSettings
from tests.cli.command import echo, serving
from tests.kit.service.checks.others import as_root, follow, nobody, open_directory

NOW = datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC)


def settings(directory: Path, text: str) -> LoggerSettings:
    file = directory / "logsrv.toml"
    file.write_text(text)
    sources = Sources(name="logsrv", directory=directory, arguments={"config": [str(file)]})
    return load(LoggerSettings, sources).settings


def targets(directory: Path, text: str, *, reaching: bool = False) -> list[Finding]:
    return list(check_targets(settings(directory, text), Asked(myself(), reaching), NOW))


def test_targets_are_not_contacted_unless_asked_for(tmp_path: Path) -> None:
    with serving(echo) as port:
        text = f'ship = ["relp://127.0.0.1:{port}"]'
        [found] = targets(tmp_path, text)
        assert found.level is Level.OK
        assert found.sentence == f"goes to relp://127.0.0.1:{port} (not contacted; --reach tries)"
        [found] = targets(tmp_path, text, reaching=True)
        assert (found.level, found.sentence) == (Level.OK, f"127.0.0.1:{port} answers")
    [found] = targets(tmp_path, text, reaching=True)
    assert found.level is Level.ERROR
    assert found.sentence == f"127.0.0.1:{port} cannot be reached: connection refused"


def test_buckets_and_directories(tmp_path: Path) -> None:
    text = f'ship = ["s3://logs/edge", "file://{tmp_path}/archive"]'
    bucket, archive = targets(tmp_path, text, reaching=True)
    assert "never contacted" in bucket.sentence and bucket.level is Level.OK
    assert archive.sentence == f"can be written by user {myself().name}: {tmp_path}/archive"
    assert not (tmp_path / "archive").exists()


@as_root
def test_an_archive_that_the_user_may_not_write() -> None:
    with open_directory() as directory:
        made = settings(directory, f'ship = ["file://{directory}/archive"]')
        [found] = check_targets(made, Asked(nobody()), NOW)
        assert found.level is Level.ERROR and "cannot be written by user nobody" in found.sentence
        follow(found.advice)
        [found] = check_targets(made, Asked(nobody()), NOW)
        assert found.level is Level.OK


def test_certificates_of_targets_and_nodes(tmp_path: Path) -> None:
    write_pair(tmp_path)
    text = (
        f'ship = ["https://localhost:9/blocks"]\nship-ca = "{tmp_path}/cert.pem"\n'
        f'nodes = ["all-of-them=https://localhost:9"]\nnodes-ca = "{tmp_path}/cert.pem"\n'
    )
    certificate, _ = targets(tmp_path, text)
    assert certificate.subject == f"{tmp_path}/cert.pem" and "localhost" in certificate.sentence
    found = targets(tmp_path, text, reaching=True)
    assert [one.level for one in found[1:]] == [Level.ERROR, Level.ERROR]
    assert found[-1].subject == "node https://localhost:9"


def test_tls_that_holds_and_tls_that_does_not(tmp_path: Path) -> None:
    write_pair(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    for tls, level in (
        (TLSOptions(cafile=tmp_path / "cert.pem"), Level.OK),
        (TLSOptions(), Level.ERROR),
    ):
        with serving(echo, context) as port:
            found = reach("centre", "localhost", port, tls)
        assert found.level is level, found
    assert "answers, but not with TLS that holds: self" in found.sentence
    assert reach("x", "localhost", 9, TLSOptions(cafile=tmp_path / "no")).level is Level.ERROR


def test_a_name_that_is_not_known() -> None:
    found = reach("x", "no-such-host.invalid", 9, None)
    assert (
        found.level is Level.ERROR and "no-such-host.invalid:9 cannot be reached" in found.sentence
    )


def test_a_host_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(told, "REACH_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        found = reach("x", "127.0.0.1", silent.getsockname()[1], TLSOptions())
    assert found.level is Level.ERROR and "timed out" in found.sentence


ALERT = 'alert = ["error"]\n'


def alerts(directory: Path, text: str, asked: Asked | None = None) -> list[Finding]:
    return list(check_alerts(settings(directory, ALERT + text), asked or Asked(myself())))


def test_commands_of_alerts(tmp_path: Path) -> None:
    [found] = alerts(tmp_path, 'alert-command = "sh -c true"')
    assert found == Finding(Level.OK, "alert 1", f"sh can be run by user {myself().name}")
    [found] = alerts(tmp_path, 'alert-command = "no-such-program"')
    assert found.level is Level.ERROR and "there is no program no-such-program" in found.sentence


@as_root
def test_a_command_that_only_root_may_run() -> None:
    with open_directory() as directory:
        program = directory / "tell"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o700)
        text = f'alert-command = "{program}"'
        assert [one.level for one in alerts(directory, text)] == [Level.OK]
        [found] = alerts(directory, text, Asked(nobody()))
        assert found.level is Level.ERROR and found.sentence.endswith("by user nobody")


def test_webhooks_are_named_without_their_secret(tmp_path: Path) -> None:
    text = 'alert-webhook = "http://127.0.0.1:9/T1/secret"'
    [found] = alerts(tmp_path, text)
    assert found.sentence == "posts to 127.0.0.1:9 (not contacted; --reach tries)"
    [found] = alerts(tmp_path, text, Asked(myself(), reach=True))
    assert found.level is Level.ERROR and "secret" not in found.sentence
    [found] = alerts(tmp_path, 'alert-webhook = "https://hooks.example/T1"')
    assert "hooks.example:443" in found.sentence


def test_packages_that_are_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = 'listen = ["nats:nats.example/LOGS", "http:tcp:8088", "http:tcp:8089", "tcp:1234"]'
    monkeypatch.setattr(told, "find_spec", lambda name: object())
    assert not list(check_extras(settings(tmp_path, text)))
    monkeypatch.setattr(told, "find_spec", lambda name: None)
    fetched, http = check_extras(settings(tmp_path, text))
    assert (fetched.level, fetched.sentence) == (Level.ERROR, "needs the package nats")
    assert fetched.advice == "pip install 'logsrv[nats]'"
    assert (http.level, http.advice) == (Level.WARNING, "pip install 'logsrv[senders]'")
