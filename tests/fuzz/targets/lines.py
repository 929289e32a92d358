"""Bytes of connections and datagrams that become lines: Telnet, CRLF, syslog, RELP, frames of plugins."""

from codecs import BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE
from collections.abc import Callable

import attrs

from logsrv.errors import PeerError
from logsrv.kit.framing._incoming import Incoming, LineTooLong
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
from logsrv.linelog.batch import Block
from logsrv.linelog.formats.relp.parse import RelpFramer
from logsrv.linelog.formats.relp.send import RelpSession
from logsrv.linelog.formats.syslog.parse import SyslogFramer
from logsrv.linelog.importing.dated import LineMoments
from logsrv.linelog.importing.readable import readable_text
from logsrv.linelog.intake.filter_options import FilterCounts, pattern_of_mask
from logsrv.linelog.intake.masks import Masks
from logsrv.linelog.intake.replacing import MASKED
from logsrv.linelog.lines.clean import escaped
from logsrv.linelog.lines.datagrams import frame_datagrams
from logsrv.linelog.lines.framer import BlockFramer, LineFramer
from logsrv.linelog.lines.joined import JoiningFramer
from logsrv.linelog.lines.records import frame_records
from logsrv.linelog.lines.rules import LineCounts, LineRules, Oversize
from tests.fuzz.oracles import at_most, safe_lines, same_however_cut
from tests.fuzz.target import target
from tests.parts.reference_lines import Outcome, reference
from tests.parts.reference_telnet import reference_telnet

# The rules of a listener without options, and limits so short that most inputs have longer lines.
RULES = (
    LineRules(),
    LineRules(max_line=7),
    LineRules(max_line=20, oversize=Oversize.TRUNCATE),
    LineRules(max_line=20, oversize=Oversize.CLOSE),
    LineRules(max_line=9, raw=True),
)


def framed(
    make: Callable[[LineRules, LineCounts], BlockFramer], rules: LineRules
) -> Callable[[list[bytes]], Outcome]:
    """Return a function that returns the outcome of a connection, given its pieces."""

    def outcome(pieces: list[bytes]) -> Outcome:
        found = Outcome()
        framer = make(rules, found.counts)
        for block in [*map(framer.receive, pieces), framer.finish()]:
            if block is not None:
                found.stored += bytes(block)
        found.answers = framer.take_answers()
        found.closed = framer.closing is not None
        return found

    return outcome


def stored(text: bytes, rules: LineRules) -> None:
    """Demand lines as a store may hold them."""
    if rules.raw:
        assert text.endswith(b"\n") or not text
    else:
        safe_lines(text)


@target(
    "linelog.lines.framer",
    "linelog.lines.rules",
    "linelog.lines.clean",
    "kit.framing.telnet",
    "kit.framing._telnet_bulk",
    "kit.framing._telnet_commands",
)
def lines(data: bytes) -> None:
    """Lines, their answers and counts are those of a framer that reads byte by byte."""
    for rules in RULES:
        found = same_however_cut(data, framed(LineFramer, rules))
        assert found == reference(data, rules)
        stored(found.stored, rules)


MASKS = tuple(
    pattern_of_mask(text)
    for text in (
        r"/\b\d{8,}\b/",
        "/pass(word)?=[^ ]+/",
        r"/[\w.]+@[\w.]+/",
        r'/"k":(?P<v>"[^"]*"|\d)/',
    )
)
# So many clean lines that a mask looks for its literal or its digits first.
CLEAN = b"-\n" * 3000


@target("linelog.intake.masks")
def masks(data: bytes) -> None:
    """A block is masked as each of its lines is alone, wherever it stands, and stays a block."""
    block = LineFramer(LineRules(), LineCounts()).receive(data + b"\n")
    text = bytes(block) if block is not None else b""
    for pattern in MASKS:
        counts = FilterCounts()
        filtering = Masks([pattern], counts)
        alone = b"".join(
            bytes(filtering.apply(Block.of(line))) for line in text.splitlines(keepends=True)
        )
        safe_lines(alone)
        assert alone.count(MASKED) >= counts.masked
        among = Block(b"", b"x\n" + CLEAN + text + CLEAN + b"x", 2, 2 + 2 * len(CLEAN) + len(text))
        assert bytes(filtering.apply(among)) == CLEAN + alone + CLEAN
        assert filtering.apply(Block.of(CLEAN)).number == 3000


