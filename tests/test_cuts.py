"""Every framer gives the same at all cuts of a stream at one place and at two."""

import pickle
import struct
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from typing import Any

import attrs
import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.errors import PeerError
from logsrv.gopher.wire.errors import GopherError
from logsrv.gopher.wire.menu import MenuParser
from logsrv.gopher.wire.response import ResponseReader
from logsrv.gopher.wire.text import Stuffer, TextParser
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.children.frames import MessageReader
from logsrv.kit.framing._incoming import Incoming
from logsrv.kit.framing._line_format import LineFormat
from logsrv.kit.framing.frames import (
    Delimiter,
    FixedSize,
    Framing,
    LengthPrefix,
    Netstring,
    Varint,
)
from logsrv.kit.framing.telnet import TelnetFilter
from logsrv.linelog.formats.forward.msgpack_values import MsgpackValueFramer
from logsrv.linelog.formats.gelf.parse import GelfFramer
from logsrv.linelog.formats.lumberjack.parse import Events, LumberjackFramer
from logsrv.linelog.formats.nats.parse import NatsReader, WireError
from logsrv.linelog.formats.python.parse import PickleFramer
from logsrv.linelog.formats.relp.parse import RelpFramer
from logsrv.linelog.formats.syslog.parse import SyslogFramer
from logsrv.linelog.importing.readable import readable_text
from logsrv.linelog.lines.bodies import Records, RequestRefused
from logsrv.linelog.lines.framer import BlockFramer, LineFramer
from logsrv.linelog.lines.joined import JoiningFramer
from logsrv.linelog.lines.journal_entries import JournalFramer
from logsrv.linelog.lines.objects import add_objects_or_text
from logsrv.linelog.lines.rules import LineCounts, LineRules, Oversize, for_frames
from tests.parts.records import lines_of, move_all

Outcome = Callable[[list[bytes]], object]
Make = Callable[[LineRules, LineCounts], BlockFramer]

LONGEST = 32
COMMON = (
    *(b"a", b" ", b"<", b"\n", b"\r", b"\0", b"\t", b"7", b"12", b"text\n", b"\r\n", b"\r\0"),
    *(b"\xef\xbb\xbf", b"\xef", "é".encode(), "€".encode(), b"\xc2\x85", b"\xff", b"\xff\xff"),
)
SYSLOG = (
    *(b"5 <1>ab", b"2 {}", b"3 {}\n", b"7 {\n 1\n}\n", b"0 ", b"1 \n", b"8 packets\n", b"5 plain"),
    *(
        b"<13>",
        b"<13>a\nb\0",
        b"9 \xef\xbb\xbf<13>ab",
        b"\n\xef\xbb\xbf<1>",
        b"200 OK\n",
        b"99999999 ",
        b"12 <1>",
        b"4 ",
    ),
)
TELNET = (b"\xff\xfd\x01", b"\xff\xf6", b"\xff\xfa\x18\0x\xff\xf0", b"\xff\xfa", b"\xff\xf0")
JOURNAL = (
    *(b"MESSAGE=x\n", b"MESSAGE\n\x03\0\0\0\0\0\0\0a\nb\n", b"\n", b"_PID=7\n", b"__CURSOR=s\n"),
    b"MESSAGE\n\xff\0\0",
)
RELP = (b"1 open 0\n", b"2 syslog 5 <1>ab\n", b"3 syslog 3 a\n\0\n", b"4 close 0\n", b"syslog ")
GOPHER = (
    b"0Text\t/a\th.example\t70\r\n",
    b"iinfo\t\t\t0\r\n",
    b".\r\n",
    b"..a\n",
    b"3error\t",
    b"+-1\r\n",
)
PICKLED = struct.pack(">I", 9) + pickle.dumps({"a": 1}, 1)[:9]


@attrs.frozen
class FramerUnderTest:
    """A framer as a function of pieces, and fragments that are tricky for it."""

    name: str
    outcome: Outcome
    fragments: tuple[bytes, ...]


FRAMERS: list[FramerUnderTest] = []


def add(name: str, outcome: Outcome, *fragments: bytes) -> None:
    FRAMERS.append(FramerUnderTest(name, outcome, (*COMMON, *fragments)))


