"""Pictures of the tables of states, for docs/pictures: `make docs` writes them, by generate.py.

A table is a list of boxes in its own order, the first state at the top. An event to the next state is an
arrow down; any other goes by a lane at the right if it leads down, at the left if it leads up. Arrows of
one event to one state share their lane. The text in a box is the comment above the state's row.
"""

from __future__ import annotations

import re
import textwrap
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from html import escape
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent

TABLES = {
    "connection": (
        "A connection of a protocol of the kit; rules connect its five tables",
        "logsrv.kit.protocols._states",
        ("SENDING", "HANDLER", "OUTFLOW", "INPUT", "OTHERS"),
    ),
    "site": ("A site", "logsrv.kit.service.sites", ("NEXT",)),
    "resident-process": (
        "A helper process that is restarted",
        "logsrv.kit.children.resident",
        ("NEXT",),
    ),
    "record-connection": (
        "A connection that receives records",
        "logsrv.linelog.intake.records",
        ("NEXT",),
    ),
    "http-connection": (
        "The end of an HTTP connection to an input",
        "logsrv.linelog.intake.over_http.input",
        ("ENDING",),
    ),
    "http-request": (
        "An HTTP request to an input",
        "logsrv.linelog.intake.over_http.request",
        ("NEXT",),
    ),
    "columns": ("The thread that makes columns", "logsrv.linelog.columns.maker_thread", ("NEXT",)),
    "reader-process": (
        "A process that reads the store from a saved place",
        "logsrv.linelog.parts.reader_child",
        ("NEXT",),
    ),
    "send-loop": ("The loop of a shipper", "logsrv.linelog.ship.send_loop", ("NEXT",)),
}
"""The name of each picture: its title, and the module and the names of its tables."""

WIDTH, LINE, GAP, CHARACTER = 250, 15, 44, 6.4
WRAP = 40
MARGIN, WIDEST = 16.0, 1100
GREY, BLUE, PAPER, BOX = "#57606a", "#0969da", "#ffffff", "#f6f8fa"


class Arrow(NamedTuple):
    """The arrows of some events from some states to one state; all by their indexes in the table."""

    sources: tuple[int, ...]
    target: int
    label: tuple[str, ...]


class Box(NamedTuple):
    """A state in a picture. top, bottom: in pixels."""

    name: str
    notes: Sequence[str]
    top: int
    bottom: int


def rows_of(module: str, name: str) -> dict[str, dict[str, str]]:
    """Return a table as names: for each state the words at an arrow, and the state to which it leads."""
    table: Mapping[str, Mapping[str, str | tuple[str, ...]]] = getattr(import_module(module), name)
    rows: dict[str, dict[str, str]] = {}
    for state, row in table.items():
        rows[state] = {}
        for event, result in row.items():
            following, *actions = (result,) if isinstance(result, str) else result
            rows[state][": ".join(filter(None, [event, " ".join(actions)]))] = following
    for following in [words for row in rows.values() for words in row.values()]:
        # The last state may have no row.
        rows.setdefault(following, {})
    return rows


def notes_of(module: str, name: str) -> dict[str, str]:
    """Return the comments about states: that above the row, or `STATE: …` in that above the table."""
    source = ROOT.joinpath(*module.split(".")).with_suffix(".py").read_text()
    head = rf"((?:^#.*\n)*)^{name}(?:: Table)? = (?:state_table\(\n    )?{{\n"
    found = re.search(rf"{head}(.*?)^(?:    )?}}", source, re.M | re.S)
    assert found is not None, (module, name)
    rows_text = textwrap.dedent(found[2])
    above = " ".join(found[1].replace("#", "").split())
    parts = re.split(r"(?:^|(?<= ))([A-Z]{4,}): ", above)
    notes: dict[str, str] = {}
    for state, note in zip(parts[1::2], parts[2::2], strict=True):
        notes.setdefault(state, note)
    for comment, state in re.findall(r'((?:^#.*\n)+)^"?(\w+)"?:', rows_text, re.M):
        notes[state] = " ".join(comment.replace("#", "").split())
    first = {state: re.split(r"(?<=\.) (?=[A-Z])", note)[0] for state, note in notes.items()}
    return {state: note[0].upper() + note[1:] for state, note in first.items()}


def arrows_of(rows: Mapping[str, Mapping[str, str]]) -> Iterator[Arrow]:
    """Yield the arrows of a table, but those that lead nowhere else."""
    states = [*rows]
    by_event: dict[tuple[str, str], list[int]] = defaultdict(list)
    for state, row in rows.items():
        for event, following in row.items():
            if following != state:
                by_event[event, following].append(states.index(state))
    together: dict[tuple[tuple[int, ...], int], list[str]] = defaultdict(list)
    for (event, following), found in by_event.items():
        together[tuple(found), states.index(following)].append(event)
    for (sources, target), events in together.items():
        yield Arrow(sources, target, tuple(events))


