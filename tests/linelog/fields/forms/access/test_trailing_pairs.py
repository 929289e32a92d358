"""Pairs behind an access log are fields, in every form of the log and in every way of reading."""

import pytest

from logsrv.linelog.fields.level_numbers import OF_NUMBERS, level_numbers
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.fields.reader import FieldReader
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.read.hits import Hit
from logsrv.linelog.read.render import hit_document
from logsrv.linelog.store.segment import Position
from tests.parts.counts import counted_values

STAMP = b"2026-11-20T06:18:42.123456Z web@tcp:10.0.0.1:51234 "
COMMON = '10.0.0.9 - bob [20/Nov/2026:06:18:42 +0000] "GET /a?x=1 HTTP/1.1" 503 5'
COMBINED = COMMON + ' "https://x/?a=1 b=2" "curl rt=7 x=1"'
HAPROXY = (
    "10.0.1.2:333 [06/Feb/2009:12:14:14.655] http-in static/srv1 10/0/30/69/109 503 2750 - - ----"
    ' 1/1/1/1/0 0/0 {1wt.eu} {} "GET /index.html HTTP/1.1"'
)
LINES = {
    "common": COMMON,
    "combined": COMBINED,
    "main": COMBINED + ' "1.2.3.4"',
    "a quoted text of the client": COMBINED + ' "1.2.3.4, rt=9 uct=8 status=1"',
    "Apache's vhost_combined": f"shop.example:443 {COMBINED}",
    "nginx' host": f"shop.example {COMMON}",
    "a host of IPv6": f"[::1]:443 {COMMON}",
    "the default host": f"_ {COMMON.replace('10.0.0.9', 'localhost')}",
    "no name, a user": f"- {COMMON}",
    "syslog": f"<190>Nov 20 06:18:42 web nginx: {COMBINED}",
    "RFC 5424": f"<190>1 2026-11-20T06:18:42Z web nginx 7 - - {COMMON}",
    "a file of rsyslog": f"Nov 20 06:18:42 web nginx: {COMBINED}",
    "a file with RFC 3339": f"2026-11-20T06:18:42.123456+01:00 web nginx[7]: shop:80 {COMMON}",
    "a container": f"2026-11-20T06:18:42.123456789Z stdout F {COMBINED}",
    "compose": f"nginx-1  | {COMMON}",
    "HAProxy": HAPROXY,
    "HAProxy in a file": f"Nov 20 06:18:42 lb haproxy[7]: {HAPROXY}",
}
TAILS = (
    ' rt=0.123 uct="0.001" upstream=10.0.0.1:80',
    ' rt=0.123, uct="0.001", upstream=10.0.0.1:80',
    ' 7 ms - rt=9 [x] uct="0.001" upstream=10.0.0.1:80 rt=0.123',
)
PAIRS = {"rt": "0.123", "uct": "0.001", "upstream": "10.0.0.1:80"}


@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.parametrize("kind", LINES)
def test_pairs_behind_an_access_log_are_fields(kind, tail):
    line = STAMP + (LINES[kind] + tail).encode()
    record, text = ParsedLine(line), (line + b"\n") * 3
    document = hit_document(Hit(Position(1, 0), line))["fields"]
    names = [*PAIRS, "status", "x", "vhost", "vhost_port"]
    columns = FieldReader(names).read(StampedLines(text))
    for name, column in zip(names, columns, strict=True):
        assert column == [record.get(name)] * 3
        assert [FieldReader([name]).read(StampedLines(text))[0]] == [column]
    assert [record.get("status"), record.get("x")] == ["503", None]
    assert OF_NUMBERS[level_numbers(text)[0]] == record.level
    assert record.level == "error"
    for name, value in PAIRS.items():
        assert record.get(name) == document[name] == value
        assert counted_values(name, text) == (3, {value: 3})
        for query in (f"{name}={value}", f"{name}:{value[:3]}", f"{name}=*"):
            assert make_matcher(parse(query)).count(text) == 3, query
    assert make_matcher(parse("rt>0.1 rt<0.2 status_class=5xx")).count(text) == 3


@pytest.mark.parametrize(
    ("tail", "fields"),
    [
        (" rt=0.123", {"rt": "0.123"}),
        (" rt=", {"rt": ""}),
        (" rt=-", {"rt": "-"}),
        (' "x rt=1"', {}),
        (' "x rt=1" rt=2', {"rt": "2"}),
        (' "x \\" rt=1" rt=2', {"rt": "2"}),
        (" status=200 client=1.2.3.4", {"status": "503", "client": "10.0.0.9"}),
        (" vhost=shop.example", {"vhost": "shop.example"}),
        (" level=debug", {"level": "debug"}),
        (" a=b=c /x?rt=1", {"a": "b=c"}),
    ],
)
def test_one_pair_is_enough_and_none_replaces_a_field_of_the_log(tail, fields):
    line = STAMP + (COMMON + tail).encode()
    found = ParsedLine(line).fields
    assert {name: found.get(name) for name in (*fields, "rt")} == {"rt": None, **fields}
    columns = FieldReader(list(fields) or ["rt"]).read(StampedLines(line + b"\n"))
    wanted = [ParsedLine(line).get(name) for name in fields] or [None]
    assert columns == [[value] for value in wanted]


@pytest.mark.parametrize(
    ("begin", "vhost", "client"),
    [
        ("shop.example:443 10.0.0.1 - - ", "shop.example", "10.0.0.1"),
        ("shop 10.0.0.1 - bob ", "shop", "10.0.0.1"),
        ("* ::1 - - ", "*", "::1"),
        ("_ localhost - - ", "_", "localhost"),
        ("*.example.com host.example.net - - ", "*.example.com", "host.example.net"),
        ("[2001:db8::1]:8443 10.0.0.1 - - ", "[2001:db8::1]", "10.0.0.1"),
        ("10.1.1.1:80 10.0.0.1 - - ", "10.1.1.1", "10.0.0.1"),
        ("10.0.0.1 - - ", None, "10.0.0.1"),
        ("10.0.0.1 - Bob Smith ", None, "10.0.0.1"),
        ("shop.example:443 10.0.0.1 - Bob Smith ", "shop.example", "10.0.0.1"),
        ("shop 10.0.0.1 id Bob Smith ", None, None),
        ("nginx: 10.0.0.1 - - ", None, None),
        ("a b c d ", None, None),
    ],
)
def test_a_virtual_host_may_stand_before_the_client(begin, vhost, client):
    line = STAMP + (begin + '[20/Nov/2026:06:18:42 +0000] "GET / HTTP/1.1" 503 5').encode()
    record = ParsedLine(line)
    assert [record.get("vhost"), record.get("client")] == [vhost, client]
    columns = FieldReader(["vhost", "client"]).read(StampedLines(line + b"\n"))
    assert columns == [[vhost], [client]]
    assert record.level == ("error" if client else None)
    assert OF_NUMBERS[level_numbers(line + b"\n")[0]] == record.level
