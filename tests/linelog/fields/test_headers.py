"""Fields of many syslog headers: taken from usual ones, any other message handed back."""

import pytest

from logsrv.linelog.fields.headers import HeaderReader

NAMES = ["app", "pid", "hostname", "severity", "facility", "timestamp", "msgid"]
USUAL = [
    b"<34>Nov 20 06:18:42 web sshd[77]: text",
    b"<07>Nov  2 06:18:42 cron: text",
    b"<165>1 2026-11-20T06:18:42Z - shop - ID9 - text",
    b'<165>1 - web shop 5 - [x a="1"] text',
]
UNUSUAL = [
    b"<192>Nov 20 06:18:42 web sshd[77]: text",
    b"<34>sshd[77]: text",
    b'<34>Nov 20 06:18:42 web sshd[77]: {"app":"x"}',
    b'<165>1 - web shop 5 - - {"app":"x"}',
    b"<34>",
    b"<html>",
]


def test_usual_headers_are_read_together():
    found, others = HeaderReader(NAMES).read(b"\n".join(USUAL) + b"\n")
    assert others == []
    assert [place for place, _ in found] == list(range(len(NAMES)))
    assert list(zip(*(column for _, column in found), strict=True)) == [
        ("sshd", "77", "web", "crit", "auth", "Nov 20 06:18:42", None),
        ("cron", None, None, "debug", "kern", "Nov  2 06:18:42", None),
        ("shop", None, None, "notice", "local4", "2026-11-20T06:18:42Z", "ID9"),
        ("shop", "5", "web", "notice", "local4", None, None),
    ]


@pytest.mark.parametrize("message", UNUSUAL)
def test_unusual_ones_are_handed_back(message):
    assert HeaderReader(["app"]).read(USUAL[0] + b"\n" + message + b"\n")[1] == [
        (1, message + b"\n")
    ]


def test_only_names_of_headers_are_wanted():
    assert HeaderReader(["status", "fields.app", "syslog.pid"]).wanted == [1, 2]
    assert not HeaderReader(["text"]).can_read
