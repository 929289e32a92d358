"""Stack traces in a store, and the records that its lines are."""

from pathlib import Path

from logsrv.linelog.fields.continuations.joiner import Joiner
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.read.hits import Hit
from logsrv.linelog.read.stored_lines import StoredLines
from logsrv.linelog.store.segment import Position
from tests.parts.stack_traces import GO, JAVA, OTHERS, PYTHON, split_sample
from tests.parts.stores import make_store, view_of

TRACES = [split_sample(sample)[0] for sample in (JAVA, PYTHON, GO, OTHERS)]


def stored(lines: list[bytes], directory: Path) -> tuple[StoredLines, list[Hit]]:
    view = StoredLines(view_of(make_store(directory, [lines[: len(lines) // 2], lines])))
    return view, list(view.lines_from(Position(2, 0)))


def records_of(hits: list[Hit]) -> list[list[Hit]]:
    """Return the records of all lines, found from the first line on."""
    joiner = Joiner()
    found: list[tuple[ParsedLine, list[Hit]]] = []
    for hit in hits:
        first = joiner.first_line(ParsedLine(hit.line))
        known = [held for begun, held in found if begun is first]
        if known:
            known[0].append(hit)
        else:
            found.append((first, [hit]))
    return [held for _, held in found]
