"""Events and their parts: Forward, GELF, Lumberjack, journald, Python's pickles."""

import codecs
import io
import json
import pickle
import pickletools
from typing import Any, NoReturn

import msgpack

from logsrv.linelog.formats.forward.msgpack_values import (
    MsgpackValueFramer,
    has_more_values,
    value_ends,
)
from logsrv.linelog.formats.forward.parse import add_event, answer_ping
from logsrv.linelog.formats.gelf.parse import MAGIC, ChunkJoiner, GelfFramer, add_gelf_datagram
from logsrv.linelog.formats.journal.parse import add_datagram, add_journal_entries
from logsrv.linelog.formats.lumberjack.parse import (
    TO_COME,
    CompressedFrames,
    EmptyWindow,
    LumberjackFramer,
    add_compressed_events,
)
from logsrv.linelog.formats.python.parse import PickleFramer, add_pickled_record
from logsrv.linelog.formats.python.plain_pickle import NotPlainError, read_plain_pickle
from logsrv.linelog.lines.bodies import BodyRules, Records, RequestRefused
from logsrv.linelog.lines.clean import escaped
from logsrv.linelog.lines.journal_entries import JournalEntry, JournalFramer, add_entry
from logsrv.linelog.lines.objects import add_objects_or_text
from logsrv.linelog.lines.rules import LineCounts, LineRules
from tests.fuzz.oracles import at_most, outcome_of, safe, same_however_cut
from tests.fuzz.target import target
from tests.parts.records import lines_of, move_all, runs_of

RECORD, BODY = 1000, 20_000
RULES = BodyRules("", "", RECORD, 4 * BODY, BODY)


def kept(records: Records, most: int = 0) -> list[tuple[bytes, bool]]:
    """Return the lines that were made; a structured one is JSON on a line, and not too long."""
    found = [(line, run.structured) for run in runs_of(records) for line in run.lines]
    for line, structured in found:
        if structured:
            assert b"\n" not in line and escaped(line + b"\n") == line + b"\n", line
            json.loads(line)
            if most:
                at_most(len(line), most)
    return found


@target("linelog.formats.forward.msgpack_values")
def msgpack_values(data: bytes) -> None:
    """Values end where a complete parser of MessagePack says that they end."""

    def outcome(pieces: list[bytes]) -> tuple[list[bytes], bool]:
        framer = MsgpackValueFramer(200)
        found = [bytes(one) for piece in pieces for one in framer.receive(piece)]
        assert framer.unfinished_bytes <= 200 + max(map(len, pieces), default=0)
        return found, bool(framer.fault)

    values, _ = same_however_cut(data, outcome)
    assert data.startswith(b"".join(values))
    at_most(max(map(len, values), default=0), 200)
    for value in values:
        try:
            msgpack.unpackb(value, raw=True, strict_map_key=False, object_pairs_hook=list)
        except msgpack.ExtraData as error:
            raise AssertionError("a value ends later than it should") from error
        except (ValueError, TypeError):
            # An extension's time that is invalid, or too deep a nesting.
            pass
        assert value_ends(value) == [len(value)]
        has_more_values(value, 3)


@target("linelog.formats.forward.parse", "linelog.formats.forward.entries")
def forward(data: bytes) -> None:
    """An event is read as a whole, or refused with a reason and a number."""
    framer = MsgpackValueFramer(BODY)
    for value in framer.receive(data):
        records = Records(RULES.max_made)
        try:
            answer = add_event(bytes(value), RULES, records).body
        except RequestRefused as refusal:
            assert refusal.reason and refusal.records
            safe(str(refusal), "")
        else:
            assert not answer or set(msgpack.unpackb(answer, raw=True)) == {b"ack"}
            at_most(sum(len(line) for line, _ in kept(records)), 4 * BODY)


@target("linelog.formats.forward.parse")
def forward_key(data: bytes) -> None:
    """A client that does not know the key is refused."""
    answer, why = answer_ping(data, "the shared key", b"0123456789abcdef")
    assert why
    assert not answer or msgpack.unpackb(answer)[1] is False


@target("linelog.formats.gelf.parse", "linelog.lines.objects")
def gelf(data: bytes) -> None:
    """Messages of a stream are the same at every cut."""

    def outcome(pieces: list[bytes]) -> tuple[list[bytes], LineCounts, int]:
        counts = LineCounts()
        framer = GelfFramer(LineRules(max_line=50), counts, 100)
        records = Records()
        for piece in [*pieces, None]:
            for found in framer.finish() if piece is None else framer.receive(piece):
                if isinstance(found, Records):
                    move_all(found, records)
                else:
                    add_objects_or_text(found, 100, records)
            assert framer.unfinished_bytes <= 100
        return [line for line in lines_of(records) if line], counts, records.as_text

    same_however_cut(data, outcome)


