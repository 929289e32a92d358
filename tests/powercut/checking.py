"""Checks of a store after a power cut, when it was started again and used."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.read.hits import Hit
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import Position
from tests.parts.powercut.recovery import NEW, use
from tests.parts.reactor import logged
from tests.parts.store_reader import TIME
from tests.powercut.seen import ID, Seen

# The line that stands for bytes that never reached the disk, with the rest of the line that ended there.
FILLED = re.compile(rb"((?:\S+ logsrv:start \[\d+ bytes never reached the disk\])?[ \0]*)(.*)")
# Columns of the table.
KINDS = (
    "stopped",
    "lost",
    "twice",
    "order",
    "foreign",
    "silent",
    "moved",
    "reused",
    "index",
    "noise",
)


def wrongs(directory: Path, seen: Seen, go_on: Callable[[Path], None] = use) -> list[str]:
    """Start the store again with `go_on` and check it; return what is wrong, each as `kind: what`."""
    with logged() as said:
        try:
            go_on(directory)
        except Exception as error:
            return [f"stopped: it does not go on: {type(error).__name__}: {error}"]
    told: list[str] = []
    with View(str(directory), told.append) as view:
        hits = _search(view, "")
        found = [
            *_lines(hits, seen, said),
            *_new_ones(hits, seen),
            *_indexes(view, hits),
        ]
    found += [f"index: {sentence}" for sentence in told]
    found += [f"noise: {one}" for one in said if "does not hold the number" in one]
    return found


def wrongs_of_import(
    directory: Path, wanted: list[bytes], again: Callable[[Path], int]
) -> list[str]:
    """Import the same files `again` and check the store; return what is wrong, as `wrongs` does."""
    try:
        if status := again(directory):
            return [f"stopped: the import ends with status {status}"]
    except Exception as error:
        return [f"stopped: the import does not go on: {type(error).__name__}: {error}"]
    told: list[str] = []
    with View(str(directory), told.append) as view:
        hits = _search(view, "")
        found = list(_indexes(view, hits))
    lines = [hit.line for hit in hits]
    if lines != wanted:
        there, all_of_them = Counter(lines), Counter(wanted)
        found += [f"lost: {_named(line)}" for line in all_of_them - there]
        found += [f"twice: {_named(line)}" for line in there if 0 < all_of_them[line] < there[line]]
        found += [f"foreign: {line[:80]!r}" for line in there if line not in all_of_them]
        found = found or ["order: the lines are not in the order of the files"]
    return found + [f"index: {sentence}" for sentence in told]


def _search(view: View, query: str, *, since: str = "", until: str = "") -> list[Hit]:
    with closing(
        Search(view, make_matcher(parse(query)), Scope(since, until), processes=1)
    ) as search:
        return list(search.hits())


def _lines(hits: list[Hit], seen: Seen, said: list[str]) -> Iterator[str]:
    """Yield what is wrong with the lines from before the cut."""
    there: Counter[bytes] = Counter()
    late, moved, last = [], [], Position(0, 0)
    for position, text, _ in hits:
        line = text + b"\n"
        if line in seen.lines:
            there[line] += 1
            was = seen.lines[line]
            if was < last:
                late.append(f"{_named(line)} is behind a younger one")
            last = max(last, was)
            if was != position and there[line] == 1:
                moved.append(f"{_named(line)} was at {was} and is at {position}")
        elif not any(new in line for new in NEW):
            yield from _odd(position, text, seen, "\n".join(said))
    twice = [f"{_named(line)} is there {count} times" for line, count in there.items() if count > 1]
    for kind, found in (("twice", twice), ("order", late), ("moved", moved)):
        if found:
            yield f"{kind}: {len(found)} lines; {found[0]}"
    ids = {int(match[1]) for line in there if (match := ID.search(line))}
    excused = {
        int(match[1])
        for segment, text in seen.texts.items()
        if segment <= seen.removed
        for match in ID.finditer(text)
    }
    if lost := sorted(seen.promised - ids - excused):
        yield f"lost: {len(lost)} acknowledged lines, the first is {lost[0]}"


def _odd(position: Position, text: bytes, seen: Seen, log: str) -> Iterator[str]:
    """Yield an error for a line that nobody sent; a torn or a filled line is right if the log says so."""
    segment, offset = position
    was = seen.texts.get(segment, b"")[offset:]
    filled = FILLED.fullmatch(text)
    if filled and filled[1] and was[: len(text)].endswith(filled[2]):
        kind, said = "a hole", "NUL" in log or "lacks" in log
    elif was.startswith(text) or any(line.startswith(text) for line in seen.lines):
        kind, said = "a torn line", "torn" in log or "lacks" in log
    elif b"\0" in text:
        kind, said = f"{text.count(0)} NULs", "NUL" in log
    else:
        yield f"foreign: nobody sent what is at {position}: {text[:80]!r}"
        return
    if not said:
        yield f"silent: {kind} at {position} without a word"


def _new_ones(hits: list[Hit], seen: Seen) -> Iterator[str]:
    """Yield what is wrong with the lines from after the cut."""
    places = {new: [hit.position for hit in hits if new in hit.line] for new in NEW}
    for new, found in places.items():
        if len(found) != 1:
            yield f"stopped: {new.decode()!r} is there {len(found)} times"
        for position in found:
            if position < seen.end:
                yield f"reused: a new line is at {position}, and {seen.end} was read up to"


def _indexes(view: View, hits: list[Hit]) -> Iterator[str]:
    """Yield each difference between the indexes of words and of times, and the lines of the store."""
    if not hits:
        return
    texts = [hit.line for hit in hits]
    chosen = texts[len(texts) // 2]
    words = {
        match[0].decode() for line in (texts[0], chosen) if (match := re.search(rb"word\d+", line))
    }
    for word in sorted(words):
        matcher = make_matcher(parse(word))
        wanted = [line for line in texts if matcher.matches(line)]
        if len(_search(view, word)) != len(wanted):
            yield f"index: the word {word} is not found in all of {len(wanted)} lines"
    # A damaged line may have lost its time: the index of times does not have it then.
    timed = [line for line in texts if TIME.match(line)]
    if not timed:
        return
    moment = timed[len(timed) // 2][:27].decode()
    before = {"until": moment}, [line for line in timed if line[:27].decode() < moment]
    since = {"since": moment}, [line for line in timed if line[:27].decode() >= moment]
    for scope, wanted in (before, since):
        there = [hit.line for hit in _search(view, "", **scope) if TIME.match(hit.line)]
        if there != wanted:
            yield f"index: {scope} finds {len(there)} of {len(wanted)} lines"


def _named(line: bytes) -> str:
    match = ID.search(line)
    return f"line {int(match[1])}" if match else repr(line[:60])
