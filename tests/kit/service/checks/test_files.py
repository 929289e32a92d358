"""Rights and contents of the files that options name."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from logsrv.kit.options.given_files import GivenFile
from logsrv.kit.service.checks.files import check_directory_writable, check_files
from logsrv.kit.service.checks.findings import Finding, FindingLevel
from logsrv.kit.service.checks.user import User, current_user
from tests.parts.users import as_root, follow, nobody, open_directory

TOKEN = "0123456789abcdef0123456789abcdef\n"


@pytest.fixture
def directory() -> Iterator[Path]:
    with open_directory() as path:
        yield path


def checked(path: Path, user: User, *, secret: bool = True) -> list[Finding]:
    with user.acting():
        return list(check_files([GivenFile("http-token-file", path, secret)], user))


def written(path: Path, text: str = TOKEN, mode: int = 0o640) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_token_of_the_right_mode_is_fine(directory):
    [found] = checked(written(directory / "token"), current_user())
    assert (found.level, found.sentence) == (
        FindingLevel.OK,
        f"can be read by user {current_user().name}",
    )


@pytest.mark.parametrize(("mode", "may"), [(0o644, "read"), (0o646, "read and change")])
def test_a_secret_that_all_may_read_is_a_warning(directory, mode, may):
    path = written(directory / "token", mode=mode)
    [found] = checked(path, current_user())
    assert found.level is FindingLevel.WARNING
    assert found.sentence == f"everybody on this machine may {may} it (mode {mode:04o})"
    assert found.advice == f"chmod 640 {path}"


def test_a_directory_that_nobody_else_enters_protects_what_is_in_it(directory):
    path = written(directory / "token", mode=0o644)
    directory.chmod(0o750)
    [found] = checked(path, current_user())
    assert found.level is FindingLevel.OK


def test_a_file_that_is_no_secret_may_be_read_by_all(directory):
    path = written(directory / "ca.pem", "anything", 0o644)
    [found] = checked(path, current_user(), secret=False)
    assert found.level is FindingLevel.OK


def test_a_file_that_is_not_there_may_be_one_that_the_service_makes(directory):
    def level(path: Path) -> FindingLevel:
        [found] = check_files([GivenFile("file", path, secret=False, needed=False)], current_user())
        return found.level

    assert level(directory / "notes.db") is FindingLevel.OK
    assert level(written(directory / "nowhere") / "notes.db") is FindingLevel.ERROR


@as_root
def test_the_advice_makes_a_file_readable_for_the_user(directory):
    path = written(directory / "token", mode=0o600)
    [found] = checked(path, nobody())
    assert found.level is FindingLevel.ERROR
    assert found.sentence == "cannot be read by user nobody (--http-token-file)"
    follow(found.advice)
    [found] = checked(path, nobody())
    assert found.level is FindingLevel.OK


def directory_found(path: Path, user: User) -> Finding:
    with user.acting():
        return check_directory_writable(path, user)


def test_an_existing_or_possible_directory_is_fine(directory):
    assert directory_found(directory, current_user()).sentence.startswith("can be written by user")
    made = directory_found(directory / "a" / "b", current_user())
    assert made.sentence == "is not there yet, and is made at the start"
    assert not (directory / "a").exists()
    (directory / "link").symlink_to("link")
    for path in (written(directory / "file"), directory / "file" / "b", directory / "link"):
        assert directory_found(path, current_user()).level is FindingLevel.ERROR


@as_root
def test_the_advice_makes_a_directory_writable_for_the_user(directory):
    (directory / "made").mkdir(0o750)
    for path in (directory / "made", directory / "new"):
        found = directory_found(path, nobody())
        assert found.level is FindingLevel.ERROR and "by user nobody" in found.sentence
        follow(found.advice)
        assert directory_found(path, nobody()).level is FindingLevel.OK
