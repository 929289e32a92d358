"""Lines that go on with the record of an earlier line, as programs of several languages write them."""

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.fields.continuations import joiner as continuation
from logsrv.linelog.fields.continuations.joiner import MOST_LINES, Joiner
from logsrv.linelog.fields.parsed_line import ParsedLine
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
    "a panic in Rust": """\
thread 'main' panicked at src/main.rs:2:5:
no such order
stack backtrace:
   0: rust_begin_unwind
             at /rustc/e1b71feb/library/std/src/panicking.rs:584:5
note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.""",
    "a panic in a thread with a number": """\
thread '<unnamed>' (1234) panicked at src/lib.rs:47:38:
called `Result::unwrap()` on an `Err` value: Error("expected value", line: 1)
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace""",
    "a panic with a message of several lines": """\
thread 'tokio-runtime-worker' panicked at C:\\shop\\main.rs:2:5:
assertion `left == right` failed
  left: 1
 right: 2
thread caused non-unwinding panic. aborting.""",
    "a panic with a message that looks like an error": "thread 'a' panicked at a.rs:1:2:\nError: no",
    "a panic without a message": "thread 'a' panicked at a.rs:1:2:\n\nnote: run with `RUST_BACKTRACE=1`",
    "notes in Python": """\
Traceback (most recent call last):
  File "/shop/a.py", line 5, in f
    raise e
    ~^^
ValueError: bad
second line
note one
note two
of two lines

  indented""",
    "notes of a logged exception": """\
2026-11-29 00:28:07,303 ERROR root request failed
Traceback (most recent call last):
  File "/shop/a.py", line 4, in <module>
shop.errors.OrderError
HTTP status: 500
Error: the basket""",
    "notes of a cause": """\
Traceback (most recent call last):
ZeroDivisionError: division by zero
note of the first

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/shop/a.py", line 5, in <module>
KeyError: 'k'""",
    "groups in a group in Python": """\
2026-11-29 00:28:07,306 ERROR root group failed
  + Exception Group Traceback (most recent call last):
  |   File "/shop/a.py", line 9, in <module>
  | ExceptionGroup: outer (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | ValueError: inner
    | a note in a group
    +---------------- 2 ----------------
    | ExceptionGroup: nested (1 sub-exception)
    +-+---------------- 1 ----------------
      | TypeError: t
      | second
      +------------------------------------""",
    "a group that except* has left": """\
  | ExceptionGroup:  (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | Exception Group Traceback (most recent call last):
    | ExceptionGroup: outer (1 sub-exception)
    +-+---------------- 1 ----------------
      | KeyError: 'k'
      +------------------------------------
    |
    | During handling of the above exception, another exception occurred:
    |
    | Traceback (most recent call last):
    | RuntimeError: again
    +------------------------------------""",
    "a task of asyncio": """\
ERROR:asyncio:Task exception was never retrieved
future: <Task finished name='Task-3' coro=<bad() done, defined at /a.py:5> exception=ValueError('x')>
Traceback (most recent call last):
  File "/a.py", line 6, in bad
ValueError: x
a note""",
    "a logging call that fails": """\
--- Logging error ---
Traceback (most recent call last):
  File "/usr/lib/python3.11/logging/__init__.py", line 1110, in emit
TypeError: not all arguments converted during string formatting
Call stack:
  File "/a.py", line 1, in <module>
Message: 'a'
Arguments: (1,)""",
    "a stack of a logged line in Python": """\
WARNING:a:slow
Stack (most recent call last):
  File "a.py", line 1""",
    "the excerpt above an error of Node": """\
/app/x.js:3
  throw new TypeError("no such order");
  ^

TypeError: no such order
second line
    at f (/app/x.js:3:9)
    at node:internal/main/run_main_module:28:49

Node.js v20.20.2""",
    "an excerpt without indentation": """\
[eval]:1
undefinedThing()
^

ReferenceError: undefinedThing is not defined
    at [eval]:1:1

Node.js v20.20.2""",
    "an excerpt of a module, and a cause": """\
file:///app/x.mjs:1
await Promise.reject(new Error("a", {cause: new Error("b")}));
                     ^

Error: a
    at file:///app/x.mjs:1:22 {
  [cause]: Error: b
      at file:///app/x.mjs:1:45
}

Node.js v22.1.0""",
    "a text that is thrown in Node": """\
C:\\app\\x.cjs:1
throw "hello";
^
hello
(Use `node --trace-uncaught ...` to show where the exception was thrown)

Node.js v20.20.2""",
    "a module that Node does not find": """\
node:internal/modules/cjs/loader:1210
  throw err;
  ^

Error: Cannot find module '/nope'
Require stack:
- /app/x.js
    at Module._load (node:internal/modules/cjs/loader:1091:12) {
  code: 'MODULE_NOT_FOUND',
  requireStack: [ '/app/x.js' ]
}

Node.js v20.20.2""",
    "an assertion of Node": """\
node:assert:90
  throw new AssertionError(obj);
  ^

AssertionError [ERR_ASSERTION]: Expected values to be strictly deep-equal:
+ actual - expected

  {
+   a: 1
-   a: 2
  }
    at Object.<anonymous> (/app/x.js:1:19) {
  generatedMessage: true
}

Node.js v20.20.2""",
    "an event of Node": """\
node:events:502
      throw er; // Unhandled 'error' event
      ^

Error: boom
    at Object.<anonymous> (/app/x.js:1:65)
Emitted 'error' event on Socket instance at:
    at Object.<anonymous> (/app/x.js:1:51)
    [... lines matching original stack trace ...]

Node.js v20.20.2""",
    "an error of Go with its stack": """\
2026/11/26 08:00:00 no file
main.(*T).load
	/shop/main.go:4
main.main
	/shop/main.go:6
runtime.main
	/usr/lib/go/src/runtime/proc.go:250
runtime.goexit
	/usr/lib/go/src/runtime/asm_amd64.s:1594
load
main.(*T).load
	/shop/main.go:4""",
    "an error of Go behind a fault": """\
level=error msg="no file"
example.org/shop/store.Load
	/shop/store/load.go:12
net/http.HandlerFunc.ServeHTTP
	/usr/lib/go/src/net/http/server.go:2084
store.Load[...]
	/shop/store/load.go:9""",
    "an error of Go with nothing else": """\
in closure
main.main.func1
	/shop/main.go:13
main.main
	/shop/main.go:13""",
    "a GenServer of Elixir": """\
15:52:08.290 [error] GenServer {Grizzly.ConnectionRegistry, :gateway} terminating
** (RuntimeError) boom
    (shop 0.1.0) lib/shop/worker.ex:12: Shop.Worker.handle_info/2
    (stdlib 5.0.2) gen_server.erl:1103: :gen_server.try_handle_info/3
Last message (from #PID<0.110.0>): :tick
State: %{a: 1,
  b: 2}
Client #PID<0.110.0> is alive

    (stdlib 5.0.2) gen.erl:241: :gen.do_call/4""",
    "a process of Elixir": """\
[error] Process #PID<0.113.0> terminating
** (exit) an exception was raised:
    ** (MatchError) no match of right hand side value: nil
        (elixir 1.15.4) lib/enum.ex:2510: Enum.map/2
Initial Call: Shop.Worker.init/1
Ancestors: [Shop.Supervisor, #PID<0.109.0>]
Message Queue Length: 0
Messages: []
Links: []
Dictionary: []
Trapping Exits: false
Status: :running
Heap Size: 376
Stack Size: 28
Reductions: 200""",
    "a task of Elixir": """\
02:53:45.066 [error] Task #PID<0.29446.15> started from #PID<0.28603.15> terminating
** (stop) no process
Function: &:erlang.apply/2
    Args: [1]""",
    "a request of Elixir": """\
20:17:45.155 [error] #PID<0.663.0> running Shop.Endpoint terminated
Server: shop.example:80 (http)
Request: GET /repositories/
** (exit) an exception was raised:
    ** (MatchError) no match of right hand side value: :error
        (shop) lib/scraper.ex:36: Shop.Scraper.name/1""",
    "an exception of Elixir alone": "** (RuntimeError) boom\n    app.exs:1: (file)",
    "a report of Erlang": """\
=ERROR REPORT==== 16-Mar-2016::15:36:35 ===
** Generic server simple_server terminating
** Last message in was {perform,true}
** When Server state == {state,false}
** Reason for termination ==
** {perform_error,
       [{simple_server,handle_call,3,
            [{file,"simple_server.erl"},{line,3}]}]}
""",
    "a report of Erlang of any text": """\
=ERROR REPORT==== 24-Apr-2012::03:05:35 ===
Error in process <0.24500.583> on node 'a@b' with exit value:
{badarg,[{erlang,register,[gc,<0.24500.583>]},{gc,start,1}]}""",
    "a crash report": """\
=CRASH REPORT==== 14-Dec-2015::16:12:48 ===
  crasher:
    initial call: shop:init/1
    pid: <0.6488.0>
    exception exit: unknown
      in function  shop:f/1 (shop.erl, line 3)
    ancestors: [<0.1.0>]
  neighbours:
""",
    "a report of a supervisor": """\
2012-04-24 03:05:35 =SUPERVISOR REPORT====
     Supervisor: {<0.50.0>,disco_main}
     Context:    child_terminated
     Reason:     {badarg,[{erlang,register,[gc,<0.24500.583>]}]}
     Offender:   [{pid,<0.24498.583>},{name,gc}]
""",
    "a server of RabbitMQ": """\
2018-08-12 11:53:13.018 [error] <0.7962.1> ** Generic server <0.7962.1> terminating
** Last message in was {'$gen_cast',init}
** When Server state == {q,{amqqueue,
                 none}}
** Reason for termination ==
** {noproc,[{gen_server2,call,3}]}""",
    "a state machine of Erlang": """\
=ERROR REPORT==== 1-Jan-2020::00:00:00.000000 ===
** State machine simple terminating
** Last event = {internal,x}
** When server state  = {state,data}
** Reason for termination = error:badarg
** Callback modules = [simple]
** Stacktrace =
**  [{simple,f,3,[]}]
** Time-outs: {1,[{timeout,x}]}""",
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
    "files and hosts": "ERROR no\nmain.css\nINFO up\nshop/main.go\nwww.example.org/a.b\nmain.f x",
    "file and line without their source": "/app/x.c:3\nnext\n/app/x:3\nnext\nnode: 3\nnext",
    "fields": "ERROR no\nStatus: down\nServer: a\nState: b\nMessage: c\nNode.js v20.1.0\n{a,b}\n- /a",
    "stars": "ERROR no\n** Note: a\n** Last message in was c\n^\nINFO a\n** (RuntimeError) b",
    "panics": "thread 'a' panicked at 'b', src/main.rs:2:5\nthe thread 'a' panicked at a.rs:1:2:\nb",
    "what failed": "INFO no\nfuture: <Task>\nERROR no\nfuture: bright",
}


