"""Checks of the line logger: its store, and those whom it tells: targets, alerts."""

import asyncio
import datetime
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from logsrv.kit.options.load import SettingsSources, load_settings
from logsrv.kit.service.findings import CheckRequest, Finding, FindingLevel, User, current_user
from logsrv.kit.testing import self_signed_certificate
from logsrv.linelog.formats.nats.link import NatsLink
from logsrv.linelog.plugin import findings as logger
from logsrv.linelog.plugin.findings import check_logger, check_store
from logsrv.linelog.plugin.logger_settings import LoggerSettings
from tests.parts.commands import echo, serving
from tests.parts.nats_servers import newer, one_server, url_of
from tests.parts.users import as_root, follow, nobody, open_directory

REACHING = CheckRequest(current_user(), reach=True)
NOW = datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC)


def settings(directory: Path, text: str) -> LoggerSettings:
    file = directory / "logsrv.toml"
    file.write_text(text)
    sources = SettingsSources(name="logsrv", directory=directory, arguments={"config": [str(file)]})
    return load_settings(LoggerSettings, sources).settings


def told(directory: Path, text: str, asked: CheckRequest | None = None) -> list[Finding]:
    """What is found of those whom it tells."""
    made = settings(directory, text)
    asked = asked or CheckRequest(current_user())
    with asked.user.acting():
        found = list(check_logger(made, asked, NOW))
    return [one for one in found if one.subject != str(made.directory)]


@pytest.fixture
def directory() -> Iterator[Path]:
    with open_directory() as path:
        (path / "lines").mkdir(0o750)
        yield path / "lines"


def faults(directory: Path, user: User) -> list[Finding]:
    with user.acting():
        return [one for one in check_store(directory, user) if one.level is not FindingLevel.OK]


def test_nothing_of_a_store_is_changed(directory):
    (directory / "current.log").write_text("2026-11-22T11:00:00.000000Z tcp:1 hello\n")
    before = {path: path.stat() for path in (directory, *directory.iterdir())}
    assert not faults(directory, current_user())
    after = {path: path.stat() for path in (directory, *directory.iterdir())}
    assert {path: found.st_mtime_ns for path, found in after.items()} == {
        path: found.st_mtime_ns for path, found in before.items()
    }


@as_root
def test_another_user_may_not_write_it_until_it_is_his(directory):
    [found] = faults(directory, nobody())
    assert found.level is FindingLevel.ERROR and "written by user nobody" in found.sentence
    follow(found.advice)
    assert not faults(directory, nobody())
    # Somebody has tried it as root.
    (directory / "current.log").touch(0o600)
    [found] = faults(directory, nobody())
    assert found.sentence == "cannot be used by user nobody"
    follow(found.advice)
    assert not faults(directory, nobody())


@as_root
@pytest.mark.parametrize(
    "name",
    [
        "0000000001-20261120T060000Z.log.zst",
        "0000000001-20261120T060000Z.log.zst.idx",
        "0000000001-20261120T060000Z.parquet",
        "0000000002-20261120T060000Z.log",
        "0000000001-0000000256.catalog",
        "origins",
        "ship/centre",
        "alerts",
    ],
)
def test_a_file_that_root_has_copied_into_the_store_is_told(directory, name):
    """As `cp -r` leaves it: the service could not open it."""
    shutil.chown(directory, "nobody")
    made = directory / name
    if "/" in name:
        made.parent.mkdir()
        shutil.chown(made.parent, "nobody")
    if name == "alerts":
        made.mkdir(0o750)
    else:
        made.touch(0o640)
        (made.parent / "other.zst").touch(0o640)
    [found] = faults(directory, nobody())
    assert found.level is FindingLevel.ERROR
    assert found.sentence.startswith("cannot be used by user nobody")
    assert ("and 1 more file here" in found.sentence) == (name != "alerts")
    follow(found.advice)
    assert not faults(directory, nobody())


def test_a_check_that_fails_hinders_no_other(tmp_path, monkeypatch):
    def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(logger, "check_store", fail)
    made = settings(tmp_path, 'ship = ["s3://logs/edge"]')
    first, second = check_logger(made, CheckRequest(current_user()), NOW)
    assert (first.level, second.level) == (FindingLevel.ERROR, FindingLevel.OK)
    assert first.sentence == "could not be checked: RuntimeError: a bug"


def test_columns_that_cannot_be_made_are_told_unless_they_are_not_wanted(tmp_path, monkeypatch):
    assert told(tmp_path, "") == []
    monkeypatch.setattr(logger, "columns_are_installed", lambda: False)
    [found] = told(tmp_path, "")
    assert found.level is FindingLevel.OK and "columns is not installed" in found.sentence
    assert told(tmp_path, "columns = false") == []


def test_targets_are_not_contacted_unless_asked_for(tmp_path):
    with serving(echo) as port:
        text = f'ship = ["relp://127.0.0.1:{port}"]'
        [found] = told(tmp_path, text)
        assert found.level is FindingLevel.OK
        assert found.sentence == f"is at 127.0.0.1:{port} (not contacted; --reach tries)"
        [found] = told(tmp_path, text, REACHING)
        assert (found.level, found.sentence) == (FindingLevel.OK, f"127.0.0.1:{port} answers")
    [found] = told(tmp_path, text, REACHING)
    assert found.level is FindingLevel.ERROR
    assert found.sentence == f"127.0.0.1:{port} cannot be reached: connection refused"


