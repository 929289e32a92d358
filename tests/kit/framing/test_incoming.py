"""Any mixture of reads gives the same, however the network cuts the bytes."""

import tracemalloc
from collections.abc import Callable, Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from logsrv.kit.framing import _incoming as incoming_module
from logsrv.kit.framing._incoming import Incoming, LineTooLong
from logsrv.kit.framing._line_format import LineFormat
from tests.parts.costs import SoughtBytes, allocated, calls, doubled

# "line", ("exactly", n), ("some", n) or ("until", separator, limit).
Read = tuple[object, ...]

TELLING = (
    b"\xff",
    b"\n",
    b"a",
    b"bc",
    b"\r",
    b"\0",
    b"\xfd",
    b"\xfa",
    b"\x1f",
    b"\xf0",
    b"0123456789",
)
streams = st.lists(st.sampled_from(TELLING), max_size=14).map(b"".join)
reads = st.lists(
    st.one_of(
        st.just(("line",)),
        st.tuples(st.just("exactly"), st.integers(0, 6)),
        st.tuples(st.just("until"), st.sampled_from([b"\n", b"\r\n", b"a"]), st.integers(2, 8)),
    ),
    max_size=8,
)


def carry_out(incoming: Incoming, read: Read) -> object:
    """What a read gives, "too long", or None as long as it isn't there."""
    try:
        if read[0] == "line":
            return incoming.take_line()
        if read[0] == "until":
            return incoming.take_until(*read[1:])  # type: ignore[arg-type]
        take = incoming.take_exactly if read[0] == "exactly" else incoming.take_some
        return take(*read[1:])  # type: ignore[arg-type]
    except LineTooLong:
        return "too long"


def converse(format: LineFormat, pieces: Iterable[bytes], wanted: Iterable[Read]) -> list[object]:
    """What the reads give, each as soon as it is there; then what nobody has read."""
    incoming = Incoming(format)
    coming = iter(pieces)
    got: list[object] = []
    for read in wanted:
        while (result := carry_out(incoming, read)) is None and not incoming.ended:
            piece = next(coming, None)
            if piece is None:
                incoming.ended = True
            else:
                incoming.receive(piece)
        got.append(result)
    for piece in coming:
        incoming.receive(piece)
    incoming.ended = True
    return [*got, incoming.take_all(), incoming.answers]


@given(streams, reads, st.booleans(), st.data())
@example(b"\xff\xff\xfa\n\xffa", [("exactly", 1), ("line",), ("exactly", 1)], True, None)
@example(b"\xff\xfa\nab\xff\xfd\na\n", [("line",), ("exactly", 2), ("line",)], True, None)
@example(b"\xff\xfa\x1f\xff\xff\n0\xff\xf0\na\xff", [("line",), ("exactly", 2)], True, None)
@example(b"\xff\xfa\x1f0123456789\xff\na\n\xff\xff", [("line",), ("exactly", 2)], True, None)
def test_the_split_of_the_input_makes_no_difference(data, wanted, telnet, cuts):
    format = LineFormat(max_line=7, telnet=telnet)
    whole = converse(format, [data], wanted)
    bytewise = [data[at : at + 1] for at in range(len(data))]
    assert converse(format, bytewise, wanted) == whole
    if cuts is not None:
        at = cuts.draw(st.integers(0, len(data)))
        assert converse(format, [data[:at], data[at:]], wanted) == whole


def reference(data: bytes, wanted: Iterable[Read]) -> list[object]:
    """The same without Telnet, slowly and obviously."""
    got: list[object] = []
    skipping = b""
    for read in wanted:
        if skipping:
            data, skipping = data.partition(skipping)[2], b""
        if read[0] == "exactly":
            number = int(str(read[1]))
            got.append(data[:number] if number <= len(data) else None)
            data = data[number:] if number <= len(data) else data
        elif read[0] == "until":
            separator, limit = read[1:]
            assert isinstance(separator, bytes) and isinstance(limit, int)
            end = data.find(separator) + len(separator)
            if separator in data[:limit]:
                got.append(data[:end])
                data = data[end:]
            elif len(data) >= limit:
                got.append("too long")
                skipping = separator
            else:
                got.append(None)
        else:
            line, _, rest = data.partition(b"\n")
            if len(line) - line.endswith(b"\r") > 7:
                got.append("too long")
                data = rest
            elif not data:
                got.append(None)
            else:
                text = line.replace(b"\r\0", b"").removesuffix(b"\r")
                got.append(text.decode("utf-8", "replace"))
                data = rest
    if skipping:
        data = data.partition(skipping)[2]
    return [*got, data, b""]