def continued(lines: list[bytes]) -> list[bool]:
    joiner = Joiner()
    records = [ParsedLine(line) for line in lines]
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
    twice = continued([stamped(line) for line in (*lines, *lines)])
    assert twice == 2 * ([False] + [True] * (len(lines) - 1))


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
    "text",
    [
        *("at " + "(" * 9, "a:1" * 9, "at a:" * 9, "A.b_" * 9, "}" * 9 + "x", "#1 " * 9),
        *("^" * 9 + "x", "=A " * 9, "** (" * 9, "{[" * 9, "20 =" * 9, "a/b.(*" * 9, "Aug, " * 9),
        *("thread 'a' panicked at " + "a:" * 9, "/a.js" * 9, "node:a/" * 9, "Client a" * 9 + " is"),
        *("0" * 9 + "-", "[{" * 9, "Emitted 'a' event on " + "a at" * 9, "main.f" * 9 + "("),
    ],
)
def test_a_long_hostile_line_is_read_once(text):
    """An expression that goes back for each byte would take minutes."""
    assert continued([b"INFO no", stamped(text * 50_000)]) == [False, False]


# Lines that may go on with many others, and how many of them are a record.
ENDLESS = {"\tat a.B.c": MOST_LINES, "State: a": 1, "no words": 1, "ValueError: a": 1, "main.f": 7}


