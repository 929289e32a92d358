"""Certificates: how long they hold, their keys, and what follows them in their file."""

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from logsrv.kit.net.parse import parse_endpoint
from logsrv.kit.options.files import GivenFile
from logsrv.kit.service.file_checks import (
    check_certificate_file,
    check_certificates,
    check_directory_writable,
    check_files,
)
from logsrv.kit.service.findings import Finding, FindingLevel, User, current_user
from tests.parts.users import as_root, follow, nobody, open_directory

NOW = datetime.datetime(2026, 11, 22, 12, tzinfo=datetime.UTC)
EC = ec.generate_private_key(ec.SECP256R1())
OTHER = ec.generate_private_key(ec.SECP256R1())


def certificate(
    days: float,
    key: Any = EC,
    *,
    name: str = "logs.example",
    by: Any = None,
    of: str = "",
    begins: float = -400,
) -> bytes:
    """Return a certificate that is valid for so many days, signed by itself or `by` the key `of` a name."""
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, of or name)]))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW + datetime.timedelta(days=begins))
        .not_valid_after(NOW + datetime.timedelta(days=days))
        .sign(by or key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )


def found_of(directory: Path, certificates: bytes, key: Any = EC, more: str = "") -> list[Finding]:
    """The findings about a listener that has them."""
    pem = directory / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    pem.write_bytes(private + certificates)
    endpoint = parse_endpoint(f"ssl:6514:privateKey={pem}{more}")
    # Of two listeners with the same files one is enough.
    return list(check_certificates([endpoint, endpoint], NOW))


def check_written(path: Path) -> Finding:
    [found] = check_files([GivenFile("store", path, False, False, True)], current_user())
    assert found.subject == str(path)
    return found


def test_a_file_that_the_service_writes_needs_a_directory(tmp_path):
    """Nobody makes that at the start."""
    found = check_written(tmp_path / "x" / "y")
    assert (found.level, found.sentence) == (
        FindingLevel.ERROR,
        f"cannot be made: there is no directory {tmp_path}/x (--store)",
    )
    assert found.advice.startswith("install -d") and found.advice.endswith(f"{tmp_path}/x")
    assert check_written(tmp_path).sentence == "is a directory, not a file (--store)"
    assert check_written(tmp_path / "y").sentence.startswith("is not there yet; user ")


@as_root
def test_a_file_that_the_service_writes_is_tried_for_writing():
    other = nobody()
    with open_directory() as directory:
        there = directory / "there"
        there.write_text("")
        there.chmod(0o644)
        paths = there, directory / "new"
        files = [GivenFile("store", path, False, False, True) for path in paths]
        with other.acting():
            found, new = check_files(files, other)
        assert found.sentence == f"cannot be written by user {other.name} (--store)"
        assert new.sentence.startswith("cannot be made: user ")
        follow(found.advice)
        with other.acting():
            [found] = check_files(files[:1], other)
        assert found.level is FindingLevel.OK


def test_of_a_path_only_is_known_what_is_there(tmp_path):
    [found] = check_files([GivenFile("spool", tmp_path / "x" / "y", False, False)], current_user())
    assert (found.level, found.sentence) == (FindingLevel.OK, "is not there (--spool)")


@pytest.mark.parametrize(
    ("days", "begins", "level", "says"),
    [
        (31, -400, FindingLevel.OK, "logs.example is valid until 2026-12-23 12:00 UTC"),
        (29.5, -400, FindingLevel.WARNING, "logs.example is valid until 2026-12-22 00:00 UTC"),
        (-1, -400, FindingLevel.ERROR, "logs.example expired on 2026-11-21 12:00 UTC"),
        (90, 1, FindingLevel.ERROR, "logs.example is valid from 2026-11-23 12:00 UTC on"),
    ],
)
def test_a_certificate_is_valid_expired_or_early(tmp_path, days, begins, level, says):
    [found] = found_of(tmp_path, certificate(days, begins=begins))
    assert (found.level, found.sentence) == (level, says)
    assert found.subject == str(tmp_path / "server.pem")


def test_a_certificate_of_another_key_is_an_error(tmp_path):
    found, _ = found_of(tmp_path, certificate(90), OTHER)
    assert found.level is FindingLevel.ERROR and found.subject == "ssl:6514"
    assert "the certificate belongs to another key" in found.sentence


def test_an_expired_certificate_of_the_chain_is_an_error(tmp_path):
    authority = certificate(-1, OTHER, name="authority")
    leaf = certificate(90, by=OTHER, of="authority")
    found = found_of(tmp_path, leaf + authority)
    assert [one.level for one in found] == [FindingLevel.OK, FindingLevel.ERROR]
    assert "authority expired" in found[1].sentence


def test_an_authority_of_clients_that_ends_soon_is_a_warning(tmp_path):
    ca = tmp_path / "ca.pem"
    ca.write_bytes(certificate(3, name="our ca"))
    found = found_of(tmp_path, certificate(90), more=f":clientca={ca}")
    assert [one.level for one in found] == [FindingLevel.OK, FindingLevel.WARNING]
    assert found[1].subject == str(ca) and '"our ca" is valid until 2026-11-25' in found[1].sentence


def test_an_expired_authority_beside_a_valid_one_is_a_warning(tmp_path):
    """The bundle of a system has some: the service works for clients of the others, if there are any."""
    ca = tmp_path / "ca.pem"
    ca.write_bytes(certificate(-3, name="old ca"))
    words = f":clientca={ca}"
    found = found_of(tmp_path, certificate(90), more=words)
    assert [one.level for one in found] == [FindingLevel.OK, FindingLevel.ERROR]
    ca.write_bytes(certificate(-3, name="old ca") + certificate(90, name="new ca"))
    found = found_of(tmp_path, certificate(90), more=words)
    assert [one.level for one in found] == [FindingLevel.OK, FindingLevel.WARNING, FindingLevel.OK]


def test_a_file_without_certificates_is_an_error(tmp_path):
    (tmp_path / "ca.pem").write_text("nothing")
    [found] = check_certificate_file(tmp_path / "ca.pem", NOW)
    assert (
        found.level is FindingLevel.ERROR
        and "has no certificates that can be used" in found.sentence
    )


def test_a_listener_without_a_certificate_has_no_findings():
    assert not list(check_certificates([parse_endpoint("tcp:1234")], NOW))


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


def test_a_missing_file_of_a_table_names_the_table(directory):
    """There is no option of this name to look for."""
    given = GivenFile("token-file", directory / "none", True, table="reader")
    [found] = check_files([given], current_user())
    assert found.sentence == "is not there (token-file of [[reader]])"


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
