"""Findings, checks that fail themselves, checks of servers, and the user that a service runs as."""

import os
import socket
import ssl
from collections.abc import Iterator

import pytest

from logsrv.errors import UsageError
from logsrv.kit.connections.client_tls import TLSOptions
from logsrv.kit.net.parse import parse_endpoint
from logsrv.kit.service import findings
from logsrv.kit.service.findings import (
    CheckRequest,
    Finding,
    FindingLevel,
    User,
    check_server,
    current_user,
    find_user,
    findings_or_error,
    ok,
    short_address_text,
)
from logsrv.kit.testing import self_signed_certificate
from tests.parts.commands import echo, serving
from tests.parts.users import as_root, nobody, open_directory

REACHING = CheckRequest(current_user(), reach=True)


def test_a_check_that_fails_is_a_finding_and_hinders_no_other():
    def check() -> Iterator[Finding]:
        yield ok("disk", "is there")
        raise OSError("it burns")

    first, second = findings_or_error("disk", check)
    assert first.level is FindingLevel.OK
    assert second == Finding(FindingLevel.ERROR, "disk", "could not be checked: OSError: it burns")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("tcp:1234", "tcp:1234"),
        ("udp:514:rcvbuf=1GiB", "udp:514"),
        ("tcp:80:interface=127.0.0.1", "tcp:80 on 127.0.0.1"),
        ("unix:/run/x.sock:mode=660", "unix:/run/x.sock"),
        ("stdin:", "stdin:"),
    ],
)
def test_the_place_of_an_endpoint_is_short(text, place):
    assert short_address_text(parse_endpoint(text)) == place


def test_acting_as_myself_changes_nothing():
    assert current_user().is_me
    with current_user().acting():
        assert os.geteuid() == current_user().uid


@as_root
def test_another_user_has_his_own_rights_and_groups():
    before = os.getresuid(), os.getresgid(), os.getgroups()
    with open_directory() as directory:
        secret = directory / "secret"
        secret.touch(0o600)
        with nobody().acting():
            assert not os.access(secret, os.R_OK)
            assert os.getuid() == nobody().uid and 0 not in os.getgroups()
            with pytest.raises(PermissionError):
                secret.read_text()
        assert os.access(secret, os.R_OK)
    assert (os.getresuid(), os.getresgid(), os.getgroups()) == before


def test_users_are_found_by_name_and_number():
    assert find_user("0").name == find_user("root").name == "root"
    with pytest.raises(UsageError, match="there is no user nosuchuser on this machine"):
        find_user("nosuchuser")
    with pytest.raises(UsageError, match="there is no user"):
        find_user("9" * 30)


def test_a_group_without_a_name_is_its_number():
    assert User("x", 1, 4242424, ()).group == "4242424"
    assert find_user("root").group == "root"


def test_tls_that_holds_and_tls_that_does_not(tmp_path):
    certificate, key = self_signed_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    for tls, level in (
        (TLSOptions(cafile=certificate), FindingLevel.OK),
        (TLSOptions(), FindingLevel.ERROR),
    ):
        with serving(echo, context) as port:
            found = check_server(REACHING, "centre", "localhost", port, tls)
        assert found.level is level, found
    assert "answers, but its TLS is not trusted: self" in found.sentence
    missing = TLSOptions(cafile=tmp_path / "no")
    assert check_server(REACHING, "x", "localhost", 9, missing).level is FindingLevel.ERROR


def test_an_unknown_host_name_is_an_error():
    found = check_server(REACHING, "x", "no-such-host.invalid", 9, None)
    assert (
        found.level is FindingLevel.ERROR
        and "no-such-host.invalid:9 cannot be reached" in found.sentence
    )


def test_a_host_that_says_nothing(monkeypatch):
    monkeypatch.setattr(findings, "REACH_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        found = check_server(REACHING, "x", "127.0.0.1", silent.getsockname()[1], TLSOptions())
    assert found.level is FindingLevel.ERROR and "timed out" in found.sentence