def of_blocks(make: Make, **options: Any) -> Outcome:
    """Lines, answers, counts and closing of a connection."""
    rules = LineRules(**options)

    def outcome(pieces: list[bytes]) -> object:
        counts = LineCounts()
        framer = make(rules, counts)
        blocks = []
        for piece in pieces:
            blocks.append(framer.receive(piece))
            while framer.more:
                blocks.append(framer.receive(b""))
        blocks.append(framer.finish())
        stored = b"".join(bytes(block) for block in blocks if block)
        return stored, framer.take_answers(), bool(framer.closing), counts

    return outcome


def of_frames(make: Callable[[], Any]) -> Outcome:
    """Frames, and whether the peer made an error."""

    def outcome(pieces: list[bytes]) -> object:
        framer = make()
        found = [bytes(frame) for piece in pieces for frame in framer.receive(piece)]
        return found, bool(framer.fault)

    return outcome


def of_feeding(make: Callable[[], Any]) -> Outcome:
    def outcome(pieces: list[bytes]) -> object:
        parser = make()
        try:
            parts = [*map(parser.feed, pieces), parser.finish()]
        except GopherError as error:
            return type(error)
        return [one for part in parts for one in part]

    return outcome


def of_plugin_lines(format_: LineFormat) -> Outcome:
    def lines(pieces: list[bytes]) -> Iterator[object]:
        incoming = Incoming(format_)
        for piece in [*pieces, None]:
            if piece is None:
                incoming.ended = True
            else:
                incoming.receive(piece)
            while True:
                try:
                    line = incoming.take_line()
                except PeerError as error:
                    yield type(error)
                    continue
                if line is None:
                    break
                yield line

    return lambda pieces: list(lines(pieces))


def telnet(pieces: list[bytes]) -> object:
    found = TelnetFilter()
    text = b"".join(map(found.receive, pieces)) + found.finish()
    return text, found.take_answers(), found.swallowed


def relp(pieces: list[bytes]) -> object:
    framer = RelpFramer(LineRules())
    messages = [one for piece in [b"1 open 0\n", *pieces] for one in framer.receive(piece)]
    return messages, framer.take_answers(), bool(framer.fault), framer.closed


def gelf(pieces: list[bytes]) -> object:
    counts, records = LineCounts(), Records()
    framer = GelfFramer(LineRules(max_line=20), counts, 30)
    for found in chain(*map(framer.receive, pieces), framer.finish()):
        if isinstance(found, Records):
            move_all(found, records)
        else:
            add_objects_or_text(found, 30, records)
    return [line for line in lines_of(records) if line], counts, records.as_text


def lumberjack(pieces: list[bytes]) -> object:
    framer, texts, others, acknowledged = LumberjackFramer(1000), list[bytes](), 0, b""
    for found in chain(*map(framer.receive, pieces)):
        if isinstance(found, Events):
            texts += found.texts
            acknowledged += found.acknowledgement
        else:
            others += 1
    return texts, others, acknowledged, bool(framer.fault)


def journal(pieces: list[bytes]) -> object:
    framer, found = JournalFramer(), []
    try:
        for piece in pieces:
            found += framer.receive(piece)
        found += framer.finish()
    except RequestRefused as refusal:
        return found, refusal.status
    return found, None


def nats(pieces: list[bytes]) -> object:
    reader, found = NatsReader(), []
    try:
        for piece in pieces:
            for operation in reader.feed(piece):
                found.append(operation)
    except WireError:
        return found, WireError
    return found, None


def worker_messages(pieces: list[bytes]) -> object:
    reader = MessageReader()
    return [b"".join(one) for piece in pieces for one in reader.receive(piece)]


def joined(make: Make) -> Make:
    return lambda rules, counts: JoiningFramer(make(rules, counts), rules, counts)


def event(text: bytes) -> bytes:
    return b"2J" + struct.pack(">II", 1, len(text)) + text


