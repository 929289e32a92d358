"""Lines as sixteen systems write them: each has the level that it says, in each way to find it."""

import pytest

from logsrv.linelog.fields.level_numbers import OF_NUMBERS, level_numbers
from logsrv.linelog.fields.parsed_line import ParsedLine, level_of
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
        (None, "2026-11-20T06:00:00Z info started"),
        ("info", "2026-11-20T06:00:00Z INFO started"),
        ("info", "2026-11-20T06:00:00Z info  started"),
        ("info", "2026-11-20T06:00:00Z\tinfo\tstarted"),
        ("info", "2026-11-20T06:00:00Z info: started"),
        ("info", "2026-11-20T06:00:00Z info [main] started"),
        ("info", "2026-11-20 06:00:00,info,started"),
        ("error", "06:00:00 error [main] started"),
        (None, "2026-11-20 06:18:42 critical section entered"),
        (None, "2026-11-20 06:18:42 trace id 5 found"),
        (None, "2026-11-20 06:18:42 error, but only once"),
        (None, "2026-11-20 06:18:42 error -5 was returned"),
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
        ("info", '10.0.0.1 - - [20/Nov/2026:06:18:42 +0000] "GET /ERROR HTTP/1.1" 200 503'),
        ("info", '10.0.0.1 - - [20/Nov/2026:06:18:42 +0000] "GET / HTTP/1.1" 302 5 "ERROR" "[error]"'),
        ("error", '10.0.0.1 - - [20/Nov/2026:06:18:42 +0000] "GET /\\"x HTTP/1.1" 500 5'),
        ("error", 'Nov 20 06:18:42 web nginx: 10.0.0.1 - - [20/Nov/2026:06:18:42 +0000] "GET /" 500 5'),
        ("error", '<190>Nov 20 06:18:42 a nginx: ::1 - - [20/Nov/2026:06:18:42 +0000] "GET /" 500 5'),
        ("info", '<190>Nov 20 06:18:42 a nginx: ::1 - - [20/Nov/2026:06:18:42 +0000] "GET /" 200 5'),
        ("warning", '<190>Nov 20 06:18:42 a nginx: ::1 - - [20/Nov/2026:06:18:42 +0000] "GET /" 499 0'),
        ("critical", '<186>Nov 20 06:18:42 a nginx: ::1 - - [20/Nov/2026:06:18:42 +0000] "GET /" 500 5'),
        ("notice", '<189>nginx: 10.0.0.1 - - [20/Nov/2026:06:18:42 +0000] "GET /%SEC-3-X: y" 200 5'),
        ("error", '<30>1 2026-11-20T06:18:42Z a b 7 - - ::1 - - [20/Nov/2026:06:18:42 +0000] "G /" 500 5'),
        ("error", '<30>1 - - - - - [a b="c"] 10.0.0.1 - - [20/Nov/2026:06:18:42 +0000] "GET /" 500 5'),
        ("error", f"<190>Nov 20 06:18:42 lb haproxy[1]: {_HAPROXY}"),
        ("info", "<190>Nov 20 06:18:42 web app: served [20/Nov/2026:06:18:42 +0000] to bob"),
        ("error", 'www:80 10.0.0.1 - - [20/Nov/2026:06:18:42 +0000] "GET / HTTP/1.1" 503 12'),
        ("error", f"Nov 20 06:18:42 lb haproxy[1]: {_HAPROXY}"),
    ],
    "JSON behind a priority": [
        ("error", '<14>Nov 20 06:18:42 web shop[7]: {"level":"error","msg":"x"}'),
        ("info", '<11>Nov 20 06:18:42 web shop[7]: {"level":"info","msg":"x"}'),
        ("error", '<14>Nov 20 06:18:42 web shop[7]: {"LogLevel":"Error"}'),
        ("error", '<14>1 2026-11-20T06:18:42Z web shop 7 - - {"@t":"x","@l":"Error"}'),
        ("info", '<11>Nov 20 06:18:42 web shop[7]: {"@t":"x","@mt":"x"}'),
        ("error", '<14>Nov 20 06:18:42 web mongod[7]: {"t":{"$date":"x"},"s":"E","c":"NETWORK"}'),
        ("error", '<14>Nov 20 06:18:42 web mysqld[7]: {"prio":1,"label":"Error"}'),
        ("info", '<14>Nov 20 06:18:42 web shop[7]: {"msg":"ERROR","s":"E","label":7}'),
        ("info", '<14>Nov 20 06:18:42 web shop[7]: {"@l":"Error" is no JSON'),
    ],
    "JSON of known programs": [
        ("error", '{"timestamp":"2026-11-20 06:18:42.123 UTC","error_severity":"ERROR","message":"x"}'),
        ("info", '{"timestamp":"2026-11-20 06:18:42.123 UTC","error_severity":"LOG","message":"x"}'),
        ("warning", '{"t":{"$date":"2026-11-20T06:18:42.123Z"},"s":"W","c":"STORAGE","id":22,"msg":"x"}'),
        ("debug", '{"t":{"$date":"2026-11-20T06:18:42.123Z"},"s":"D1","c":"STORAGE","id":22120,"msg":"x"}'),
        (None, '{"t":1,"s":"E"}'),
        ("critical", '{"@t":"2026-11-20T06:18:42.1Z","@l":"Fatal","@mt":"x"}'),
        ("info", '{"@t":"2026-11-20T06:18:42.1Z","@mt":"x"}'),
        (None, '{"@t":"2026-11-20T06:18:42.1Z","@l":"Odd","@mt":"x"}'),
        ("error", '{"Timestamp":"x","Level":"Error","Message":"y"}'),
        ("info", '{"EventId":14,"LogLevel":"Information","Category":"x"}'),
        ("debug", '{"@level":"trace","@message":"x","@timestamp":"y"}'),
        ("warning", '{"Severity":"WARN"}'),
        ("error", '{"severity_text":"ERROR","severity_number":17}'),
        ("error", '{"severityText":"?","severityNumber":17}'),
        ("error", '{"log":"x","time":"y","prio":1,"err_code":10,"label":"Error"}'),
        ("error", '{"detected_level":"error"}'),
        ("error", '{"LOG":{"Level":"error"}}'),
        ("error", '{"log.Level":"error"}'),
        ("debug", '{"level":"silly"}'),
        (None, '{"log":"ERROR x\\n","stream":"stdout"}'),
        (None, '{"label":1}'),
    ],
    "Nagios": [
        ("info", "[1795155522] HOST ALERT: web1;UP;HARD;1;PING OK"),
        ("error", "[1795155522] HOST ALERT: web1;DOWN;SOFT;1;PING CRITICAL"),
        ("warning", "[1795155522] HOST ALERT: web1;UNREACHABLE;HARD;1;x"),
        ("error", "[1795155522] SERVICE ALERT: web1;HTTP;CRITICAL;HARD;3;connect: timeout"),
        ("warning", "[1795155522] SERVICE ALERT: web1;disk;WARNING;SOFT;1;DISK WARNING"),
        ("info", "[1795155522] SERVICE ALERT: web1;HTTP;OK;HARD;3;HTTP OK: CRITICAL"),
        ("error", "[1795155522] HOST NOTIFICATION: bob;web1;DOWN;notify-by-mail;x"),
        ("info", "[1795155522] HOST NOTIFICATION: bob;web1;RECOVERY (UP);notify-by-mail;x"),
        ("info", "[1795155522] SERVICE NOTIFICATION: bob;web1;HTTP;RECOVERY;notify-by-mail;x"),
        ("error", "[1795155522] SERVICE NOTIFICATION: bob;web1;HTTP;ACKNOWLEDGEMENT (CRITICAL);mail;x"),
        ("info", "[1795155522] HOST FLAPPING ALERT: web1;STOPPED; Host appears to have stopped flapping"),
        ("warning", "[1795155522] SERVICE FLAPPING ALERT: web1;HTTP;STARTED; x"),
        ("info", "[1795155522] HOST DOWNTIME ALERT: web1;STARTED; x"),
        ("info", "[1795155522] CURRENT HOST STATE: web1;UP;HARD;1;x"),
        ("error", "[1795155522] PASSIVE SERVICE CHECK: web1;HTTP;2;x"),
        ("warning", "[1795155522] PASSIVE HOST CHECK: web1;2;x"),
        ("warning", "[1795155522] Warning: The results of host 'web1' are stale"),
        ("error", "Nov 20 06:18:42 mon nagios[7]: SERVICE ALERT: web1;HTTP;CRITICAL;HARD;3;x"),
        ("info", "Nov 20 06:18:42 mon nagios: [1795155522] HOST ALERT: DOWN;UP;HARD;1;x"),
        (None, "[1795155522] HOST ALERT: web1"),
        (None, "[1795155522] HOST ALERT: web1;ODD;x"),
        (None, "[1795155522] EXTERNAL COMMAND: PROCESS_SERVICE_CHECK_RESULT;web1;HTTP;0;x"),
        (None, "HOSTALERT SERVICED by bob"),
    ],
    "words where no program writes a level": [
        (None, "critical section entered"),
        (None, "trace id 5 found"),
        (None, "done: 0 ERROR"),
        (None, "0 ERROR, 5 WARN"),
        (None, "see ERROR.md for more"),
        (None, "ticket PANIC-42 is closed"),
        (None, "DEBUG=0"),
        (None, "x_ERROR ERRORS 5ERROR"),
        (None, "Nov 20 06:18:42 web app: critical section entered"),
        (None, "Nov 20 06:18:42 web app: ERROR.md was read"),
        (None, "2026-11-20 06:18:42 ERROR.md was read"),
        (None, "the error:count of x::error::y"),
    ],
    "the beginning of a text": [
        ("error", "error: no such file"),
        ("warning", "warning: x is deprecated"),
        ("critical", "fatal: not a git repository"),
        ("error", "Error: Cannot find module 'x'"),
        ("error", "<Error> x"),
        ("warning", "Nov 20 06:18:42 mac app[7]: <Warning>: x"),
        ("error", "Nov 20 06:18:42 mac app[7]: fatal error: x"),
        ("error", "2026.11.20 06:18:42.123456 [ 71 ] {0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f} <Error> x: y"),
        ("info", "2026.11.20 06:18:42.123456 [ 71 ] {} <Information> Application: ready"),
        ("error", "2026-11-20T06:18:42Z E! [outputs.http] x"),
        ("info", "2026-11-20T06:18:42Z I! Loaded inputs: cpu"),
        ("debug", "D! x"),
        (None, "E!x"),
        ("error", "E261120 06:18:42.123456 1 server/node.go:464 x"),
        ("warning", "W261120 06:18:42.1 1 x"),
        (None, "E26112 06:18:42.1 1 x"),
        ("error", "[2026-11-20 06:18:42] production.ERROR: x"),
        ("debug", "20-Nov-2026 06:18:42.123 FINE [main] x"),
    ],
}  # fmt: skip
ALL = {**SYSTEMS, **OTHERS}


@pytest.mark.parametrize("system", ALL)
def test_lines_of_sixteen_systems_have_their_levels_in_every_way(system):
    expected = {message: level for level, message in ALL[system]}
    lines = [STAMP + message.encode() for message in expected]
    text = b"".join(line + b"\n" for line in lines)
    found = {
        "record": [ParsedLine(line).level for line in lines],
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
