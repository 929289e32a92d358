"""Stores with lines of persons, erases of them, and everything that the files of a store say."""

import zlib
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

import pyarrow.parquet
import zstandard

from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.pipeline import parse_question
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.view import View
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.index.segment_index import decode_index
from logsrv.linelog.store.notes.erase_plan import ErasePlan, Runs, locked_plan
from logsrv.linelog.store.sealing.erase_lines import EraseOutcome, LineEraser
from logsrv.linelog.store.segment import Position
from tests.parts.disks import at
from tests.parts.stores import add_columns, line, make_store

WORDS = "Zebulon", "zebulon.quist", "quist@example.org"
"""Words of the person, which nothing else in a store has."""
MOMENT = "2026-11-30T04:00:00.000000Z"


def line_of_person(number: int, seconds: float) -> bytes:
    """Return a line about the person, as one of several forms."""
    sent = (
        f"user=zebulon.quist paid {number} euro ms={number}",
        f'{{"level":"error","user":"Zebulon","mail":"quist@example.org","n":{number}}}',
        f'10.9.8.7 - Zebulon [20/Nov/2026:06:00:00 +0000] "GET /zebulon.quist/{number} HTTP/1.1" 200 5',
        f"<11>1 2026-11-20T06:00:00Z Zebulon app{number} - - - ERROR failed for quist@example.org",
    )
    return line(sent[number % len(sent)], seconds, "tcp:10.9.8.7:5555")


def other_line(number: int, seconds: float) -> bytes:
    """Return a line that nobody erases."""
    return line(f"user=ann number={number} ms={number} level=info {'x' * (number % 50)}", seconds)


def store_with_person(
    directory: Path, *, segments: int = 4, packed: int = 2, each: int = 40, columns: bool = False
) -> Path:
    """Make a store in which every seventh line is about the person; the last segment is the active one."""
    made = []
    for segment in range(segments):
        numbers = range(segment * each, (segment + 1) * each)
        made.append(
            [
                (line_of_person if number % 7 == 3 else other_line)(number, number)
                for number in numbers
            ]
        )
    store = make_store(directory, made, packed=packed)
    return add_columns(store) if columns else store


def erase(
    store: Path,
    query: str = "zebulon OR quist",
    disk: Disk | None = None,
    *,
    again: bool = False,
    is_damaged: bool = False,
) -> EraseOutcome:
    """Erase the lines that a query finds. again: carry out the plan that is there instead."""
    with locked_plan(disk or at(store)) as file:
        plan = file.read()
        if not again:
            plan = plan_for(store, query, is_damaged=is_damaged)
            file.write(plan)
        assert plan is not None
        outcome = LineEraser(plan, disk or at(store), again=again).carry_out()
        file.remove()
    return outcome


def plan_for(store: Path, query: str, *, is_damaged: bool = False) -> ErasePlan:
    """Return the plan of an erase."""
    runs: dict[int, Runs] = {}
    for position, found in hits(store, query, is_damaged=is_damaged):
        runs.setdefault(position.segment, Runs()).add(
            position.offset, position.offset + len(found) + 1
        )
    return ErasePlan(MOMENT, "they asked", "ann", sum(map(len, runs.values())), 0, runs)


def hits(store: Path, query: str, *, is_damaged: bool = False) -> list[tuple[Position, bytes]]:
    """Return the lines that a query finds, with their positions."""
    told: list[str] = []
    with View(str(store), told.append) as view:
        search = Search(view, make_matcher(parse_question(query).node), Scope(), processes=1)
        found = [(hit.position, hit.line) for hit in search.hits()]
        search.close()
    assert is_damaged or not told
    return found


def everything(store: Path) -> dict[str, bytes]:
    """Return all that the files below a store say: as they are, and unpacked."""
    found = {}
    for path in sorted(one for one in store.rglob("*") if one.is_file()):
        data = path.read_bytes()
        found[str(path.relative_to(store))] = b"\n".join([data, *_unpacked(path.name, data)])
    return found


def _unpacked(name: str, data: bytes) -> Iterable[bytes]:
    if ".zst" in name and name.endswith((".zst", ".zst.tmp")):
        yield zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True).read()
    elif name.endswith(".idx"):
        yield from (zlib.decompress(one) for one in decode_index(data).continuations if one)
    elif name.endswith(".parquet"):
        yield repr(pyarrow.parquet.read_table(BytesIO(data)).to_pydict()).encode()


def files_with_person(store: Path) -> list[str]:
    """Return the names of the files that have a word of the person, in any case."""
    words = [word.lower().encode() for word in WORDS]
    return [
        name for name, data in everything(store).items() if any(w in data.lower() for w in words)
    ]