@target("linelog.formats.gelf.parse", "linelog.lines.inflated")
def gelf_datagrams(data: bytes) -> None:
    """Chunks in any order give the same as one message; no chunk is held beyond its time."""
    parts = [data[at : at + 100] for at in range(0, len(data), 100)][:128] or [b""]
    sent = [
        MAGIC + b"message." + bytes((number, len(parts))) + part
        for number, part in enumerate(parts)
    ]
    chunks = ChunkJoiner()
    found = [chunks.add_chunk("udp:x", one, 0.0) for one in reversed(sent)]
    assert found[:-1] == [None] * (len(sent) - 1) and found[-1] == b"".join(parts)
    assert len(chunks) == chunks.size == 0
    # Then with the input itself as chunks.
    for one in data.split(MAGIC):
        chunks.add_chunk("udp:y", MAGIC + one, 1.0)
    chunks.drop_expired(10.0)
    assert len(chunks) == chunks.size == 0
    for message in (data, *data.split(MAGIC)):
        records = Records()
        try:
            add_gelf_datagram(message, RULES, records)
        except RequestRefused as refusal:
            assert refusal.reason == "unpacking"
            continue
        at_most(sum(len(line) for line, _ in kept(records, RECORD)), max(8 * RECORD, len(message)))


@target("linelog.formats.lumberjack.parse")
def lumberjack(data: bytes) -> None:
    """Events and acknowledgements are the same at every cut; a damaged compressed frame has none."""

    def outcome(pieces: list[bytes]) -> object:
        framer = LumberjackFramer(BODY)
        records, answers, refusals = Records(), b"", list[tuple[str, int | None]]()
        for piece in pieces:
            for found in framer.receive(piece):
                if isinstance(found, CompressedFrames):
                    some = Records(RULES.max_made)
                    try:
                        reply = add_compressed_events(found.order(framer.to_come), RULES, some)
                    except RequestRefused as refusal:
                        refusals.append((refusal.reason, refusal.records))
                        continue
                    framer.to_come = int(reply.headers[TO_COME])
                    move_all(some, records)
                    answers += reply.body
                elif isinstance(found, EmptyWindow):
                    records.count_unknown()
                else:
                    add_objects_or_text(found.texts, RECORD, records)
                    answers += found.acknowledgement
            assert framer.unfinished_bytes <= 2 * BODY + len(piece)
        return kept(records), records.reasons, answers, refusals, framer.fault, framer.reason

    same_however_cut(data, outcome)


@target("linelog.formats.journal.parse", "linelog.lines.journal_entries")
def journal(data: bytes) -> None:
    """Entries are the same at every cut, packed or not; as datagrams they become JSON objects."""

    def outcome(pieces: list[bytes]) -> tuple[list[tuple[bytes, bool]], Any, int | None]:
        framer, entries = JournalFramer(), list[JournalEntry]()
        records = Records()
        refused = None
        try:
            for piece in pieces:
                entries += framer.receive(piece)
            entries += framer.finish_upload()
        except RequestRefused as refusal:
            refused = refusal.status
        for entry in entries:
            add_entry(entry, 300, records)
        return kept(records, 300), records.reasons, refused

    found, _, refused = same_however_cut(data, outcome)
    records = Records()
    rules = BodyRules("application/vnd.fdo.journal", "/upload", 300)
    taken = outcome_of(
        lambda: add_journal_entries(data, rules, records),
        RequestRefused,
    )
    if refused is None:
        assert taken is not RequestRefused and kept(records) == found
    try:
        some = Records()
        add_datagram(data, 300, some)
        kept(some, 300)
    except RequestRefused as refusal:
        assert refusal.status in (400, 413)


class _NothingElse(pickle.Unpickler):
    """Python's own reader of pickles, of plain data alone."""

    def find_class(self, module: str, name: str) -> Any:
        # Protocols 1 and 2 write bytes as a call of this function.
        assert (module, name) == ("_codecs", "encode"), f"{module}.{name}"
        return codecs.encode

    def persistent_load(self, key: Any) -> NoReturn:
        raise pickle.UnpicklingError(str(key))


def _unframed(data: bytes) -> bytes:
    """Return a pickle without its frames: Python's reader loses the part of a line before a frame's end."""
    frames = []
    if b"\x95" in data:
        frames = [place for code, _, place in pickletools.genops(data) if code.name == "FRAME"]
    for place in reversed(frames):
        assert place is not None
        data = data[:place] + data[place + 9 :]
    return data


@target("linelog.formats.python.plain_pickle")
def pickles(data: bytes) -> None:
    """The value is the one that Python reads; no name is looked up, and the size is limited."""
    try:
        value = read_plain_pickle(data, 500)
    except NotPlainError:
        return
    try:
        expected = _NothingElse(io.BytesIO(_unframed(data))).load()
    except (pickle.UnpicklingError, OverflowError, ValueError):
        # Only Python's own reader checks the protocol number.
        return
    assert repr(value) == repr(expected)
    for _ in range(3):
        assert repr(read_plain_pickle(data, 500)) == repr(value)


@target("linelog.formats.python.parse", "linelog.formats.python.parse")
def python_records(data: bytes) -> None:
    """A LogRecord becomes a JSON object on one line, or is refused."""
    records = Records()
    try:
        add_pickled_record(data, RULES, records)
    except RequestRefused as refusal:
        assert (refusal.status, refusal.reason) == (400, "pickle")
    else:
        ((line, _),) = kept(records)
        assert isinstance(json.loads(line), dict)
        assert escaped(line + b"\n") == line + b"\n"
        at_most(len(line), 100 * RECORD)

    def outcome(pieces: list[bytes]) -> object:
        framer = PickleFramer(100, 1000)
        found = [one for piece in pieces for one in framer.receive(piece)]
        return found, framer.passed_over, bool(framer.fault)

    same_however_cut(data, outcome)
