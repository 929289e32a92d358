"""Lines as syslog messages: our own input reads the same lines, times and levels out of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.kit.text.colours import without_colours
from logsrv.linelog.fields.forms.syslog.one import parse_syslog_header
from logsrv.linelog.fields.outgoing_syslog import syslog_messages
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.formats.syslog.parse import SyslogFramer
from logsrv.linelog.formats.syslog.send import octet_counted_frames
from logsrv.linelog.lines.rules import LineCounts, LineRules
from tests.parts.sample_lines import KINDS, LINES, TIME, line


def message(text: bytes, source: str = "tcp:10.0.0.1:51234") -> bytes:
    [found] = syslog_messages([line(text, source)])
    return found


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        (b"hello", b"<13>1 %b 10.0.0.1 - - - - hello"),
        (b"ERROR hello", b"<11>1 %b 10.0.0.1 - - - - ERROR hello"),
        (b"level=debug app=shop pid=7 x=1", b"<15>1 %b 10.0.0.1 shop 7 - - level=debug app=shop pid=7 x=1"),
        (b'{"level":"fatal","service":"a b","hostname":"web1"}',
         b'<10>1 %b web1 a_b - - - {"level":"fatal","service":"a b","hostname":"web1"}'),
        (b"<34>Nov 20 06:18:42 app[7]: text", b"<34>1 %b 10.0.0.1 app 7 - - text"),
        (b"<34>text", b"<34>1 %b 10.0.0.1 - - - - text"),
        (b"<34>1 - - su - - [x@1 a=\"b\"] text", b"<34>1 %b 10.0.0.1 su - - [x@1 a=\"b\"] text"),
        (b"<html>", b"<13>1 %b 10.0.0.1 - - - - <html>"),
    ],
)  # fmt: skip
def test_a_line_without_a_whole_syslog_header_gets_one(text, sent):
    assert message(text) == sent.replace(b"%b", TIME.encode())


@pytest.mark.parametrize(
    "text",
    [
        b"<13>Nov 20 06:18:42 host app[12]: text",
        b"<190>Nov  2 06:18:42 router %LINK-3-UPDOWN: Interface down",
        b'<165>1 2026-11-20T06:18:42.003Z host app 12 ID47 [x@1 a="b\\"]c"] \xef\xbb\xbftext',
    ],
)
def test_syslog_goes_out_as_it_came(text):
    assert message(text) == text


def test_names_are_fit_for_a_header():
    long = message(b"app=" + b"x" * 100 + b" hostname=a\tb pid=1")
    assert b" " + b"x" * 48 + b" 1 - - " in long
    assert message(b"a", "unix:uid=0") == b"<13>1 %b - - - - - a" % TIME.encode()
    assert b" gr_\xc3" not in message("app=grün msg=a".encode())


def test_a_level_that_no_header_has_is_a_notice():
    assert ParsedLine(line(message(b"hello"))).level == "notice"


@given(LINES, st.lists(st.integers(1, 200), max_size=20))
def test_our_own_input_reads_the_same(lines, sizes):
    """Wherever the network cuts."""
    data = octet_counted_frames(syslog_messages(lines))
    framer = SyslogFramer(LineRules(), LineCounts())
    blocks = []
    for size in sizes:
        blocks.append(framer.receive(data[:size]))
        data = data[size:]
    blocks += framer.receive(data), framer.finish()
    came = b"".join(bytes(block) for block in blocks if block is not None).split(b"\n")[:-1]
    assert len(came) == len(lines)
    for sent, received in zip(lines, came, strict=True):
        check(ParsedLine(sent), ParsedLine(line(received)))


def check(sent: ParsedLine, received: ParsedLine) -> None:
    before = sent.header if sent.body.startswith(b"<") else None
    header = received.header
    assert header is not None
    assert received.level == (sent.level or "notice")
    if before is None:
        # The parser takes what stands there for a sign of Python's SysLogHandler, or of UTF-8.
        text = sent.body.removesuffix(b"\\x00").removeprefix(b"\xef\xbb\xbf")
        assert header.text == without_colours(text)
        assert header.fields["timestamp"] == sent.time
        return
    for name, value in before.fields.items():
        if name not in ("timestamp", "app", "pid", "hostname"):
            assert header.fields[name] == value
    if header.fields["timestamp"] != before.fields.get("timestamp"):
        assert header.fields["timestamp"] == sent.time


def test_every_kind_of_line_leaves_with_a_syslog_header():
    for sent in syslog_messages([line(kind) for kind in KINDS]):
        header = parse_syslog_header(sent)
        assert header is not None and {"timestamp", "hostname"} <= set(header.fields)