@given(streams, reads)
def test_reads_agree_with_the_reference(data, wanted):
    format = LineFormat(max_line=7, telnet=False)
    assert converse(format, [data], wanted) == reference(data, wanted)


def test_take_some_returns_the_bytes_that_are_there():
    incoming = Incoming(LineFormat())
    assert incoming.take_some(5) is None
    incoming.receive(b"\xff\xfd\x03 and more")
    assert incoming.take_some(5) == b"\xff\xfd\x03 a"
    assert incoming.take_some(50) == b"nd more"
    incoming.ended = True
    assert incoming.take_some(5) == b""


def test_telnet_commands_are_removed_from_lines_only():
    """The command before the line is answered, its twin among the bytes is data."""
    incoming = Incoming(LineFormat())
    incoming.receive(b"\xff\xfd\x03one\n\xff\xfd\x03two\n")
    assert incoming.take_line() == "one"
    assert incoming.take_exactly(3) == b"\xff\xfd\x03"
    assert incoming.take_line() == "two"
    assert incoming.answers == b"\xff\xfc\x03"


def test_a_command_is_answered_before_its_line_ends():
    """A client may wait for that before it sends a line."""
    incoming = Incoming(LineFormat())
    incoming.receive(b"\xff\xfd\x03")
    assert incoming.take_line() is None
    assert incoming.answers == b"\xff\xfc\x03"


def test_an_unread_line_can_be_read_as_bytes():
    """After a time-out, say: what came of it, and the beginning of what might be a command."""
    incoming = Incoming(LineFormat())
    incoming.receive(b"on\xff\xfde\xff")
    assert incoming.take_line() is None
    assert incoming.take_exactly(3) == b"on\xff"
    incoming.receive(b"more\n")
    assert incoming.take_line() == "more"


def test_a_line_asked_for_again_is_cleaned_only_once():
    """After two time-outs, say: what a doubled IAC has left begins no command."""
    incoming = Incoming(LineFormat(encoding="latin-1"))
    incoming.receive(b"ab\xff\xff\xf1")
    assert incoming.take_line() is None
    assert incoming.take_exactly(99) is None
    incoming.receive(b"\xff\xf1c\n")
    assert incoming.take_line() == "ab\xff\xf1c"


def test_the_rest_of_a_line_is_cleaned_only_once():
    incoming = Incoming(LineFormat(encoding="latin-1"))
    incoming.receive(b"ab\xff\xff\xf1")
    assert incoming.take_line() is None
    assert incoming.take_exactly(1) == b"a"
    incoming.receive(b"\xff\xf1c\n\xff\xf1d\n")
    assert incoming.take_line() == "b\xff\xf1c"
    assert incoming.take_line() == "d"


def test_a_line_without_an_end_is_too_long_at_once():
    incoming = Incoming(LineFormat(max_line=4))
    incoming.receive(b"12345")
    with pytest.raises(LineTooLong, match="a line is longer than 4 bytes"):
        incoming.take_line()
    incoming.receive(b"6789" * 100)
    assert incoming.take_exactly(1) is None
    assert len(incoming) == 0
    incoming.receive(b"\nab")
    assert incoming.take_exactly(1) == b"a"