@pytest.mark.parametrize(
    ("config", "level", "why"),
    [
        (None, FindingLevel.OK, "there is no stream LOGS yet; it is made with at most 10.0 GiB"),
        ({}, FindingLevel.WARNING, "the stream LOGS has no limits"),
        ({"max_age": 10**9, "duplicate_window": 10**9}, FindingLevel.OK, "above 1s it drops"),
        ({"max_bytes": 8 << 20}, FindingLevel.OK, "above 8.0 MiB it drops the oldest"),
        (
            {"max_bytes": 8 << 20, "discard": "new"},
            FindingLevel.OK,
            "when it has 8.0 MiB, lines wait",
        ),
        ({"subjects": ["else.*"]}, FindingLevel.ERROR, "takes other subjects than logs"),
        ({"retention": "workqueue"}, FindingLevel.ERROR, "removes messages once they are read"),
        ({"max_msgs": 100}, FindingLevel.OK, "the stream LOGS: exactly once"),
    ],
)
def test_the_limits_of_a_stream_are_looked_at(tmp_path, config, level, why):
    with one_server(newer(), tmp_path) as server:
        if config is not None:
            made: dict[str, object] = {"name": "LOGS", "subjects": ["logs.*"], **config}
            asyncio.run(ask_jetstream(server.port, "STREAM.CREATE.LOGS", made))
        reached, found = told(tmp_path, f'ship = ["{url_of([server])}"]', REACHING)
    assert reached.level is FindingLevel.OK
    assert (found.level, why in found.sentence) == (level, True), found.sentence


async def ask_jetstream(port: int, what: str, order: dict[str, object]) -> None:
    link = NatsLink([("127.0.0.1", port)], {}, None)
    await link.connect_if_needed()
    await link.ask_jetstream(what, order)
    await link.close()


def test_a_bucket_is_not_contacted_and_a_missing_archive_is_a_warning(tmp_path):
    text = f'ship = ["s3://logs/edge", "file://{tmp_path}/archive"]'
    bucket, archive = told(tmp_path, text, REACHING)
    assert "never contacted" in bucket.sentence and bucket.level is FindingLevel.OK
    assert archive.level is FindingLevel.WARNING and archive.sentence == "is not there"
    assert archive.advice == f"mount a disk there, or mkdir {tmp_path}/archive"
    assert not (tmp_path / "archive").exists()


@as_root
def test_an_archive_that_the_user_may_not_write_is_an_error():
    with open_directory() as directory:
        text = f'ship = ["file://{directory}/archive"]'
        [found] = told(directory, text, CheckRequest(nobody()))
        assert (
            found.level is FindingLevel.ERROR and "made or written by user nobody" in found.sentence
        )
        follow(found.advice)
        [found] = told(directory, text, CheckRequest(nobody()))
        assert found.level is FindingLevel.OK


def test_certificates_of_targets_are_checked(tmp_path):
    self_signed_certificate(tmp_path)
    text = f'ship = ["https://localhost:9/blocks"]\nship-ca = "{tmp_path}/cert.pem"\n'
    certificate, *_ = told(tmp_path, text)
    assert certificate.subject == f"{tmp_path}/cert.pem" and "localhost" in certificate.sentence
    found = told(tmp_path, text, REACHING)
    assert [one.level for one in found[1:]] == [FindingLevel.ERROR]


ALERT = 'alert = ["error"]\n'


def alerts(directory: Path, text: str, asked: CheckRequest | None = None) -> list[Finding]:
    return told(directory, ALERT + text, asked)


def test_a_missing_program_of_an_alert_is_an_error(tmp_path):
    [found] = alerts(tmp_path, 'alert-command = "sh -c true"')
    assert found == Finding(
        FindingLevel.OK, "alert 1", f"sh can be run by user {current_user().name}"
    )
    [found] = alerts(tmp_path, 'alert-command = "no-such-program"')
    assert (
        found.level is FindingLevel.ERROR
        and "there is no program no-such-program" in found.sentence
    )


@as_root
def test_an_alert_command_that_only_root_may_run_is_an_error():
    with open_directory() as directory:
        program = directory / "tell"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o700)
        text = f'alert-command = "{program}"'
        assert [one.level for one in alerts(directory, text)] == [FindingLevel.OK]
        [found] = alerts(directory, text, CheckRequest(nobody()))
        assert found.level is FindingLevel.ERROR and found.sentence.endswith("by user nobody")


def test_webhooks_are_named_without_their_secret(tmp_path):
    text = 'alert-webhook = "http://127.0.0.1:9/T1/secret"'
    [found] = alerts(tmp_path, text)
    assert found.sentence == "is at 127.0.0.1:9 (not contacted; --reach tries)"
    [found] = alerts(tmp_path, text, REACHING)
    assert found.level is FindingLevel.ERROR and "secret" not in found.sentence
    [found] = alerts(tmp_path, 'alert-webhook = "https://hooks.example/T1"')
    assert "hooks.example:443" in found.sentence


def test_searches_can_be_saved_where_the_user_may_write(tmp_path):
    (tmp_path / "file").touch()
    for place, level in ((".", FindingLevel.OK), ("file", FindingLevel.ERROR)):
        found = told(tmp_path, f'saved = "{place}/saved.json"')
        assert [one.level for one in found] == [level]


@pytest.mark.parametrize(
    ("listen", "noted"),
    [
        ("gelf:tcp:12201", True),
        ("gelf:unix:/run/gelf.sock", True),
        ("gelf:udp:12201", False),
        ("syslog:tcp:514", False),
        ("tcp:1234", False),
    ],
)
def test_the_check_says_how_messages_of_gelf_end(directory, listen, noted):
    text = f'listen = ["{listen}"]\ndirectory = "{directory}"\n'
    found = [one for one in told(directory.parent, text) if one.subject == listen]
    assert [one.level for one in found] == noted * [FindingLevel.OK]
    assert all("end with NUL" in one.sentence for one in found)
