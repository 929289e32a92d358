"""Checks of the line logger: its store and its listeners."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from logsrv.kit.service.findings import Finding, FindingLevel, User, current_user
from logsrv.linelog.plugin import findings as logger
from logsrv.linelog.plugin.findings import check_store, try_line
from tests.parts.logger_services import findings, settings
from tests.parts.users import as_root, follow, nobody, open_directory


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
    first, second = findings(tmp_path, 'ship = ["s3://logs/edge"]')
    assert (first.level, second.level) == (FindingLevel.ERROR, FindingLevel.OK)
    assert first.sentence == "could not be checked: RuntimeError: a bug"


def test_columns_that_cannot_be_made_are_told_unless_they_are_not_wanted(tmp_path, monkeypatch):
    assert findings(tmp_path, "") == []
    monkeypatch.setattr(logger, "columns_are_installed", lambda: False)
    [found] = findings(tmp_path, "")
    assert found.level is FindingLevel.OK and "columns is not installed" in found.sentence
    assert findings(tmp_path, "columns = false") == []


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
    found = [one for one in findings(directory.parent, text) if one.subject == listen]
    assert [one.level for one in found] == noted * [FindingLevel.OK]
    assert all("end with NUL" in one.sentence for one in found)


def test_a_line_is_tried_at_each_listener(tmp_path):
    file = tmp_path / "logsrv.toml"
    file.write_text(
        "mask = ['/\\b\\d{4}\\b/']\ndrop = 'level=debug'\n[[listener]]\nlisten = 'tcp:1'\nname = 'apps'\n"
        "[[listener]]\nlisten = 'tcp:2'\nmask = []\ndrop = 'name=none'\n"
    )
    found = settings("--config", str(file))
    assert [(one.subject, one.sentence) for one in try_line(found, "pin 1234\x1b\né")] == [
        ("apps@tcp:1", "would store: pin (masked)\\x1b\\x0aé"),
        ("tcp:2", "would store: pin 1234\\x1b\\x0aé"),
    ]
    assert [one.sentence for one in try_line(found, "level=debug a=1")] == [
        "would not store the line, because of --drop",
        "would store: level=debug a=1",
    ]
