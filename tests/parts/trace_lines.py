"""Lines of stack traces of many languages, of several senders in turns."""

from random import Random

MESSAGES = [
    b"2026-11-20 06:18:42,123 ERROR [main] c.Foo - cannot post", b"java.lang.FooException: no",
    b"\tat com.foo.Bar.baz(Bar.java:12)", b"Caused by: java.io.IOException: gone", b"\t... 12 more",
    b"INFO fine", b"plain text", b"name: value", b"Traceback (most recent call last):",
    b'  File "x.py", line 3, in f', b"ValueError: bad", b"KeyError", b"", b" ", b"panic: boom",
    b"goroutine 1 [running]:", b"main.f(0x1)",
    b"During handling of the above exception, another exception occurred:", b"\t/x/y.go:12 +0x1",
    b"exit status 2", b"<11>1 2026-11-20T06:18:42Z web1 shop 7 - - cannot",
    b"<14>Nov 20 06:18:42 web2 cart[9]: fine", b"Nov 20 06:18:42 web3 api[4]: WARNING slow",
    b'{"level":"error","host":"web4","msg":"x"}', b"Error: boom", b"    at foo (/x/y.js:1:2)", b"}",
    b"  + Exception Group Traceback (most recent call last):", b"  | ValueError: 1", b"x.rb:3:in `foo'",
    b"GET /x 200", b"Error: CRITICAL x", b"from /x/y.rb:3:in `foo'",
    b'10.0.0.1 - - [20/Nov/2026:06:18:42 +0000] "GET / HTTP/1.1" 500 3', b"Stack trace:",
    b"#0 /x/y.php(3): f()", b"--- End of inner ---", b"thread 'main' panicked at src/main.rs:2:5:",
    b"note: run with `RUST_BACKTRACE=1`", b"** (RuntimeError) oops", b"    (app 0.1.0) lib/x.ex:3: X.y/1",
    b"  Context: x", b"/app/x.js:3", b"  ^", b"ERROR x", b"<html> is no JSON", b"file:///app/a.mjs:3",
    b"{ throw new Error('x') }", b"<T as Shop>::sell failed", b'{"a": broken}', b'{ "a": 1 }  ', b"<5 x",
    b"<internal:kernel>:187:in `loop'", b"from <internal:kernel>:187:in `loop'", b"3 errors", b"1.2(x)",
    b"1.rb:3:in `f'", b"{", b"{}", b"<900>x", b"Node.js v18.0.0", b"<11>Nov 29 01:02:03 n2 x[1]: Error: oh",
    b"<8>Nov 20 06:18:42 h2 go[1]: panic: oh", b"Nov 20 06:18:42 h api[4]: java.lang.FooException: no",
    b"<8>Nov 20 06:18:42 h2 go[1]: Traceback (most recent call last):", b"    at Object.f (/a.js:1:9)",
    b"<11>1 2026-11-20T06:00:00Z h shop 77 - - thread 'main' panicked at src/main.rs:2:5:",
    b"index out of bounds", b'{"msg":"\\u0070anic: x","pid":12345}', b'{"msg":"panic: x","app":"x"}',
    b"[pod/pod1/cart] 2026-11-20T06:00:00Z panic: oh", b"<11>Nov 20 06:18:42 h c[1]: /app/x.js:31",
]  # fmt: skip
COLOURS = [
    b"\\x1b[31m%b\\x1b[0m",
    b"\x1b[1;35m%b\x1b[0m",
    b"%b\x1b[0m",
    b"\\x1b[2m%b",
    b"\\x1b[31m\t%b",
]
STAMP = b"2026-11-20T06:00:%02d.%06dZ %b "
HEAD = b"2026-11-20 06:18:42,123 ERROR [main] cannot post"


def stored(message: bytes, source: bytes = b"tcp:10.0.0.1:1", microseconds: int = 0) -> bytes:
    return STAMP % (*divmod(microseconds, 1_000_000), source) + message + b"\n"


def random_lines(random: Random, count: int) -> list[bytes]:
    """Lines of a few senders, which come in turns, with pauses; some have no stamp."""
    found, moment, source = [], 0, 0
    senders, coloured = random.choice([1, 3, 3, 20]), random.choice([0, 0, 0.05, 0.5])
    for _ in range(count):
        if random.random() < 0.3:
            source = random.randrange(senders)
        if random.random() < 0.5:
            moment += random.choice([0, 1, 1000, 900_000, 3_000_000, 11_000_000])
        message = random.choice(MESSAGES)
        if random.random() < coloured:
            message = random.choice(COLOURS) % message
        if random.random() < 0.02:
            found.append(message + b"\n")
        else:
            found.append(stored(message, b"tcp:10.0.0.%d:1" % source, moment % 60_000_000))
    return found
