"""Answers by plain Python, value by value and line by line, without the product's matcher or parsers."""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from functools import partial
from itertools import product
from typing import Any, TypeAlias

import attrs

from logsrv.kit.text.time import exact_rfc3339
from tests.linelog.questions.lines import (
    ALIASES,
    IN_NAMES,
    SIZES,
    TIMES,
    Line,
    level_in_fields,
    number_of,
)

Key: TypeAlias = tuple[Any, ...]
COMPUTED = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
ORDERS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_ALWAYS = ("time", "source", "name", "host", "port", "position", "message", "level")
_UNITS = "|".join(sorted({*TIMES, *SIZES}, key=len, reverse=True))
_AMOUNT = re.compile(rf" ?([0-9]+\.?[0-9]*|\.[0-9]+) ?({_UNITS})")


def own_field(line: Line, name: str) -> list[str]:
    """The values of a field of a line, but for `position`: none if it is missing, several of a list."""
    who, _, peer = line.source.rpartition("@")
    if name in _ALWAYS:
        address = re.fullmatch(r"(?:tcp|udp):\[?(.*?)\]?:([0-9]+)", peer)
        found = {
            "time": line.time if line.source else None, "source": line.source or None,
            "name": who or None, "level": line.level,
            "message": line.text,
            "host": address and address[1], "port": address and address[2],
        }.get(name)  # fmt: skip
    elif name.startswith("syslog."):
        found = line.header.get(name[7:])
    else:
        inner = name.removeprefix("fields.")
        found = line.content.get(inner, line.header.get(inner))
        if found is None and inner == name and line.kind in ("json", "pairs", "event"):
            known = [one for one in ALIASES.get(name, ()) if one in line.content]
            # Only a record of a log has its program as `name`; whether it is one depends on fields of it.
            # The name of an event is what happened.
            is_log = line.kind != "event" and level_in_fields(line.content)
            known = [one for one in known if one != "name" or is_log]
            found = line.content[known[0]] if known else None
        if found is None and name in ALIASES and line.first is not None:
            return own_field(line.first, name)
        if found is None and name == "status_class":
            status = str(line.content.get("status"))
            found = f"{status[0]}xx" if re.fullmatch("[1-5][0-9][0-9]", status) else None
    return [] if found is None else found if isinstance(found, list) else [found]


def field_of(line: Line, name: str, extracted: Mapping[str, bytes]) -> list[str]:
    """The values of a field of a line; an extracted one hides one of the same name."""
    if name not in extracted:
        return own_field(line, name)
    found = re.search(extracted[name], line.message)
    value = found[name] if found else None
    return [] if value is None else [value.decode("utf-8", "surrogateescape")]


def amount_of(name: str, text: str) -> tuple[str, Fraction] | None:
    """The kind and the number of a text: a plain number has no kind unless the field's name has a unit."""
    if (number := number_of(text)) is not None:
        kind, scale = unit_of(name)
        return kind, Fraction(number) * scale
    parts, at = [], int(text[:1] in ("+", "-"))
    while found := _AMOUNT.match(text, at):
        parts.append((found[1], found[2]))
        at = found.end()
    if (
        not parts
        or at < len(text)
        or (len(parts) > 1 and any(unit not in TIMES for _, unit in parts))
    ):
        return None
    units = TIMES | SIZES
    total = sum((Fraction(one.rstrip(".")) * units[unit] for one, unit in parts), Fraction(0))
    return "time" if parts[0][1] in TIMES else "size", -total if text[0] == "-" else total


def unit_of(name: str) -> tuple[str, int]:
    last = re.split(r"[\W\d_]", name)[-1]
    word = re.search(r"[A-Z]?[^A-Z]*\Z", last)
    return IN_NAMES.get(word[0].lower() if word else "", ("", 1))


def number_in(name: str, texts: Sequence[str]) -> float | None:
    """The number of a field for figures: in the unit of its name, else in seconds or bytes."""
    found = []
    for text in texts:
        number = number_of(text)
        # Figures are doubles.
        known = float(number) if isinstance(number, Fraction) else number
        if known is None and (amount := amount_of(name, text)):
            kind, scale = unit_of(name)
            default = 10**9 if amount[0] == "time" else 1
            known = (
                float(amount[1] / (scale if kind else default)) if kind in ("", amount[0]) else None
            )
        if known is not None and abs(known) <= 1e290:
            found.append(known)
    return max(found, default=None)


