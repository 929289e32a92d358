"""The first lines of records, of a whole text at once: as one line after the other, wherever it is cut."""

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.fields.continuation import (
    MOST_LINES,
    Joiner,
    has_own_header,
)
from logsrv.linelog.fields.first_lines import EarlierTexts, first_lines
from logsrv.linelog.fields.record import Record
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.fields.stored_line import REACH
from logsrv.linelog.fields.trace_shapes import goes_on_anywhere, kind_of_text
from logsrv.linelog.fields.way_back import NEAR, EarlierText, first_line_of
from tests.parts.examples import more

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
]  # fmt: skip
STAMP = b"2026-11-20T06:00:%02d.%06dZ %b "
HEAD = b"2026-11-20 06:18:42,123 ERROR [main] cannot post"


def stored(message: bytes, source: bytes = b"tcp:10.0.0.1:1", microseconds: int = 0) -> bytes:
    return STAMP % (*divmod(microseconds, 1_000_000), source) + message + b"\n"


def random_lines(random: Random, count: int) -> list[bytes]:
    """Lines of a few senders, which come in turns, with pauses; some have no stamp."""
    found, moment, source = [], 0, 0
    for _ in range(count):
        if random.random() < 0.3:
            source = random.randrange(3)
        if random.random() < 0.5:
            moment += random.choice([0, 1, 1000, 900_000, 3_000_000, 11_000_000])
        message = random.choice(MESSAGES)
        is_told_trace = message.startswith((b"<8>", b"<11>Nov"))
        if random.random() < 0.02 and not is_told_trace:
            found.append(message + b"\n")
        else:
            found.append(stored(message, b"tcp:10.0.0.%d:1" % source, moment % 60_000_000))
            if is_told_trace:
                # Alone, such a header is not looked for: a line that only a trace has stands behind it.
                inside = random.choice([b'  File "x.py", line 3, in f', b"goroutine 1 [running]:"])
                found.append(stored(inside, b"tcp:10.0.0.%d:1" % source, moment % 60_000_000))
    return found[:count]


def by_joiner(lines: Sequence[bytes]) -> dict[int, bytes]:
    """The first lines as a Joiner finds them; empty lines and insides of traces are none, and have none."""
    joiner, found, at = Joiner(), {}, 0
    for line in lines:
        record = Record(line[:-1])
        first = joiner.first_line(record)
        is_told = record.body.strip() and not has_own_header(record)
        is_first = first.body.strip() and not goes_on_anywhere(kind_of_text(first.body))
        if first is not record and is_told and is_first:
            found[at] = first.line
        at += len(line)
    return found


@more(4)
@given(st.integers(0, 2**32 - 1))
def test_a_whole_text_is_told_as_line_after_line(seed):
    lines = random_lines(Random(seed), 60)
    assert first_lines(StampedLines(b"".join(lines))) == by_joiner(lines)


@more(4)
@given(st.integers(0, 2**32 - 1))
def test_a_text_in_pieces_is_told_as_the_whole(seed):
    random = Random(seed)
    lines = random_lines(random, 60)
    cuts = sorted(random.sample(range(1, 60), 5))
    earlier, found, at = EarlierTexts(), dict[int, bytes](), 0
    for begin, end in zip([0, *cuts], [*cuts, 60], strict=True):
        text = b"".join(lines[begin:end])
        piece = StampedLines(text)
        of_piece = first_lines(piece, earlier)
        found.update((at + start, line) for start, line in of_piece.items())
        earlier.add(piece)
        at += len(text)
    assert found == first_lines(StampedLines(b"".join(lines)))


def number_with_first_line(lines: Sequence[bytes]) -> int:
    return len(first_lines(StampedLines(b"".join(lines))))


INSIDE = b"\tat x.Y.z(Y.java:3)"


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        pytest.param([HEAD, *[INSIDE] * 2000], MOST_LINES - 1, id="a record with too many lines"),
        pytest.param([HEAD, *[INSIDE + b"x" * 3000] * 200], 86, id="a record with too many bytes"),
        pytest.param([INSIDE] * 3000, 0, id="a header that never comes"),
        pytest.param([*[INSIDE] * 3000, HEAD, INSIDE], 1, id="a header after all"),
        pytest.param([HEAD, b"", INSIDE], 0, id="an empty line is no first line"),
    ],
)
def test_a_record_has_bounds(lines, wanted):
    assert number_with_first_line([*map(stored, lines)]) == wanted


