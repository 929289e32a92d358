"""Headers as RFC 5424 and 3164 have them, and as senders write them."""

import pytest

from logsrv.linelog.fields.forms.syslog.one import parse_syslog_header
from logsrv.linelog.fields.reader import FieldReader
from logsrv.linelog.fields.stamps import StampedLines

_5424 = {"facility": "auth", "severity": "crit", "timestamp": "2026-11-20T06:18:42Z"}


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        (
            (
                b'<34>1 2026-11-20T06:18:42Z web su 12 ID47 [ex@1 a="b\\"\\]\\\\c" d=""][t x="1"] '
                b"\xef\xbb\xbfhello"
            ),
            {**_5424, "hostname": "web", "app": "su", "pid": "12", "msgid": "ID47", "text": "hello"}
            | {"ex@1.a": 'b"]\\c', "ex@1.d": "", "t.x": "1"},
        ),
        (
            b"<165>1 - - - - - - text",
            {"facility": "local4", "severity": "notice", "text": "text"},
        ),
        (b"<34>1 2026-11-20T06:18:42Z - - - - -", {**_5424, "text": ""}),
        (
            b'<34>1 2026-11-20T06:18:42Z - - - - [a x="1" x="2"]',
            {**_5424, "a.x": "2", "text": ""},
        ),
        (
            b"<13>Nov 20 06:23:18 web su[12]: failed",
            {"facility": "user", "severity": "notice", "timestamp": "Nov 20 06:23:18"}
            | {"hostname": "web", "app": "su", "pid": "12", "text": "failed"},
        ),
        (
            b"<13>Nov  5 06:23:18 root: x",
            {"facility": "user", "severity": "notice", "timestamp": "Nov  5 06:23:18"}
            | {"app": "root", "text": "x"},
        ),
        (
            b"<13>2026-11-20T06:23:18.1+01:00 fe80::1 cron: x: y",
            {"facility": "user", "severity": "notice", "timestamp": "2026-11-20T06:23:18.1+01:00"}
            | {"hostname": "fe80::1", "app": "cron", "text": "x: y"},
        ),
        (
            b"<13>Nov 20 06:23:18 10.0.0.9 Use the BFG!",
            {"facility": "user", "severity": "notice", "timestamp": "Nov 20 06:23:18"}
            | {"hostname": "10.0.0.9", "text": "Use the BFG!"},
        ),
        (
            b"<13>Jul  1 09:00:55 mac Google Chrome Helper[7]: x",
            {"facility": "user", "severity": "notice", "timestamp": "Jul  1 09:00:55"}
            | {"hostname": "mac", "app": "Google Chrome Helper", "pid": "7", "text": "x"},
        ),
        (
            b"<13>Jul  1 09:00:55 mac there is an error[7]: x",
            {"facility": "user", "severity": "notice", "timestamp": "Jul  1 09:00:55"}
            | {"hostname": "mac", "text": "there is an error[7]: x"},
        ),
        (rb"<12>msg\x00", {"facility": "user", "severity": "warning", "text": "msg"}),
        (b"<12>msg\0", {"facility": "user", "severity": "warning", "text": "msg"}),
        (b"<12>msg", {"facility": "user", "severity": "warning", "text": "msg"}),
        (b"<12>http://x", {"facility": "user", "severity": "warning", "text": "http://x"}),
        (b"<12>app: msg", {"facility": "user", "severity": "warning", "app": "app", "text": "msg"}),
    ],
)
def test_headers_of_every_form_have_their_fields(message, fields):
    header = parse_syslog_header(message)
    assert header is not None and header.fields == fields
    assert header.text.decode() == fields["text"]


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        (
            b"Nov  5 06:23:18 web su[12]: failed",
            {"timestamp": "Nov  5 06:23:18", "hostname": "web", "app": "su", "pid": "12"},
        ),
        (
            b"2026-11-20T06:23:18.123456+01:00 web-1.example kernel: failed",
            {"timestamp": "2026-11-20T06:23:18.123456+01:00", "hostname": "web-1.example"}
            | {"app": "kernel"},
        ),
        (
            b"Jul  1 09:00:55 mac-10 Microsoft Word[14463]: failed",
            {"timestamp": "Jul  1 09:00:55", "hostname": "mac-10", "app": "Microsoft Word"}
            | {"pid": "14463"},
        ),
        (
            b"2026-11-20T06:23:18Z 10.0.0.9 su: failed",
            {"timestamp": "2026-11-20T06:23:18Z", "hostname": "10.0.0.9", "app": "su"},
        ),
    ],
)
def test_headers_of_the_files_of_syslog_daemons(message, fields):
    header = parse_syslog_header(message)
    assert header is not None
    assert (header.fields, header.severity) == ({**fields, "text": "failed"}, None)


@pytest.mark.parametrize(
    "message",
    [
        *(b"", b"x", b"<192>x", b"<>x", b"<1234>x", b"<invld>x", b" <13>x"),
        b"Nov 20 06:23:18 something happened",
        b"Nov 20 06:23:18 su: there is no host",
        b"2026-11-20T06:23:18Z ERROR db: a level is no host",
        b"2026-11-20T06:23:18Z main error: nor a program",
        b"2026-11-20 06:23:18 web su: no daemon writes such a time",
    ],
)
def test_messages_without_a_header_have_none(message):
    assert parse_syslog_header(message) is None


@pytest.mark.parametrize(
    ("number", "name"),
    [(0, "kern"), (12, "ntp"), (13, "audit"), (14, "alert"), (15, "clock"), (23, "local7")],
)
def test_facilities_and_severities_have_their_keywords(number, name):
    header = parse_syslog_header(b"<%d>x" % (number * 8 + 3))
    assert header is not None
    assert (header.fields["facility"], header.fields["severity"]) == (name, "err")


NAMES = ["app", "pid", "hostname", "severity", "facility", "timestamp", "msgid"]
USUAL = [
    b"<34>Nov 20 06:18:42 web sshd[77]: text",
    b"<07>Nov  2 06:18:42 cron: text",
    b"<165>1 2026-11-20T06:18:42Z - shop - ID9 - text",
    b'<165>1 - web shop 5 - [x a="1"] text',
]


def test_usual_headers_are_read_together():
    found = FieldReader(NAMES).read(StampedLines(b"\n".join(USUAL) + b"\n"))
    assert list(zip(*found, strict=True)) == [
        ("sshd", "77", "web", "crit", "auth", "Nov 20 06:18:42", None),
        ("cron", None, None, "debug", "kern", "Nov  2 06:18:42", None),
        ("shop", None, None, "notice", "local4", "2026-11-20T06:18:42Z", "ID9"),
        ("shop", "5", "web", "notice", "local4", None, None),
    ]