def compares(name: str, value: str, op: str, wanted: str) -> bool:
    """Whether a comparison is true for one value."""
    if op == ":":
        return contains(value, wanted)
    left, right = amount_of(name, value), amount_of(name, wanted)
    plain = [number_of(one) is not None for one in (value, wanted)]
    if op in ORDERS:
        if left is None or right is None:
            return False
        kind = left[0] or right[0]
        scale = 10**9 if kind == "time" else 1
        a, b = ((one[0] or kind, one[1] * (1 if one[0] else scale)) for one in (left, right))
        return a[0] == b[0] and bool(ORDERS[op](a[1], b[1]))
    if left and right and plain[0] == plain[1]:
        same = left == right
    else:
        same = _bytes(value).lower() == _bytes(wanted).lower()
    return same is (op == "=")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def contains(text: str, part: str) -> bool:
    """Smart case."""
    if re.search("[A-Z]", part):
        return _bytes(part) in _bytes(text)
    return _bytes(part).lower() in _bytes(text).lower()


def matches(text: str, pattern: str) -> bool:
    """Whether an expression is found, by smart case; those of bytes know ASCII only."""
    folded = 0 if re.search("[A-Z]", re.sub(r"\\.", "", pattern)) else re.IGNORECASE
    return re.search(_bytes(pattern), _bytes(text), folded) is not None


def table(asked: Any, lines: Sequence[Line]) -> list[tuple[Any, ...]]:
    """The rows of figures by groups."""
    rows = []
    has_groups = asked.fields or asked.every is not None
    for (start, *values), figures in _compared(asked, lines).items():
        if has_groups and all(one is None for one in figures):
            continue
        time = [] if asked.every is None else [exact_rfc3339(start)]
        rows.append((*time, *values, *figures))
    first = len(asked.fields) + (asked.every is not None)

    def order(row: tuple[Any, ...]) -> tuple[Any, ...]:
        by = row[first - len(asked.fields) : first]
        figure = row[first]
        return (
            row[0] if asked.every is not None else 0,
            (figure is None, 0 if isinstance(figure, str) else -(figure or 0)),
            figure if isinstance(figure, str) and not is_time else "",
            [(one is None, one or "") for one in by],
        )

    is_time = asked.figures[0][1] == "time"
    rows.sort(key=order)
    if is_time:
        rows = sorted_rows(first, rows, ascending=False)
        rows.sort(key=lambda row: row[0] if asked.every is not None else "")
    for stage in asked.of_rows:
        rows = stage(rows)
    return rows


def _compared(asked: Any, lines: Sequence[Line]) -> dict[Key, list[Any]]:
    """The figures of each group; to compare, each one with the earlier one and the change."""
    now = _figures(asked, lines)
    if not asked.compare:
        return now
    shift = round(asked.compare * 10**6)
    since, until = (exact_rfc3339(_microseconds(one) - shift) for one in (asked.since, asked.until))
    earlier = attrs.evolve(asked, since=since, until=until)
    oldest = min(line.moment for line in lines)
    begin, end = _microseconds(since), _microseconds(until)
    # A store begins with its first line, not in the first moment that is asked for.
    some = min((end - begin) / 100, asked.every * 10**6 if asked.every else end)
    then = _figures(earlier, lines) if earlier.found(lines) else {}
    later = shift if asked.every else 0
    then = {(start + later, *values): figures for (start, *values), figures in then.items()}
    none = [0 if one in ("count", "count_distinct") else None for one, _ in asked.figures]
    found: dict[Key, list[Any]] = {}
    for key in {**now, **then}:
        lacks = oldest - begin > some and (asked.every is None or key[0] - shift < min(oldest, end))
        pairs = zip(
            asked.figures,
            now.get(key, none),
            then.get(key, [None] * len(none) if lacks else none),
            strict=True,
        )
        found[key] = [
            cell
            for (function, field), a, b in pairs
            for cell in (
                (a, b)
                if columns_of_figure(function, field, asked.compare) == 2
                else (a, b, None if None in (a, b) else a - b)
            )
        ]
    return found