@pytest.mark.parametrize("chunks", [[b"34\nCOMMIT\n"], [b"34\n", b"COMMIT\n"]])
@pytest.mark.parametrize("read_before", [True, False])
def test_a_line_that_waits_is_not_exhausted(chunks, read_before):
    """However much of the line before it was looked at when its end had not come."""
    incoming = Incoming(LineFormat(telnet=False))
    if read_before:
        assert incoming.take_exactly(0) == b""
    incoming.receive(b"TRANSFER 12")
    assert incoming.take_line() is None
    assert incoming.exhausted
    incoming.receive(chunks[0])
    assert incoming.take_line() == "TRANSFER 1234"
    for chunk in chunks[1:]:
        incoming.receive(chunk)
    assert not incoming.exhausted
    assert incoming.take_line() == "COMMIT"
    assert incoming.exhausted


def calls_for_lines(data: bytes) -> int:
    """How many calls it takes to read all lines of a chunk."""

    def take() -> None:
        incoming = Incoming(LineFormat())
        incoming.receive(data)
        while incoming.take_line() is not None:
            pass

    # The first time loads what the commands need.
    take()
    return calls(take)


@pytest.mark.parametrize(
    "begin", [b"\xff\xfa\n", b"\xff\xfa\x1f\n", b"\xff\xfa\x1f\xff\xff\n", b"\xff\xfa\x18"]
)
def test_an_unfinished_long_command_costs_no_call_per_byte(begin):
    for text in (b"a" * 1000, b"a" * 1100, b"\xff\xff" * 500):
        data = (begin + text) * 16
        assert calls_for_lines(data) < len(data)


@pytest.mark.parametrize(
    "line",
    [
        b"\xff\xf1\n", b"\xff\xf6\n", b"\xff\xff\n", b"\xff\xfax\n", b"\xff\xfa\n", b"\xff\xfd\x01\n",
        b"\xff\xfa\x1f\n\xff\xf0",
    ],
)  # fmt: skip
def test_a_command_in_each_line_costs_no_pass_over_many_bytes(line):
    """As reads may go on with bytes behind each, lines with commands are made one by one."""
    assert calls_for_lines(line * 1000) < 80 * 1000


def test_an_option_that_is_lf_ends_a_line_unless_its_command_is_whole():
    """What is behind that line is read as bytes, whatever it looks like."""
    incoming = Incoming(LineFormat(encoding="latin-1"))
    incoming.receive(b"a\xff\xfa\nb\xff\xf0c\nd\xff\xfa\nab\xff\xfd\x01")
    assert incoming.take_line() == "ac"
    assert incoming.take_line() == "d\xff\xfa"
    assert incoming.take_exactly(5) == b"ab\xff\xfd\x01"
    assert incoming.answers == b""


def test_lines_and_bytes_in_turns_cost_no_more_than_each_alone():
    """A chunk of many small commands with data, as memcached has them, is not copied for each."""

    def copied(number: int) -> int:
        incoming = Incoming(LineFormat(telnet=False))
        incoming.receive(b"set k 3\r\nabc\r\n" * number)

        def take() -> None:
            for _ in range(number):
                assert incoming.take_line() == "set k 3"
                assert incoming.take_exactly(5) == b"abc\r\n"

        return allocated(take)

    # What is under way is at most so long: a longer chunk costs no more for each of its commands.
    assert doubled(copied, 300) < 2.5


def test_a_separator_that_is_far_away_is_sought_once_in_each_byte(monkeypatch):
    monkeypatch.setattr(incoming_module, "bytearray", SoughtBytes, raising=False)
    monkeypatch.setattr(SoughtBytes, "sought", 0)
    incoming = Incoming(LineFormat(telnet=False))
    piece, number = b"a" * 1000, 200
    limit = 1000 * number + 1000
    for _ in range(number):
        incoming.receive(piece)
        assert incoming.take_until(b"ab", limit) is None
    incoming.receive(b"b")
    assert incoming.take_until(b"ab", limit) == piece * number + b"b"
    # The first piece is no bytearray yet. An `a` at the end of a piece may begin it.
    assert SoughtBytes.sought < 1000 * number + number