def test_a_pause_ends_a_record():
    near, far = (stored(INSIDE, microseconds=pause) for pause in (10_000_000, 10_000_001))
    assert number_with_first_line([stored(HEAD), near]) == 1
    assert number_with_first_line([stored(HEAD), far]) == 0


@pytest.mark.parametrize(("between", "wanted"), [(REACH - 2000, 1), (REACH + 2000, 0)])
def test_a_first_line_is_near_in_the_store(between, wanted):
    others = [stored(b"x" * 1000, b"udp:[::1]:5")] * (
        between // len(stored(b"x" * 1000, b"udp:[::1]:5"))
    )
    assert number_with_first_line([stored(HEAD), *others, stored(INSIDE)]) == wanted


@pytest.mark.parametrize(("between", "wanted"), [(NEAR - 2000, 2), (NEAR + 2000, 1)])
def test_a_line_that_only_the_line_before_explains_is_near_it(between, wanted):
    others = [stored(b"x" * 1000, b"udp:[::1]:5")] * (
        between // len(stored(b"x" * 1000, b"udp:[::1]:5"))
    )
    lines = [b"Traceback (most recent call last):", b'  File "x", line 1']
    assert (
        number_with_first_line([*map(stored, lines), *others, stored(b"ValueError: x")]) == wanted
    )


def test_an_empty_line_may_stand_far_from_the_line_before_it():
    """As the first line of a frame or of a segment, with others of its sender behind it."""
    message = [b"<8>Nov 29 01:02:03 h2 go[1]: failure", b"Traceback (most recent call last):",
        b'  File "x", line 1', b"KeyError: 1"]  # fmt: skip
    behind = [b"", b"During handling of the above exception, another exception occurred:", b"",
        b"Traceback (most recent call last):", b'  File "y", line 1', b"KeyError: 2"]  # fmt: skip
    before = [*map(stored, message), *[stored(b"x" * 1000, b"udp:[::1]:5")] * 70]
    after = [*map(stored, behind)]
    whole = first_lines(StampedLines(b"".join([*before, *after])))
    assert whole == by_joiner([*before, *after]) and len(whole) == 3 + 4
    earlier = EarlierTexts()
    earlier.add(StampedLines(b"".join(before)))
    assert len(first_lines(StampedLines(b"".join(after)), earlier)) == 4


def test_many_senders_in_turns_have_their_own_records():
    senders = [b"tcp:10.0.0.%d:5" % number for number in range(50)]
    lines = [stored(b"ERROR of %b" % one, one) for one in senders]
    lines += [stored(INSIDE, one) for _ in range(99) for one in senders]
    found = first_lines(StampedLines(b"".join(lines)))
    text = b"".join(lines)
    assert len(found) == 99 * 50
    for start, line in found.items():
        assert line.endswith(text[start:].split(b" ", 2)[1])


def test_what_a_line_says_itself_goes_before_its_record():
    first = b"<11>Nov 20 06:18:42 web1 shop[7]: cannot post"
    record = Record(stored(b"\tlevel=info host=web9 took=3ms")[:-1], None, first)
    assert (record.level, record.get("hostname"), record.get("app")) == ("info", "web9", "shop")
    assert Record(stored(b"\tERROR a=b")[:-1], None, first).level == "error"
    # In the fields that are shown as in those that are asked for.
    shown = Record(stored(b"\thost=web9 service=cart a=b")[:-1], None, first).fields
    assert (shown["hostname"], shown["app"], shown["pid"]) == ("web9", "cart", "7")


@more(2)
@given(st.integers(0, 2**32 - 1))
def test_a_line_alone_finds_its_first_line(seed):
    """As a search does that shows few lines."""
    random = Random(seed)
    lines = random_lines(random, 60)
    text = b"".join(lines)
    found, at = first_lines(StampedLines(text)), 0
    for line in lines:
        cut = text.rfind(b"\n", 0, random.randrange(at + 1)) + 1
        pieces = [(at - cut, EarlierText(text[cut:at])), (at, EarlierText(text[:cut]))]
        assert first_line_of(line[:-1], pieces) == found.get(at)
        at += len(line)