def columns_of_figure(function: str, field: str, compare: float) -> int:
    """How many columns a figure has: to compare, the earlier one and, of numbers, the change."""
    is_number = function not in ("first", "last") and not (
        field == "time" and function in ("min", "max")
    )
    return 1 + bool(compare) * (1 + is_number)


def _microseconds(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1e6)


def _figures(asked: Any, lines: Sequence[Line]) -> dict[Key, list[Any]]:
    """The figures of each group. The key begins with the start of the step in microseconds, or 0."""
    groups: dict[Key, list[Line]] = {}
    size = round((asked.every or 0) * 10**6)
    for number in asked.found(lines):
        line = lines[number]
        parts: list[list[Any]] = [[line.moment // size * size if size else 0]]
        parts += [list(dict.fromkeys(asked.field(line, name))) or [None] for name in asked.fields]
        for key in product(*parts):
            groups.setdefault(key, []).append(line)
    if not groups and not asked.fields and asked.every is None:
        groups[0,] = []
    conditions = asked.conditions or (None,) * len(asked.figures)
    return {
        key: [
            _of_lines(
                function,
                name,
                [line for line in some if condition is None or condition(line)],
                partial(asked.field, name=name),
            )
            for (function, name), condition in zip(asked.figures, conditions, strict=True)
        ]
        for key, some in groups.items()
    }


def _of_lines(
    function: str, name: str, lines: Sequence[Line], field: Callable[[Line], list[str]]
) -> float | str | None:
    if function == "count":
        return len(lines)
    if name == "time" and function in ("min", "max"):
        moments = [line.moment for line in lines]
        return (
            exact_rfc3339(min(moments) if function == "min" else max(moments)) if moments else None
        )
    values = [[*map(shown, dict.fromkeys(found))] for line in lines if (found := field(line))]
    if function == "count_distinct":
        return len({value for some in values for value in some})
    if function in ("first", "last"):
        return ", ".join(values[0 if function == "first" else -1]) if values else None
    return _figure(function, [
        one for line in lines if (one := number_in(name, field(line))) is not None
    ])  # fmt: skip


def shown(text: str) -> str:
    """A value as it is counted."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")[:1000]


def sorted_rows(
    column: int, rows: list[tuple[Any, ...]], *, ascending: bool
) -> list[tuple[Any, ...]]:
    """Rows by a column; missing values are last."""
    known = [row for row in rows if row[column] is not None]
    known.sort(key=lambda row: row[column], reverse=not ascending)
    return known + [row for row in rows if row[column] is None]


def kept_rows(
    column: int, op: str, wanted: Any, rows: list[tuple[Any, ...]]
) -> list[tuple[Any, ...]]:
    """Rows of which a cell compares so."""
    return [row for row in rows if row[column] is not None and ORDERS[op](row[column], wanted)]


def rows_with(
    column: int, compute: Any, number: float, is_compared: bool, rows: list[tuple[Any, ...]]
) -> list[tuple[Any, ...]]:
    """Rows with a number that is computed of a cell; to compare, of the earlier one and the change, too."""

    def made(cell: Any) -> Any:
        is_nothing = cell is None or (compute is operator.truediv and not number)
        return None if is_nothing else compute(cell, number)

    found = []
    for row in rows:
        now = made(row[column])
        if is_compared:
            before = made(row[column + 1])
            found.append((*row, now, before, None if None in (now, before) else now - before))
        else:
            found.append((*row, now))
    return found


def _figure(function: str, numbers: list[float]) -> float | None:
    if not numbers:
        return None
    numbers = sorted(numbers)
    if re.fullmatch(r"p\d+", function):
        rank = (len(numbers) - 1) * int(function[1:]) / 100
        low, high = numbers[int(rank)], numbers[min(int(rank) + 1, len(numbers) - 1)]
        return float(low + (high - low) * (rank - int(rank)))
    total = sum(map(Fraction, numbers))
    return {
        "sum": float(total),
        "avg": float(total / len(numbers)),
        "min": numbers[0],
        "max": numbers[-1],
    }[function]
