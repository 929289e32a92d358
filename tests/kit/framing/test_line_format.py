"""Lines are the same however the network cuts them, and no more than one is kept."""

import sys
import tracemalloc
from types import FrameType

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from logsrv.errors import PeerError
from logsrv.kit.framing._incoming import Incoming, LineNotText, LineTooLong
from logsrv.kit.framing._line_format import LineFormat

Event = str | type[PeerError]


def split(format: LineFormat, pieces: list[bytes]) -> tuple[list[Event], int]:
    """All that comes out, refused lines included, and how many bytes were dropped."""
    incoming = Incoming(format, only_lines=True)
    events: list[Event] = []
    for number, piece in enumerate([*pieces, b""]):
        incoming.receive(piece)
        incoming.ended = number == len(pieces)
        while True:
            try:
                line = incoming.take_line()
            except (LineTooLong, LineNotText) as refused:
                events.append(type(refused))
                continue
            if line is None:
                break
            events.append(line)
    return events, incoming.dropped + len(incoming)


def reference(format: LineFormat, data: bytes) -> tuple[list[Event], int]:
    """The same, slowly and obviously: line by line."""
    *lines, last = data.split(format.delimiter)
    events: list[Event] = []
    dropped = 0
    for number, line in enumerate([*lines, last]):
        unfinished = number == len(lines)
        if unfinished and not line:
            break
        ends_in_cr = format.delimiter == b"\n" and line.endswith(b"\r")
        if len(line) - ends_in_cr > format.max_line:
            events.append(LineTooLong)
            dropped += len(line)
            continue
        if format.delimiter == b"\n":
            line = line.replace(b"\r\0", b"").removesuffix(b"\r")
        try:
            handler = "strict" if format.errors == "reject" else "replace"
            events.append(line.decode(format.encoding, handler))
        except UnicodeDecodeError:
            events.append(LineNotText)
            dropped += len(line)
    return events, dropped


CHUNKS = st.lists(
    st.lists(
        st.sampled_from(
            [b"a", b"bc", b"\n", b"\r", b"\r\n", b"\0", b";", b"\xc3", b"\xa9", "ü".encode()]
        ),
        max_size=8,
    ).map(b"".join),
    max_size=8,
)


@given(
    pieces=CHUNKS,
    max_line=st.integers(1, 12),
    delimiter=st.sampled_from([b"\n", b"\r\n", b";", b"a;", b"\r"]),
    errors=st.sampled_from(["replace", "reject"]),
)
@example(pieces=[b"a\r", b""], max_line=1, delimiter=b"\n", errors="replace")
def test_the_result_does_not_depend_on_the_split(pieces, max_line, delimiter, errors):
    """Any bytes, cut anywhere: the lines, the troubles and their order are those of the whole."""
    format = LineFormat(max_line=max_line, delimiter=delimiter, errors=errors, telnet=False)
    events, dropped = split(format, pieces)
    expected, expected_dropped = reference(format, b"".join(pieces))
    assert events == expected
    if errors == "replace":
        assert dropped == expected_dropped


def test_lines_behind_a_bad_one_are_split_seldom():
    """A chunk of nothing but bad lines costs each of them its own length, not that of all behind it."""
    whole = b"\xe9\n" * 5_000
    calls = []

    def note(frame: FrameType, event: str, argument: object) -> None:
        if event == "c_call":
            calls.append(getattr(argument, "__name__", ""))

    sys.setprofile(note)
    try:
        events, dropped = split(LineFormat(errors="reject"), [whole])
    finally:
        sys.setprofile(None)
    assert events == [LineNotText] * 5_000
    assert dropped == 5_000
    assert calls.count("decode") < 5_000 + 10


def test_a_gigabyte_without_a_newline_takes_little_memory():
    """Memory stays at about a line and a chunk, the trouble is told once, the next line comes."""
    incoming = Incoming(LineFormat(max_line=1000), only_lines=True)
    chunk = b"x" * 65536
    tracemalloc.start()
    troubles = 0
    for _ in range(1600):
        incoming.receive(chunk)
        try:
            assert incoming.take_line() is None
        except LineTooLong:
            troubles += 1
    used = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert troubles == 1
    incoming.receive(b"end\nnext\n")
    assert incoming.take_line() == "next"
    assert incoming.dropped == 1600 * 65536 + 3
    assert used < 300_000


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "shift_jis", "gb18030", "cp1252"])
def test_lines_are_decoded_in_the_given_encoding(encoding):
    """Text comes as it was sent in any encoding that contains ASCII, line by line."""
    text = "¥§" if encoding == "latin-1" else "a"
    data = f"{text}\r\nsecond\n".encode(encoding)
    assert split(LineFormat(encoding=encoding), [data])[0] == [text, "second"]


@pytest.mark.parametrize(
    ("how", "word"),
    [
        ({"max_line": 0}, "max_line is 0"),
        ({"delimiter": b""}, "delimiter is empty"),
        ({"errors": "ignore"}, "errors is 'ignore'"),
        ({"encoding": "utf-16"}, "encoding is 'utf-16'"),
        ({"encoding": "klingon"}, "encoding is 'klingon'"),
        ({"delimiter": b"\xff"}, "encoding is 'utf-8'"),
    ],
)
def test_impossible_formats_are_refused(how, word):
    """A format that could never work is refused with a sentence, not found out by a peer."""
    with pytest.raises(ValueError, match=word):
        LineFormat(**how)  # type: ignore[arg-type]
