"""Stack traces of several languages as loggers write them, in lines."""

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
>started again
>INFO:root:the last request
>Traceback (most recent call last):
  File "c.py", line 1, in <module>
ValueError: bad
second line
note of the caller
>ERROR:root:failed
  + Exception Group Traceback (most recent call last):
  | ExceptionGroup: two (1 sub-exception)
  +-+---------------- 1 ----------------
    | ValueError: 1
    +------------------------------------
>WARNING:root:next"""
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
>2026/11/26 08:00:00 listening (port 80)
>2026/11/26 08:00:01 failed: no file
main.load
\t/src/main.go:4
runtime.goexit
\t/usr/lib/go/src/runtime/asm_amd64.s:1594
load
shop/store.(*T).Load
\t/src/store.go:4
>2026/11/26 08:00:02 next"""
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
>thread 'main' (1234) panicked at src/main.rs:2:5:
no such order
stack backtrace:
   0: rust_begin_unwind
note: run with `RUST_BACKTRACE=full`
>/app/x.js:3
throw new Error("no");
^

Error: no
such order
    at f (/app/x.js:3:9)

Node.js v20.20.2
>plain
>12:00:00.000 [error] GenServer Shop.Worker terminating
** (RuntimeError) boom
    (shop 0.1.0) lib/shop/worker.ex:12: Shop.Worker.handle_info/2
Last message: :tick
State: %{}
>=ERROR REPORT==== 16-Mar-2016::15:36:35 ===
Error in process <0.24500.583> with exit value:
{badarg,[{erlang,register,[gc]},
    {gc,start,1}]}
>plain
>
>Warning: these follow
>com.example.Shop opened"""


def stamped(text: str, source: str = "tcp:127.0.0.1:5") -> bytes:
    return f"2026-11-26T08:00:00.000000Z {source} {text}".encode()


def split_sample(text: str) -> tuple[list[str], list[bool]]:
    lines = text.split("\n")
    return [line.removeprefix(">") for line in lines], [not line.startswith(">") for line in lines]


TRACE = b"ERROR no\njava.lang.IllegalStateException: x\n\tat f\n"


JOINED = rb"ERROR no\x0ajava.lang.IllegalStateException: x\x0a" + b"\tat f\n"