def boxes_of(rows: Mapping[str, Mapping[str, str]], notes: Mapping[str, str]) -> list[Box]:
    boxes: list[Box] = []
    states = [*rows]
    top = 0
    for state, row in rows.items():
        lines = textwrap.wrap(notes.get(state, ""), WRAP)
        if ignored := [event for event, next_ in row.items() if next_ == state]:
            verb = "changes" if len(ignored) == 1 else "change"
            lines += textwrap.wrap(f"({', '.join(ignored)} {verb} nothing)", WRAP)
        bottom = top + LINE * (len(lines) + 1) + 12
        boxes.append(Box(state, lines, top, bottom))
        after = states[len(boxes)] if len(boxes) < len(states) else ""
        number = sum(next_ == after for next_ in row.values())
        top = bottom + max(GAP, LINE * number + 20)
    return boxes


def text(x: float, y: float, words: str, *, anchor: str = "start", more: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" {more}>{escape(words)}</text>'


def label(x: float, y: float, words: str, anchor: str = "start") -> str:
    """Return the words at an arrow; lines behind them are hidden."""
    halo = f'stroke="{PAPER}" stroke-width="4" paint-order="stroke"'
    return text(x, y, words, anchor=anchor, more=f'fill="{BLUE}" {halo}')


def drawn_box(box: Box, left: float, *, is_first: bool, is_last: bool) -> Iterator[str]:
    middle = left + WIDTH / 2
    stroke = f'stroke="{BLUE if is_first else GREY}" stroke-width="{2 if is_first else 1}"'
    dashes = ' stroke-dasharray="5 3"' if is_last else ""
    height = box.bottom - box.top
    yield (
        f'<rect x="{left:g}" y="{box.top}" width="{WIDTH}" height="{height}" rx="6" fill="{BOX}"'
        f" {stroke}{dashes}/>"
    )
    more = f'font-weight="bold" fill="{BLUE if is_first else GREY}"'
    yield text(middle, box.top + LINE + 1, box.name, anchor="middle", more=more)
    for number, line in enumerate(box.notes, 2):
        more = f'fill="{GREY}" font-size="11"'
        yield text(middle, box.top + number * LINE + 1, line, anchor="middle", more=more)


def path(*points: tuple[float, float]) -> str:
    steps = " L".join(f"{x:g} {y:g}" for x, y in points)
    return f'<path d="M{steps}" fill="none" stroke="{GREY}"/>'


def head(x: float, y: float, dx: int, dy: int) -> str:
    """Return the head of an arrow at a point. dx, dy: its direction."""
    sides = [(x - 7 * dx + 4 * dy * side, y - 7 * dy + 4 * dx * side) for side in (1, -1)]
    (a, b), (c, d) = sides
    return f'<path d="M{a:g} {b:g} L{x:g} {y:g} L{c:g} {d:g}" fill="none" stroke="{GREY}"/>'


class Side:
    """The lanes at one side of the boxes. sign: 1 for the right, -1 for the left."""

    def __init__(self, arrows: Sequence[Arrow], sign: int) -> None:
        # Short arrows go near to the boxes.
        self.arrows = sorted(arrows, key=lambda one: (span_of(one)[1] - span_of(one)[0], one))
        self.sign = sign
        self.lanes: list[list[Arrow]] = []
        for arrow in self.arrows:
            free = (lane for lane in self.lanes if not any(overlaps(arrow, o) for o in lane))
            lane = next(free, None)
            if lane is None:
                self.lanes.append([arrow])
            else:
                lane.append(arrow)
        widths = [
            max(len(words) for arrow in lane for words in arrow.label) * CHARACTER + 22
            for lane in self.lanes
        ]
        # Where each lane is, measured from the boxes; the words are beyond it.
        self.offsets = [18 + sum(widths[:number]) for number in range(len(widths))]
        self.width = 18 + sum(widths) if widths else 6

    def drawn(self, edge: float, boxes: Sequence[Box]) -> Iterator[str]:
        """Yield what is drawn. edge: where the boxes end at this side."""
        ends = [0 for _ in boxes]
        sums = [
            sum(n in (*one.sources, one.target) for one in self.arrows) for n in range(len(boxes))
        ]

        def next_end(number: int) -> float:
            """Return where the next arrow meets a box."""
            ends[number] += 1
            box = boxes[number]
            return round(box.top + (box.bottom - box.top) * ends[number] / (sums[number] + 1), 1)

        words_at: list[str] = []
        for lane, offset in zip(self.lanes, self.offsets, strict=True):
            x = edge + self.sign * offset
            for arrow in lane:
                froms = [next_end(number) for number in arrow.sources]
                to = next_end(arrow.target)
                for y in froms:
                    yield path((edge, y), (x, y))
                    if len(froms) > 1:
                        yield f'<circle cx="{x:g}" cy="{y:g}" r="2.5" fill="{GREY}"/>'
                yield path((x, min(*froms, to)), (x, max(*froms, to)))
                yield path((x, to), (edge, to))
                yield head(edge, to, -self.sign, 0)
                nearest = min(froms, key=lambda y: abs(y - to))
                middle = (nearest + to) / 2 - LINE * (len(arrow.label) - 1) / 2 + 4
                anchor = "start" if self.sign > 0 else "end"
                for number, words in enumerate(arrow.label):
                    y = middle + number * LINE
                    words_at.append(label(x + self.sign * 5, y, words, anchor))
        yield from words_at


def span_of(arrow: Arrow) -> tuple[int, int]:
    every = (*arrow.sources, arrow.target)
    return min(every), max(every)


def overlaps(one: Arrow, other: Arrow) -> bool:
    (a, b), (c, d) = span_of(one), span_of(other)
    return a <= d and c <= b


def drawn_table(module: str, name: str) -> tuple[list[str], float, float]:
    """Return what is drawn of a table, its width and its height."""
    rows = rows_of(module, name)
    boxes = boxes_of(rows, notes_of(module, name))
    down, right, left = [], [], []
    for arrow in arrows_of(rows):
        # One event may lead to a state from above and from below.
        above = tuple(one for one in arrow.sources if one < arrow.target)
        below = tuple(one for one in arrow.sources if one > arrow.target)
        if above == (arrow.target - 1,):
            down.append(arrow._replace(sources=above))
        elif above:
            right.append(arrow._replace(sources=above))
        if below:
            left.append(arrow._replace(sources=below))
    sides = Side(left, -1), Side(right, 1)
    edge = sides[0].width
    drawn: list[str] = []
    for number, box in enumerate(boxes):
        drawn += drawn_box(
            box, edge, is_first=number == 0, is_last={*rows[box.name].values()} <= {box.name}
        )
    for number in {arrow.target for arrow in down}:
        events = [words for arrow in down if arrow.target == number for words in arrow.label]
        y = (boxes[number - 1].bottom + boxes[number].top) / 2 - LINE * (len(events) - 1) / 2 + 2
        x, top, bottom = edge + WIDTH / 2, boxes[number - 1].bottom, boxes[number].top
        drawn += [path((x, top), (x, bottom)), head(x, bottom, 0, 1)]
        drawn += [label(x + 6, y + LINE * n, words) for n, words in enumerate(events)]
    drawn += sides[0].drawn(edge, boxes)
    drawn += sides[1].drawn(edge + WIDTH, boxes)
    return drawn, edge + WIDTH + sides[1].width, boxes[-1].bottom


def picture(title: str, module: str, names: Sequence[str]) -> str:
    """Return the picture of the tables of a module, side by side, as SVG."""
    parts: list[str] = []
    x, y, right, height = MARGIN, 56.0, 16.0 + len(title) * 9, 0.0
    for name in names:
        drawn, width, tall = drawn_table(module, name)
        if x > MARGIN and x + width > WIDEST:
            x, y, height = MARGIN, y + height + 56, 0.0
        parts.append(f'<g transform="translate({x:g} {y:g})">')
        if len(names) > 1:
            parts.append(text(0, -12, name, more=f'font-weight="bold" fill="{GREY}"'))
        parts += [*drawn, "</g>"]
        right, x, height = max(right, x + width + MARGIN), x + width + 40, max(height, tall)
    x, height = right, y + height + MARGIN
    box, font = f'viewBox="0 0 {x:g} {height:g}"', 'font-family="sans-serif" font-size="12"'
    size = f'width="{x:g}" height="{height:g}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} {box} {font}>',
            f"<title>{escape(title)}</title>",
            f'<rect {size} fill="{PAPER}"/>',
            text(16, 26, title, more=f'font-size="15" font-weight="bold" fill="{GREY}"'),
            *parts,
            "</svg>\n",
        ]
    )


PICTURES = {
    f"pictures/states-{name}.svg": partial(picture, *about) for name, about in TABLES.items()
}
