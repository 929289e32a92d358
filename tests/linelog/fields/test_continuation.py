"""Lines that go on with the record of an earlier line, as programs of several languages write them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.fields import continuation
from logsrv.linelog.fields.continuation import MOST_LINES, Joiner
from logsrv.linelog.fields.record import Record

# A record begins with each line that starts with `>`, which is not part of it.
JAVA = """\
>2026-11-26 08:00:00,123 ERROR [main] c.e.Shop - order failed
java.lang.IllegalStateException: no stock
\tat com.example.Shop.order(Shop.java:12)
\t... 3 common frames omitted
Caused by: java.io.IOException: disk
\tat com.example.Disk.read(Disk.java:7)
... 12 more
>2026-11-26 08:00:01,000 INFO [main] c.e.Shop - next order"""

PYTHON = """\
>ERROR:root:request failed
Traceback (most recent call last):
  File "a.py", line 1, in <module>
    f()
KeyError: 'x'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "a.py", line 3, in <module>
    raise RuntimeError("no")
RuntimeError: no
>INFO:root:next request
>Traceback (most recent call last):
  File "b.py", line 1, in <module>
KeyboardInterrupt
>started again"""

GO = """\
>panic: runtime error: invalid memory address or nil pointer dereference
[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x48d9a5]

goroutine 1 [running]:
main.(*T).f(0xc000012345, {0x7a, 0xc})
\t/src/main.go:12 +0x1d
net/http.(*conn).serve(0xc0000b4000)
\t/usr/lib/go/src/net/http/server.go:1995 +0x8de
created by net/http.(*Server).Serve in goroutine 5
\t/usr/lib/go/src/net/http/server.go:3089 +0x5ed
exit status 2
>2026/11/26 08:00:00 listening (port 80)"""

OTHERS = """\
>Error: boom
    at Object.<anonymous> (/app/index.js:3:9)
>PHP Fatal error:  Uncaught Exception: no in /app/a.php:3
Stack trace:
#0 /app/a.php(7): f()
#1 {main}
  thrown in /app/a.php on line 3
>thread 'main' panicked at src/main.rs:2:5: no
stack backtrace:
   0: rust_begin_unwind
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
>Unhandled exception. System.Exception: no
   at Program.Main() in /app/Program.cs:line 3
--- End of stack trace from previous location ---
>plain
>
>Warning: these follow
>com.example.Shop opened"""


def continued(lines: list[bytes]) -> list[bool]:
    joiner = Joiner()
    records = [Record(line) for line in lines]
    return [joiner.first_line(record) is not record for record in records]


def stamped(text: str, source: str = "tcp:127.0.0.1:5") -> bytes:
    return f"2026-11-26T08:00:00.000000Z {source} {text}".encode()


def split_sample(text: str) -> tuple[list[str], list[bool]]:
    lines = text.split("\n")
    return [line.removeprefix(">") for line in lines], [not line.startswith(">") for line in lines]


@pytest.mark.parametrize(
    "sample", [JAVA, PYTHON, GO, OTHERS], ids=["java", "python", "go", "others"]
)
def test_traces_are_joined_to_the_line_that_they_explain(sample: str) -> None:
    lines, wanted = split_sample(sample)
    assert continued([stamped(line) for line in lines]) == wanted


@pytest.mark.parametrize("sample", [JAVA, PYTHON, GO])
def test_traces_are_joined_in_frames_of_syslog_and_in_json(sample: str) -> None:
    lines, wanted = split_sample(sample)
    frames = [stamped(f"<13>1 2026-11-26T08:00:00Z web shop 7 - - {line}") for line in lines]
    assert continued(frames) == wanted
    objects = [stamped(json.dumps({"container_id": "c1", "log": f"{line}\n"})) for line in lines]
    assert continued(objects) == wanted


def test_two_connections_that_write_at_once_are_never_mixed() -> None:
    lines, wanted = split_sample(JAVA)
    mixed = [stamped(line, f"tcp:127.0.0.1:{port}") for line in lines for port in (1, 2)]
    assert continued(mixed) == [one for one in wanted for _ in range(2)]
    assert (
        continued([stamped("first", "tcp:[::1]:1"), stamped("\tat f", "tcp:[::1]:2")])
        == [False] * 2
    )


def test_programs_behind_one_relay_are_told_apart() -> None:
    heads = ("web shop 7", "web shop 8", "web cron 7", "db shop 7")
    lines = [
        f"<13>1 2026-11-26T08:00:00Z {head} - - {text}" for text in ("a", "\tb") for head in heads
    ]
    assert continued([stamped(line) for line in lines]) == [False] * 4 + [True] * 4
    assert continued([stamped(line) for line in (lines[0], *lines[5:])]) == [False] * 4


def test_a_traceback_after_a_line_without_fault_is_a_record_of_its_own() -> None:
    assert (
        continued([b"INFO: request served", b"Traceback (most recent call last):"]) == [False] * 2
    )


def test_a_line_that_comes_much_later_is_a_record_of_its_own() -> None:
    lines = [
        f"2026-11-26T08:{at}.000000Z tcp:[::1]:1 \tx".encode() for at in ("00:59", "01:01", "01:12")
    ]
    assert continued(lines) == [False, True, False]
    assert continued([b"2026-99-26T08:00:59.000000Z tcp:[::1]:1 a", lines[0]]) == [False, False]


def test_a_record_that_never_ends_is_ended_and_memory_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = [b"first", *[b" more"] * (2 * MOST_LINES)]
    begun = [index for index, one in enumerate(continued(lines)) if not one]
    assert begun == [0, MOST_LINES, 2 * MOST_LINES]
    wide = [b"first", *[b" " + b"x" * 100_000] * 5]
    assert continued(wide) == [False, True, True, False, True, False]
    monkeypatch.setattr(continuation, "MOST_STREAMS", 2)
    sources = [stamped(" x", f"tcp:[::1]:{port}") for port in (1, 2, 3, 3, 1, 1)]
    assert continued(sources) == [False, False, False, True, False, True]


@given(st.lists(st.binary(max_size=60)))
def test_any_bytes_are_taken(lines: list[bytes]) -> None:
    assert continued(lines)[:1] in ([], [False])
