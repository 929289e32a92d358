"""Rights and contents of the files that options name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from logsrv.kit.options.given import GivenFile
from logsrv.kit.service.checks.files import check_configuration, check_files
from logsrv.kit.service.checks.findings import Finding, Level
from logsrv.kit.service.checks.user import User, myself
from tests.kit.service.checks.others import as_root, follow, nobody, open_directory

TOKEN = "0123456789abcdef0123456789abcdef\n"


@pytest.fixture
def directory() -> Iterator[Path]:
    with open_directory() as path:
        yield path


def checked(path: Path, user: User, *, secret: bool = True) -> list[Finding]:
    return list(check_files([GivenFile("http-token-file", path, secret)], user))


def written(path: Path, text: str = TOKEN, mode: int = 0o640) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_token_of_the_right_mode_is_fine(directory: Path) -> None:
    [found] = checked(written(directory / "token"), myself())
    assert found.level is Level.OK
    assert found.sentence.startswith(f"can be read by {myself().name} (")
    assert found.sentence.endswith(" 0640)")


@pytest.mark.parametrize(("mode", "may"), [(0o644, "read"), (0o646, "read and change")])
def test_everybody_may_read_it(directory: Path, mode: int, may: str) -> None:
    path = written(directory / "token", mode=mode)
    [found] = checked(path, myself())
    assert found.level is Level.WARNING
    assert found.sentence == f"everybody on this machine may {may} it (mode {mode:04o})"
    assert found.advice == f"chmod 640 {path}"


def test_a_directory_that_nobody_else_enters_protects_what_is_in_it(directory: Path) -> None:
    path = written(directory / "token", mode=0o644)
    directory.chmod(0o750)
    [found] = checked(path, myself())
    assert found.level is Level.OK


def test_what_is_no_secret_may_be_read_by_all(directory: Path) -> None:
    path = written(directory / "ca.pem", "anything", 0o644)
    [found] = checked(path, myself(), secret=False)
    assert found.level is Level.OK


def test_a_file_that_is_not_there_may_be_one_that_the_service_makes(directory: Path) -> None:
    def level(path: Path) -> Level:
        [found] = check_files([GivenFile("file", path, secret=False, needed=False)], myself())
        return found.level

    assert level(directory / "notes.db") is Level.WARNING
    assert level(directory / "nowhere" / "notes.db") is Level.ERROR


@pytest.mark.parametrize(
    ("text", "level", "says"),
    [
        ("", Level.ERROR, "is empty (--http-token-file)"),
        (" \n", Level.ERROR, "is empty"),
        ("short\n", Level.WARNING, "has a token of 5 characters, which can be guessed"),
        (TOKEN.strip() + "  \n", Level.WARNING, "has blanks around the token"),
        (TOKEN + "\n", Level.WARNING, "has blanks around the token"),
        (TOKEN + TOKEN, Level.ERROR, "has more than one line"),
        ("-----BEGIN NATS USER JWT-----\na\n", Level.OK, "can be read"),
        ("x" * 70000, Level.ERROR, "is larger than 64 KiB"),
    ],
)
def test_contents(directory: Path, text: str, level: Level, says: str) -> None:
    [found] = checked(written(directory / "token", text), myself())
    assert found.level is level and says in found.sentence
    assert "0123456789" not in found.sentence + found.advice


def test_one_that_is_missing_is_made_by_what_is_said(directory: Path) -> None:
    path = directory / "token"
    [found] = checked(path, myself())
    assert found.level is Level.ERROR and found.sentence == "is not there (--http-token-file)"
    follow(found.advice)
    [found] = checked(path, myself())
    assert found.level is Level.OK, found


def test_a_directory_that_others_may_write(directory: Path) -> None:
    path = written(directory / "token")
    directory.chmod(0o777)
    [found] = checked(path, myself())
    assert "may put another file in its place" in found.sentence
    assert found.advice == f"chmod o-w {directory}"


@as_root
def test_the_user_of_the_service_cannot_read_it_until_he_does_what_is_said(directory: Path) -> None:
    path = written(directory / "token", mode=0o600)
    [found] = checked(path, nobody())
    assert found.level is Level.ERROR
    assert found.sentence == "cannot be read by user nobody (--http-token-file)"
    follow(found.advice)
    [found] = checked(path, nobody())
    assert found.level is Level.OK


@as_root
def test_the_directory_above_keeps_him_out(directory: Path) -> None:
    inner = directory / "inner"
    inner.mkdir(0o700)
    path = written(inner / "token", mode=0o640)
    os.chown(path, 0, nobody().gid)
    [found] = checked(path, nobody())
    assert found.advice == f"chgrp {nobody().group} {inner} && chmod g+x {inner}"
    follow(found.advice)
    [found] = checked(path, nobody())
    assert found.level is Level.OK


def test_a_configuration_with_secrets_in_it(directory: Path) -> None:
    path = written(directory / "logsrv.toml", mode=0o644)
    assert not list(check_configuration(path, [], myself()))
    [found] = check_configuration(path, ["http-token", "http-token"], myself())
    assert found.level is Level.WARNING and found.sentence.endswith("and http-token is in it")
    path.chmod(0o666)
    [found] = check_configuration(path, [], myself())
    assert found.level is Level.ERROR and "may read and change it" in found.sentence
    assert not list(check_configuration(Path("/dev/fd/3"), ["http-token"], myself()))


@as_root
def test_a_configuration_that_a_reload_could_not_read(directory: Path) -> None:
    path = written(directory / "logsrv.toml", mode=0o600)
    [found] = check_configuration(path, [], nobody())
    assert found.sentence == "cannot be read by user nobody, so a reload would be refused"