@target("kit.framing.telnet", "kit.framing._telnet_bulk", "kit.framing._telnet_commands")
def telnet(data: bytes) -> None:
    """Only bytes of Telnet commands are removed, and answers are never longer than the commands."""

    def heard(pieces: list[bytes]) -> tuple[bytes, bytes, int]:
        found = TelnetFilter()
        text = b"".join(map(found.receive, pieces)) + found.finish()
        return text, found.take_answers(), found.swallowed

    text, answers, swallowed = same_however_cut(data, heard)
    wanted = reference_telnet(data)
    assert (text, answers, swallowed) == (wanted.data, wanted.answers, wanted.swallowed)
    assert len(text) + swallowed == len(data)
    at_most(len(answers), 5 * len(data))


@target(
    "linelog.formats.syslog.parse",
    "linelog.formats.syslog.counted",
    "linelog.formats.syslog.fits",
    "linelog.lines.bom",
)
def syslog(data: bytes) -> None:
    """Frames of any kind are the same at every cut."""
    for rules in RULES:
        found = same_however_cut(data, framed(SyslogFramer, rules))
        stored(found.stored, rules)
        at_most(len(found.stored), 4 * len(data) + 2 + len(data) // rules.max_line)


@target("linelog.lines.joined")
def joined(data: bytes) -> None:
    """The records of a connection are the same at every cut."""
    for rules in RULES:

        def joining(rules: LineRules, counts: LineCounts) -> JoiningFramer:
            return JoiningFramer(LineFramer(rules, counts), rules, counts)

        stored(same_however_cut(data, framed(joining, rules)).stored, rules)


@target("linelog.lines.datagrams")
def datagrams(data: bytes) -> None:
    """Each datagram gives the lines that a connection would have sent, with an LF added if it has none."""
    payloads = data.split(b"\x00\x01")
    for rules in RULES:
        oversize = Oversize.TRUNCATE if rules.oversize is Oversize.CLOSE else rules.oversize
        connection = attrs.evolve(rules, telnet=False, oversize=oversize)
        text = b""
        counts = LineCounts()
        for payload in payloads:
            framer = LineFramer(connection, counts)
            block = framer.receive(payload if payload.endswith(b"\n") else payload + b"\n")
            text += bytes(block) if block else b""
            assert framer.finish() is None
        together = LineCounts()
        block = frame_datagrams(payloads, rules, together)
        assert (bytes(block) if block else b"") == text
        assert together == counts
        stored(text, rules)


@target("linelog.lines.records")
def records(data: bytes) -> None:
    """A record becomes a line, and each lost byte of it is counted."""
    found = data.split(b"\x00\x01")
    for rules in RULES:
        counts = LineCounts()
        block, closing = frame_records(found, rules, counts)
        text = bytes(block) if block else b""
        stored(text, rules)
        assert counts.empty == found.count(b"")
        if max(map(len, found)) <= rules.max_line:
            assert text.count(b"\n") == len(found) - counts.empty and closing is None
            one = b"".join(record.replace(b"\n", rb"\x0a") + b"\n" for record in found if record)
            assert text == (one if rules.raw else escaped(one))


@target("linelog.formats.relp.parse", "linelog.lines.records")
def relp(data: bytes) -> None:
    """Messages and answers are the same at every cut; the first answer is for the first command."""

    def session(opened: bytes) -> Callable[[list[bytes]], object]:
        def outcome(pieces: list[bytes]) -> object:
            framer = RelpFramer(LineRules())
            framer.receive(opened)
            messages = [one for piece in pieces for one in framer.receive(piece)]
            return messages, framer.take_answers(), bool(framer.fault), framer.closed

        return outcome

    same_however_cut(data, session(b""))
    same_however_cut(data, session(b"1 open 0\n"))


@target("linelog.formats.relp.send")
def relp_answers(data: bytes) -> None:
    """After any answer of a server the session ends with a sentence, and confirms no more than was sent."""

    def outcome(pieces: list[bytes]) -> object:
        session = RelpSession()
        session.open_command()
        session.receive_answers(b"1 rsp 6 200 OK\n")
        session.frame_messages([b"one", b"two", b"three"])
        for piece in pieces:
            session.receive_answers(piece)
        return bool(session.trouble), session.first_unanswered, session.refused

    same_however_cut(data, outcome)


@target("linelog.importing.dated", "linelog.importing.forms")
def dated(data: bytes) -> None:
    """The runs add up to the text, and their times never go back."""
    text = data + b"\n"
    for entries in (False, True):
        found = LineMoments(1_795_000_000_000_000, exact=True)
        before = None
        whole = b""
        for moment, part in found.journal_runs(text) if entries else found.runs_with_moments(text):
            assert before is None or moment >= before
            before = moment
            whole += part
        assert whole == text
        assert found.unbelieved + found.unclear <= found.without <= found.lines


@target("linelog.importing.readable")
def readable(data: bytes) -> None:
    """The text of a file is the same however it is read, and every LF of UTF-8 stays."""
    text = same_however_cut(data, lambda pieces: b"".join(readable_text(iter(pieces))))
    if data[:2] not in (BOM_UTF16_LE, BOM_UTF16_BE) and BOM_UTF32_BE not in data[:4]:
        assert text.count(b"\n") >= data.replace(b"\0\n", b"\0").count(b"\n")


@target("kit.framing._incoming", "kit.framing._line_format", "kit.framing.telnet")
def lines_of_plugins(data: bytes) -> None:
    """A plugin's lines are the same at every cut, and none exceeds the limit."""
    for format_ in (
        LineFormat(max_line=20),
        LineFormat(max_line=20, errors="reject"),
        LineFormat(max_line=9, delimiter=b"\r\n", encoding="latin-1", telnet=False),
        LineFormat(max_line=9, delimiter=b"\0", encoding="ascii"),
    ):

        def outcome(pieces: list[bytes], of: LineFormat = format_) -> list[object]:
            incoming = Incoming(of)
            found: list[object] = []

            def take() -> None:
                while True:
                    try:
                        line = incoming.take_line()
                    except PeerError as error:
                        found.append(type(error))
                        continue
                    if line is None:
                        return
                    assert len(line.encode(of.encoding, of.errors_handler)) <= of.max_line * 3
                    found.append(line)

            for piece in pieces:
                incoming.receive(piece)
                take()
            incoming.ended = True
            take()
            return found

        found = same_however_cut(data, outcome)
        assert len([one for one in found if one is LineTooLong]) <= len(data) // format_.max_line


FRAMINGS: tuple[Framing, ...] = (
    *(LengthPrefix(size, order) for size in (1, 2, 4) for order in ("big", "little")),  # type: ignore[arg-type]
    Varint(),
    Netstring(),
    Delimiter(b"\0"),
    Delimiter(b"ab"),
    FixedSize(3),
)


@target("kit.framing.frames")
def frames(data: bytes) -> None:
    """Frames are the same at every cut, and a packed payload is read back."""
    for framing in FRAMINGS:

        def outcome(pieces: list[bytes], of: Framing = framing) -> tuple[list[bytes], bool, int]:
            framer = of.framer(50)
            found = [frame for piece in pieces for frame in framer.receive(piece)]
            assert framer.unfinished_bytes <= len(data)
            return found, bool(framer.fault), framer.unfinished_bytes

        found, _, _ = same_however_cut(data, outcome)
        at_most(max(map(len, found), default=0), 50)
        for frame in {*found, data[:50]}:
            try:
                packed = framing.pack(frame)
            except ValueError:
                continue
            framer = framing.framer(50)
            assert framer.receive(packed) == [frame] and not framer.fault
