"""The fields in texts of sshd and PostgreSQL."""

import pytest

from logsrv.linelog.fields.programs import parse_program_message


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("Failed password for invalid user bob from 1.2.3.4 port 22 ssh2", ("bob", "1.2.3.4", "22")),
        ("Failed none for invalid user  from 1.2.3.4 port 22 ssh2", (None, "1.2.3.4", "22")),
        ("Failed x for a from 6.6.6.6 port 6 from ::1 port 2", ("a from 6.6.6.6 port 6", "::1", "2")),
        ("Accepted publickey for bob from fe80::1%e0 port 5 ssh2: RSA x", ("bob", "fe80::1%e0", "5")),
        ("Invalid user bob from 1.2.3.4", ("bob", "1.2.3.4", None)),
        ("Invalid user bob from 1.2.3.4 port 22", ("bob", "1.2.3.4", "22")),
        ("Connection reset by authenticating user a 1.2.3.4 port 22 [preauth]", ("a", "1.2.3.4", "22")),
        ("Disconnecting invalid user bob 1.2.3.4 port 22:14: Too many", ("bob", "1.2.3.4", "22")),
        ("Disconnected from user bob 1.2.3.4 port 22", ("bob", "1.2.3.4", "22")),
        ("Received disconnect from 1.2.3.4: 11: Bye Bye [preauth]", (None, "1.2.3.4", None)),
        ("Connection closed by peer", (None, None, None)),
        ("Failed to open a file", (None, None, None)),
    ],
)  # fmt: skip
def test_sshd_logins_have_user_and_client(text, fields):
    wanted = zip(("user", "client", "client_port"), fields, strict=True)
    expected = {name: value for name, value in wanted if value is not None}
    assert parse_program_message(text, "sshd") == parse_program_message(text, None) == expected
    assert parse_program_message(text, "cron") == {}


def test_durations_of_postgresql_are_a_field():
    text = "2026-11-20 06:00:00.123 UTC [7] a@b LOG:  duration: 12.345 ms  statement: SELECT 1"
    assert parse_program_message(text, "postgres") == {"duration": "12.345 ms"}
    assert parse_program_message("the duration: 5 ms", None) == {}
