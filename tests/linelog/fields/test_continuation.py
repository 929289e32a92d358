"""Lines that go on with the record of an earlier line, as programs of several languages write them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.fields import continuation
from logsrv.linelog.fields.continuation import MOST_LINES, Joiner
from logsrv.linelog.fields.record import Record
from tests.parts.stack_traces import GO, JAVA, OTHERS, PYTHON, split_sample, stamped

# Each is one record.
TRACES = {
    **{
        f"behind a fault: {name}": f"ERROR request failed\n{name}\n\tat a.B.c(B.java:1)"
        for name in (
            "java.lang.Exception: no",
            "java.lang.Exception",
            "java.lang.Error: no",
            "java.lang.Throwable",
            "java.lang.ThreadDeath",
            "com.acme.Boom",
            "com.acme.Boom: no",
            "com.acme.Outer$Inner: no",
            "com.acme.Outer$InnerException: no",
            "kotlin.KotlinNullPointerException",
            "scala.MatchError: 3 (of class java.lang.Integer)",
            "com.acme.Shop$Failure$: no",
            "de.firma.ÜberlaufException: no",
            "Com.Acme.Foo_Exception: no",
        )
    },
    "causes": """\
java.lang.Exception: no
	at a.B.c(B.java:1)
	Suppressed: com.acme.Boom
		at a.B.d(B.java:2)
Suppressed: java.lang.Error
Caused by: com.acme.Boom
... 23 more
Caused by: com.acme.Outer$Inner: no
... 5 common frames omitted
Wrapped by: java.lang.Throwable
... 2 frames truncated""",
    "frames without their tab": """\
ERROR no
com.acme.Boom: no
at java.base/java.lang.Thread.run(Thread.java:833)
at a.B.c(Native Method)
at a.B.<init>(B.kt:7) ~[b.jar:1.0]
at f (node:internal/a:3:9)""",
    ".NET behind a fault": """\
ERROR no
System.InvalidOperationException: no
 ---> System.Exception: inner
   at A.B.C() in /a/b.cs:line 3
   --- End of inner exception stack trace ---
   at A.B.D() in /a/b.cs:line 9