@pytest.mark.slow
@pytest.mark.parametrize("text", ENDLESS)
def test_twenty_thousand_lines_whose_record_never_begins_take_no_memory(text):
    joiner = Joiner()
    begun = 0
    tracemalloc.start()
    for _ in range(20_000):
        record = ParsedLine(stamped(text))
        begun += joiner.first_line(record) is record
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert begun == -(-20_000 // ENDLESS[text])
    # A record of which the lines go on has so many of them in memory.
    assert peak < 400 * ENDLESS[text] + 100_000


def test_a_message_of_any_text_is_written_in_one_piece_and_has_few_lines():
    head = ["ERROR no", "Traceback (most recent call last):", "ValueError: no"]
    lines = [stamped(line) for line in (*head, *"abcdefg")]
    assert continued(lines) == [False, *[True] * 7, False, False]
    later = lines[3].replace(b"08:00:00.0", b"08:00:00.2")
    assert continued([*lines[:3], later]) == [False, True, True, False]


@given(st.lists(st.binary(max_size=60)))
def test_any_bytes_are_taken(lines):
    assert continued(lines)[:1] in ([], [False])


def test_of_many_sources_a_busy_one_is_remembered():
    """The one that is forgotten is silent for the longest, not the one that came first."""
    joiner = Joiner(most_streams=2)

    def first(source: str, message: bytes) -> bytes:
        line = b"2026-11-20T06:18:42.000000Z tcp:10.0.0.%b:5 %b" % (source.encode(), message)
        return joiner.first_line(ParsedLine(line)).body

    head = b"<11>Nov 20 06:18:42 web1 shop[7]: cannot post"
    inside = b"\tat x.Y.z(Y.java:3)"
    assert first("1", head) == head
    for other in "2345":
        first(other, b"plain")
        assert first("1", inside) == head
