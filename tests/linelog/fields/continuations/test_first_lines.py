"""The first lines of records, of a whole text at once: as one line after the other, wherever it is cut."""

from collections.abc import Sequence
from random import Random
from weakref import WeakSet

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.kit.text.colours import without_colours
from logsrv.linelog.fields.continuations.earlier_texts import EarlierTexts
from logsrv.linelog.fields.continuations.first_lines import first_lines
from logsrv.linelog.fields.continuations.joiner import MOST_LINES, Joiner, has_own_header, is_blank
from logsrv.linelog.fields.continuations.trace_shapes import goes_on_anywhere, kind_of_text
from logsrv.linelog.fields.continuations.way_back import NEAR, EarlierText, first_line_of
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.fields.stored_line import REACH
from tests.parts.examples import more
from tests.parts.trace_lines import HEAD, random_lines, stored


def by_joiner(lines: Sequence[bytes]) -> dict[int, bytes]:
    """The first lines as a Joiner finds them; empty lines and insides of traces are none, and have none."""
    joiner, found, at = Joiner(), {}, 0
    for line in lines:
        record = ParsedLine(line[:-1])
        first = joiner.first_line(record)
        is_told = not is_blank(record) and not has_own_header(record)
        is_first = not is_blank(first) and not goes_on_anywhere(
            kind_of_text(without_colours(first.body))
        )
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
        pytest.param([rb"\x1b[2m ", INSIDE], 0, id="nor is one with a colour alone"),
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


def test_texts_that_no_record_reaches_back_to_are_let_go_of():
    """A segment that is sealed has hundreds of frames, and a reader may follow a store for weeks."""
    earlier, texts = EarlierTexts(), WeakSet[StampedLines]()
    for _ in range(12):
        piece = StampedLines(stored(b"x" * (REACH // 2)))
        texts.add(piece)
        earlier.add(piece)
    del piece
    assert len(texts) == 2
    assert [distance >= REACH for distance, _ in earlier()] == [False, True]


def test_many_senders_in_turns_have_their_own_records():
    senders = [b"tcp:10.0.0.%d:5" % number for number in range(50)]
    lines = [stored(b"ERROR of %b" % one, one) for one in senders]
    lines += [stored(INSIDE, one) for _ in range(99) for one in senders]
    found = first_lines(StampedLines(b"".join(lines)))
    text = b"".join(lines)
    assert len(found) == 99 * 50
    for start, line in found.items():
        assert line.endswith(text[start:].split(b" ", 2)[1])


@pytest.mark.parametrize(
    "header",
    [
        b"<11>Nov 20 06:18:42 web1 shop[7]: ",
        b"Nov 20 06:18:42 web1 shop[7]: ",
        b"2026-11-20T06:18:42.123456789Z stdout F ",
        b"[pod/shop-x/shop] ",
        b"shop-1  | ",
        b"edge7: %SYS-3-CPU: ",
    ],
)
def test_a_trace_begins_behind_each_header(header):
    """Its next line, which is no part of any record, goes on with it; so it does among many lines."""
    many = stored(b"key=value of no record", b"tcp:10.0.0.9:5") * 3000
    text = many + stored(header + b"thread 'main' panicked at src/main.rs:2:5:") + stored(b"no")
    assert [*first_lines(StampedLines(text))] == [len(text) - len(stored(b"no"))]


def test_what_a_line_says_itself_goes_before_its_record():
    first = b"<11>Nov 20 06:18:42 web1 shop[7]: cannot post"
    record = ParsedLine(stored(b"\tlevel=info host=web9 took=3ms")[:-1], None, first)
    assert (record.level, record.get("hostname"), record.get("app")) == ("info", "web9", "shop")
    assert ParsedLine(stored(b"\tERROR a=b")[:-1], None, first).level == "error"
    # In the fields that are shown as in those that are asked for.
    shown = ParsedLine(stored(b"\thost=web9 service=cart a=b")[:-1], None, first).fields
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