---> (Inner Exception #0) System.Exception: first<---
--- End of stack trace from previous location ---""",
    "a direct cause in Python": """\
ERROR no
Traceback (most recent call last):
  File "a.py", line 1, in <module>
KeyError: 1

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "a.py", line 3, in <module>
a.b.Boom""",
    "a group in Python": """\
  + Exception Group Traceback (most recent call last):
  |   File "a.py", line 1, in <module>
  | ExceptionGroup: two (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | ValueError: 1
    +---------------- 2 ----------------
    | Traceback (most recent call last):
    | TypeError: 2
    +------------------------------------

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "a.py", line 3, in <module>
KeyError: 3""",
    "a thread in Python": """\
Exception in thread Thread-1 (run):
Traceback (most recent call last):
  File "a.py", line 1, in run
ValueError""",
    "an exception of Python named Error": "Traceback (most recent call last):\n  f()\nError: no",
    "Twisted": """\
Unhandled Error
Traceback (most recent call last):
  File "a.py", line 1, in f
--- <exception caught here> ---
  File "a.py", line 2, in g
builtins.ZeroDivisionError: division by zero""",
    "Go's own call of panic": """\
2026/11/26 08:00:00 http: panic serving 192.0.2.1:5: no
goroutine 5 gp=0xc000 m=0 mp=0x1 [running]:
panic({0x45e0a0?, 0x4ca560?})
	/usr/lib/go/src/runtime/panic.go:770 +0x132
main.f[...](0x1)
	/a.go:3 +0x1
...additional frames elided...
created by main.main in goroutine 1
	/a.go:9 +0x2""",
    "an object of Node": """\
Error: connect ECONNREFUSED
    at f (/a.js:3:9) {
  code: 'ECONNREFUSED',
  errno: -111
}""",
    "Ruby": """\
a.rb:3:in 'f': no (RuntimeError)
	from a.rb:7:in 'block'
from a.rb:9:in `<main>'
app/models/a.rb:3:in 'Shop#order'""",
    "PHP": """\
PHP Fatal error:  Uncaught Exception: no in /a.php:3
PHP Stack trace:
PHP   1. {main}() /a.php:0
Stack trace:
#0 /a.php(7): f()
#1 C:\\a.php(9): g()
#2 [internal function]: h()
#3 {main}
  thrown in /a.php on line 3""",
    "causes in Rust": """\
Error: no config

Caused by:
    0: no file
    1: not found

Stack backtrace:
   0: anyhow::error
             at /a.rs:3:5
note: Some details are omitted, run with `RUST_BACKTRACE=full`""",
}
# Each line is a record.
SINGLES = {
    "two exceptions": "java.lang.Exception: a\njava.lang.Exception: b",
    "names without a fault": "INFO started\njava.lang.Exception: a\ncom.acme.Boom",
    "a class that tells": "Warning: these follow\ncom.acme.Shop opened",
    "a host": "ERROR no\nwww.example.org: up\nexample.org",
    "words": "ERROR no\nat home (today)\nat noon\nfrom here\nfrom a.rb",
    "numbers": "ERROR no\n#1 in sales\n... 5 people\n...",
    "a goroutine without panic": "INFO workers: 3\ngoroutine 5 [running]:",
    "braces": "ERROR no\n{\n} else {\n[x]",
    "colons": "Error: a\nError: b\nERROR no\nShop: open",
}


def continued(lines: list[bytes]) -> list[bool]:
    joiner = Joiner()
    records = [Record(line) for line in lines]
    return [joiner.first_line(record) is not record for record in records]


@pytest.mark.parametrize(
    "sample", [JAVA, PYTHON, GO, OTHERS], ids=["java", "python", "go", "others"]
)
def test_traces_are_joined_to_the_line_that_they_explain(sample):
    lines, wanted = split_sample(sample)
    assert continued([stamped(line) for line in lines]) == wanted


@pytest.mark.parametrize("trace", TRACES.values(), ids=TRACES)
def test_a_trace_is_one_record(trace):
    lines = trace.split("\n")
    assert continued([stamped(line) for line in lines]) == [False] + [True] * (len(lines) - 1)
    assert continued([stamped(line) for line in (*lines, "INFO next")])[-1] is False


@pytest.mark.parametrize("lines", SINGLES.values(), ids=SINGLES)
def test_lines_that_look_a_little_like_a_trace_stay_alone(lines):
    assert not any(continued([stamped(line) for line in lines.split("\n")]))


def test_two_exceptions_in_frames_of_an_error_are_two_records():
    frames = [f"<11>1 2026-11-26T08:00:00Z web shop 7 - - java.lang.Exception: {x}" for x in "ab"]
    assert continued([stamped(frame) for frame in frames]) == [False, False]


@pytest.mark.parametrize("sample", [JAVA, PYTHON, GO])
def test_traces_are_joined_in_frames_of_syslog_and_in_json(sample):
    lines, wanted = split_sample(sample)
    frames = [stamped(f"<13>1 2026-11-26T08:00:00Z web shop 7 - - {line}") for line in lines]
    assert continued(frames) == wanted
    objects = [stamped(json.dumps({"container_id": "c1", "log": f"{line}\n"})) for line in lines]
    assert continued(objects) == wanted


def test_two_connections_that_write_at_once_are_never_mixed():
    lines, wanted = split_sample(JAVA)
    mixed = [stamped(line, f"tcp:127.0.0.1:{port}") for line in lines for port in (1, 2)]
    assert continued(mixed) == [one for one in wanted for _ in range(2)]
    assert (
        continued([stamped("first", "tcp:[::1]:1"), stamped("\tat f", "tcp:[::1]:2")])
        == [False] * 2
    )


def test_programs_behind_one_relay_are_told_apart():
    heads = ("web shop 7", "web shop 8", "web cron 7", "db shop 7")
    lines = [
        f"<13>1 2026-11-26T08:00:00Z {head} - - {text}" for text in ("a", "\tb") for head in heads
    ]
    assert continued([stamped(line) for line in lines]) == [False] * 4 + [True] * 4
    assert continued([stamped(line) for line in (lines[0], *lines[5:])]) == [False] * 4


def test_a_traceback_after_a_line_without_fault_is_a_record_of_its_own():
    assert (
        continued([b"INFO: request served", b"Traceback (most recent call last):"]) == [False] * 2
    )


def test_a_line_that_comes_much_later_is_a_record_of_its_own():
    lines = [
        f"2026-11-26T08:{at}.000000Z tcp:[::1]:1 \tx".encode() for at in ("00:59", "01:01", "01:12")
    ]
    assert continued(lines) == [False, True, False]
    assert continued([b"2026-99-26T08:00:59.000000Z tcp:[::1]:1 a", lines[0]]) == [False, False]


def test_a_record_that_never_ends_is_ended_and_memory_is_bounded(monkeypatch):
    lines = [b"first", *[b" more"] * (2 * MOST_LINES)]
    begun = [index for index, one in enumerate(continued(lines)) if not one]
    assert begun == [0, MOST_LINES, 2 * MOST_LINES]
    wide = [b"first", *[b" " + b"x" * 100_000] * 5]
    assert continued(wide) == [False, True, True, False, True, False]
    monkeypatch.setattr(continuation, "MOST_STREAMS", 2)
    sources = [stamped(" x", f"tcp:[::1]:{port}") for port in (1, 2, 3, 3, 1, 1)]
    assert continued(sources) == [False, False, False, True, False, True]


@pytest.mark.parametrize(
    "text", ["at " + "(" * 9, "a:1" * 9, "at a:" * 9, "A.b_" * 9, "}" * 9 + "x", "#1 " * 9]
)
def test_a_long_hostile_line_is_read_once(text):
    """An expression that goes back for each byte would take minutes."""
    assert continued([b"INFO no", stamped(text * 50_000)]) == [False, False]


@given(st.lists(st.binary(max_size=60)))
def test_any_bytes_are_taken(lines):
    assert continued(lines)[:1] in ([], [False])
