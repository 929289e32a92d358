"""Lines as sixteen systems write them: each has the level that it says, in each way to find it."""

import pytest

from logsrv.linelog.fields.level_numbers import OF_NUMBERS, level_numbers
from logsrv.linelog.fields.record import Record, level_of
from logsrv.linelog.query.match import Matcher
from logsrv.linelog.query.parse import parse
from tests.parts.loghub import SYSTEMS

STAMP = b"2026-11-20T06:18:42.123456Z web@tcp:10.0.0.1:51234 "
_HAPROXY = (
    "10.0.1.2:333 [06/Feb/2009:12:14:14.655] http-in static/srv1 10/0/30/69/109 503 2750 - - SC-- 1/1/1/1/0"
    ' 0/0 {1wt.eu} {} "GET /index.html HTTP/1.1"'
)
OTHERS: dict[str, list[tuple[str | None, str]]] = {
    "klog": [
        ("info", "I1123 10:00:00.000000       1 main.go:5] ERROR is no level here"),
        ("warning", "W1123 10:00:00.000000   12345 reflector.go:424] x"),
        ("error", "E1123 10:00:00.000000       1 main.go:5] x"),
        ("critical", "F1123 10:00:00.000000       1 main.go:5] x"),
        (None, "X1123 10:00:00.000000       1 main.go:5] x"),
    ],
    "PostgreSQL": [
        ("info", "2026-11-20 06:00:00.123 UTC [1234] LOG:  duration: 12.345 ms  statement: SELECT ERROR"),
        ("info", "2026-11-20 06:00:00.123 UTC [1234] app@shop LOG:  checkpoint starting: time"),
        ("error", "2026-11-20 06:00:00.123 UTC [1234] app@shop ERROR:  relation does not exist"),
        (None, "2026-11-20 06:00:00.123 UTC [1234] app@shop STATEMENT:  SELECT ERROR"),
        ("debug", "2026-11-20 06:00:00.123 UTC [1234] DEBUG1:  autovacuum: ERROR"),
        ("emergency", "2026-11-20 06:00:00.123 UTC [1234] PANIC:  could not write"),
        (None, "2026-11-20 06:00:00 CHANGE LOG: of 2.0"),
    ],
    "logrus and log15": [
        ("error", "ERRO[0000] failed                                        user=bob"),
        ("debug", "DEBU[0012] x"),
        ("critical", "FATA[0012] x"),
        ("emergency", "PANI[0012] x"),
        ("debug", "TRAC[0012] x"),
        ("error", "time=2026-07-11T10:00:00Z level=ERRO msg=x"),
        ("error", "EROR[07-11|10:00:00.123] x                err=timeout n=1"),
        ("debug", "DBUG[07-11|10:00:00.123] x"),
        ("error", "t=2026-07-11T10:00:00Z lvl=eror msg=x"),
        ("error", "<3>ERRO x"),
        (None, "a Morgana-INF ERRO2 was x=INF file.INF INF-1"),
        (None, "x" * 64 + " ERRO"),
        (None, "an erro in a sentence"),
    ],
    "zerolog and Serilog": [
        ("warning", "10:00AM WRN failed user=bob took=5"),
        ("info", "10:00AM INF ready"),
        ("debug", "2026-07-11T10:00:00Z DBG x"),
        ("critical", "2026-07-11T10:00:00+02:00 FTL x"),
        ("debug", "10:00AM TRC x"),
        ("emergency", "10:00AM PNC x"),
        ("info", "[10:00:00 INF] Started"),
        ("critical", "[10:00:00 FTL] x"),
        ("debug", "[10:00:00 VRB] x"),
        ("warning", "2026-07-11 10:00:00.123 +02:00 [WRN] x"),
        ("warning", "Nov 20 06:18:42 web shop[7]: WRN|x"),
        ("warning", '{"level":"WRN","message":"x"}'),
        ("info", "x [inf:err] y"),
        ("warning", "2026-07-11T10:00:00Z WRN db: x"),
        (None, "Nov 20 06:18:42 pnc inf[7]: x"),
        (None, "a=-INF b, INFX (INF, x)"),
    ],
    ".NET": [
        ("error", "fail: Microsoft.AspNetCore.Server.Kestrel[13]"),
        ("critical", "crit: Shop.Program[0] x"),
        ("warning", "warn: Shop.Program[0]"),
        ("info", "info: Microsoft.Hosting.Lifetime[14]"),
        ("debug", "dbug: Shop.Program[0]"),
        ("debug", "trce: Shop.Program[0]"),
        ("error", "2026-07-11 10:00:00 fail: Shop.Program[0] x"),
        ("error", "[10:00:00] fail: Shop.Program[0] WARN"),
        ("error", "Nov 20 06:18:42 web shop[7]: fail: Shop.Program[0]"),
        ("info", "info:"),
        (None, "Shop fail: x"),
        (None, "failed: x"),
        (None, "Fail: x"),
        (None, "fail:x"),
    ],
    "glog": [
        ("error", "E0711 10:00:00.123456 1234 file.cc:12] x"),
        ("error", "E20260711 10:00:00.123456 1234 file.cc:12] x"),
        ("warning", "W0711 10:00:00.1 1 x"),
        ("critical", "F20260711 10:00:00.123 1 x"),
        ("info", "I0711 10:00:00.123456789 1 ERROR x"),
        (None, "E0711 10:00:00 x"),
        (None, "E07111 10:00:00.1 x"),
        (None, "E0711 10:00:00.1234567890 x"),
        (None, "X20260711 10:00:00.1 x"),
        (None, "E0711 10:00:00. x"),
    ],
    "a word at the time": [
        ("info", "2026-11-20T06:00:00Z info started"),
        ("warning", "[2026/11/20 06:00:00.123] Warning: disk"),
        ("error", "2026-11-20 06:00:00 - error - x"),
        ("error", "2026.11.20 06:00:00+01:00 err"),
        ("alert", "2026-11-20 06:00:00 alert: x"),
        (None, "2026/11/20 06:00:00 alert sent to bob"),
        (None, "2026/11/20 06:00:00 Emergency stop pressed"),
        (None, "2026/11/20 06:00:00 5 error rates"),
        (None, "2026/11/20 06:00:00 errors were seen"),
        (None, "2026/11/20 06:00:00 error.log was rotated"),
        (None, "2026/11/20 06:00:00 no error was seen"),
    ],
    "access logs": [
        ("error", '10.0.0.1 - - [20/Nov/2026:06:18:42 +0000] "GET /DEBUG HTTP/1.1" 503 12 "-" "curl"'),
        ("warning", '::1 - bob [20/Nov/2026:06:18:42 +0000] "GET / HTTP/1.1" 404 -'),
        (None, '10.0.0.1 - - [20/Nov/2026:06:18:42 +0000] "GET /ERROR HTTP/1.1" 200 503'),
        (None, '10.0.0.1 - - [20/Nov/2026:06:18:42 +0000] "GET / HTTP/1.1" 302 5 "ERROR" "[error]"'),
        ("error", '10.0.0.1 - - [20/Nov/2026:06:18:42 +0000] "GET /\\"x HTTP/1.1" 500 5'),
        ("error", 'Nov 20 06:18:42 web nginx: 10.0.0.1 - - [20/Nov/2026:06:18:42 +0000] "GET /" 500 5'),
        ("info", '<190>Nov 20 06:18:42 web nginx: 10.0.0.1 - - [20/Nov/2026:06:18:42 +0000] "GET /" 500 5'),
        ("error", 'www:80 10.0.0.1 - - [20/Nov/2026:06:18:42 +0000] "GET / HTTP/1.1" 503 12'),
        ("error", f"Nov 20 06:18:42 lb haproxy[1]: {_HAPROXY}"),
    ],
}  # fmt: skip
ALL = {**SYSTEMS, **OTHERS}


@pytest.mark.parametrize("system", ALL)
def test_lines_of_sixteen_systems_have_their_levels_in_every_way(system):
    expected = {message: level for level, message in ALL[system]}
    lines = [STAMP + message.encode() for message in expected]
    text = b"".join(line + b"\n" for line in lines)
    found = {
        "record": [Record(line).level for line in lines],
        "line": [level_of(line) for line in lines],
        "numbers": [OF_NUMBERS[number] for number in level_numbers(text).tolist()],
        "one by one": [OF_NUMBERS[int(level_numbers(line + b"\n")[0])] for line in lines],
    }
    for way, levels in found.items():
        assert dict(zip(expected, levels, strict=True)) == expected, way


@pytest.mark.parametrize("system", ALL)
def test_a_search_for_a_level_finds_these_lines(system):
    messages = [STAMP + message.encode() + b"\n" for _, message in ALL[system]]
    levels = [level for level, _ in ALL[system]]
    for wanted in {level for level in levels if level}:
        found = [text for text in messages if list(Matcher(parse(f"level={wanted}")).find(text))]
        expected = [text for text, level in zip(messages, levels, strict=True) if level == wanted]
        assert found == expected, wanted


def test_there_are_sixteen_systems():
    assert len(SYSTEMS) == 16