add("imported file", lambda pieces: b"".join(readable_text(iter(pieces))), b"\0" * 4, b"\0\n")
add("imported UTF-16", lambda pieces: b"".join(readable_text(iter([b"\xff\xfe", *pieces]))), b"a\0")
RULES: tuple[dict[str, Any], ...] = (
    {},
    *({"max_line": 7, "oversize": oversize} for oversize in Oversize),
    {"max_line": 9, "raw": True},
)
for options in RULES:
    add(f"lines {options}", of_blocks(LineFramer, **options), *TELNET)
    add(f"syslog {options}", of_blocks(SyslogFramer, **options), *SYSLOG)
add("syslog in pieces", of_blocks(lambda rules, counts: SyslogFramer(rules, counts, 1)), *SYSLOG)
add("http text", of_blocks(lambda rules, counts: LineFramer(for_frames(rules), counts)), b"{}\n")
add("joined lines", of_blocks(joined(LineFramer)), b"\tat f\n", b"E: x\n", b"{}\n")
add("joined syslog", of_blocks(joined(SyslogFramer)), *SYSLOG, b"\tat f\n")
add("relp", relp, *RELP)
add(
    "forward",
    of_frames(lambda: MsgpackValueFramer(30)),
    *map(msgpack.packb, (["t", 1, {"a": "é"}], b"x" * 9, 7)),
)
add("gelf", gelf, b'{"a":"b"}\0', b'{"a": 1}', b"{", b"x" * 25)
add("lumberjack", lumberjack, b"2W\0\0\0\1", event(b'{"a":1}'), event(b"text"), b"2J")
add("python", of_frames(lambda: PickleFramer(20, 100)), PICKLED, b"\0\0\0\2", b"\0\0\0\x40")
add("journal", journal, *JOURNAL)
add("telnet", telnet, *TELNET)
add("nats", nats, b"PING\r\n", b"MSG a 1 3\r\nabc\r\n", b"-ERR 'x'\r\n", b"HMSG a 1 4 5\r\n")
add("worker messages", worker_messages, b"\0\0\0\2ab", b"\2\0\0\0\0\0\0\0ab", b"\0" * 8)
FRAMINGS: tuple[Framing, ...] = (
    *(LengthPrefix(size, order) for size in (1, 2, 4) for order in ("big", "little")),  # type: ignore[arg-type]
    *(Varint(), Netstring(), Delimiter(b"\0"), Delimiter(b"ab"), FixedSize(3)),
)
for framing in FRAMINGS:
    make_framer = partial(framing.framer, 9)
    add(str(framing), of_frames(make_framer), b"3:abc,", b"\0\2ab", b"\1", b"ab", b"\x83\0")
for format_ in (
    LineFormat(max_line=7),
    LineFormat(max_line=7, errors="reject"),
    LineFormat(max_line=9, delimiter=b"\r\n", encoding="latin-1", telnet=False),
    LineFormat(max_line=9, delimiter=b"\0", encoding="ascii"),
):
    add(f"lines of plugins: {format_}", of_plugin_lines(format_), *TELNET)
add("gopher stuffer", of_feeding(Stuffer), *GOPHER)
add("gopher menu", of_feeding(lambda: MenuParser(50, 1000)), *GOPHER)
add("gopher text", of_feeding(lambda: TextParser(1000)), *GOPHER)
for kind in "0", "1", "9":
    for plus in b"", b"+":
        url = GopherURL("here.example", item_type=kind, selector=b"/a", plus=plus)
        make_reader = partial(ResponseReader, url, 1000)
        add(f"gopher answer {kind} {plus!r}", of_feeding(make_reader), *GOPHER)


def cuts(data: bytes) -> Iterable[list[bytes]]:
    """Yield all ways to cut the data at one place and at two."""
    for second in range(1, len(data)):
        for first in range(second):
            yield [piece for piece in (data[:first], data[first:second], data[second:]) if piece]


@pytest.mark.slow
@pytest.mark.parametrize("framer", FRAMERS, ids=lambda framer: framer.name)
def test_a_framer_gives_the_same_at_all_cuts_of_a_stream(framer):
    @given(st.lists(st.sampled_from(framer.fragments), max_size=9))
    def holds(fragments: list[bytes]) -> None:
        sent = b"".join(fragments)[:LONGEST]
        whole = framer.outcome([sent])
        for pieces in cuts(sent):
            assert framer.outcome(pieces) == whole, pieces

    holds()