def test_a_separator_is_found_after_commands_before_it_are_removed():
    """A read of a line takes Telnet's commands out, and so moves what is behind them."""
    incoming = Incoming(LineFormat())
    incoming.receive(b"ab\xff\xfd\x01" * 5 + b"c")
    assert incoming.take_until(b";", 100) is None
    assert incoming.take_line() is None
    incoming.receive(b";")
    assert incoming.take_until(b";", 100) == b"abababababc;"


def test_a_separator_is_found_around_a_command_that_was_removed():
    incoming = Incoming(LineFormat())
    incoming.receive(b"xab\xff\xf1")
    assert incoming.take_until(b"abc", 100) is None
    assert incoming.take_line() is None
    incoming.receive(b"cd")
    assert incoming.take_until(b"abc", 100) == b"xabc"


def test_a_chunk_that_was_read_but_for_a_few_bytes_is_freed():
    """A connection may wait for hours in the middle of a message."""

    def kept(take: Callable[[Incoming], object]) -> int:
        incoming = Incoming(LineFormat())
        tracemalloc.start()
        incoming.receive(b"\n" * 60_000 + b"rest")
        while take(incoming) is not None:
            pass
        kept = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert len(incoming) == 4
        return kept

    assert kept(Incoming.take_line) < 2000
    assert kept(lambda incoming: incoming.take_until(b"\n", 100)) < 2000
    assert kept(lambda incoming: incoming.take_exactly(60)) < 2000


@pytest.mark.parametrize("data", [b"a\nb\xff\xfd\x01c\0d", b"ab\n\xff", b"\xff\xfd\0c\0d"])
def test_telnet_commands_are_removed_with_another_delimiter(data):
    """An LF is a character there: what follows it is cleaned too, and no line waits for the end."""
    format = LineFormat(max_line=100, delimiter=b"\0")
    whole = converse(format, [data], [("line",)] * 5)
    for place in range(1, len(data)):
        assert converse(format, [data[:place], data[place:]], [("line",)] * 5) == whole


def test_a_line_goes_on_behind_an_lf_when_it_has_commands():
    incoming = Incoming(LineFormat(delimiter=b"\0"))
    incoming.receive(b"a\nb\xff\xf1c\0d")
    assert incoming.take_line() == "a\nbc"
    incoming.receive(b"\n\xff")
    incoming.ended = True
    assert incoming.take_line() == "d\n\ufffd"
    assert incoming.take_line() is None


def test_another_separator_is_found_at_the_very_beginning():
    """How far the first was looked for says nothing of the second."""
    incoming = Incoming(LineFormat())
    incoming.receive(b"aab")
    assert incoming.take_until(b"x", 9) is None
    assert incoming.take_until(b"a", 9) == b"a"


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_second_subnegotiation_within_one_that_is_none_is_kept(cut):
    """With a delimiter that stands in its value: the first is data, and ends a line."""
    incoming = Incoming(LineFormat(delimiter=b";", encoding="latin-1"))
    said = b"\xff\xfa\xff\xfaxy;zz\xff\xfa\0"
    lines = []
    for piece in (said[:cut], said[cut:], b""):
        if piece:
            incoming.receive(piece)
        incoming.ended = not piece
        while (line := incoming.take_line()) is not None:
            lines.append(line)
    assert lines == ["\xff\xfa\xff\xfaxy", "zz\xff\xfa\0"]


@pytest.mark.parametrize("taken", [1, 63, 64, 65, 128, 150, 199])
@pytest.mark.parametrize("late", [b"", b"and more\n"])
def test_bytes_follow_the_last_line_also_after_many_lines(taken, late):
    """Decoded lines that nobody has taken are bytes again."""
    incoming = Incoming(LineFormat())
    incoming.receive(b"".join(b"line %d\r\n" % number for number in range(200)))
    assert [incoming.take_line() for _ in range(taken)] == [f"line {at}" for at in range(taken)]
    incoming.receive(late)
    assert incoming.decoded or late
    rest = b"".join(b"line %d\r\n" % number for number in range(taken, 200)) + late
    assert incoming.take_exactly(5) == rest[:5]
    assert incoming.take_line() == f"{taken}"
    assert incoming.take_all() == rest[rest.index(b"\n") + 1 :]
    assert incoming.exhausted
