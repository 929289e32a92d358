"""Lines read one by one and together: both have to give the same fields and levels."""

import re
from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any, NamedTuple, TypeGuard

from hypothesis import strategies as st

from logsrv.linelog.fields.extract import LineFields, read_all_fields, read_fields
from logsrv.linelog.fields.level_numbers import OF_NUMBERS, level_numbers
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.fields.values import Scalar, Value, text_of_value
from tests.parts.mixed_lines import STAMP, fields_of_records

_FIELD = re.compile(r"(\S+): (.*?)(?:  +|$)")
_INDENT = "    "
# Characters at which lines are split, or that end a field.
_MARKS = st.sampled_from(
    [b"", b" ", b"  ", b'"', b"\\", b"=", b":", b"[", b"]", b"{", b"}", b"|", b",", b"-", b"\t", b"\r",
     b"\x1f", b"\xff", "\u00e9".encode(), b"\x1b[31m", b"\0", b"<", b"a=1 ", b"level=error "]
)  # fmt: skip


class Example(NamedTuple):
    """A line of a form, and what it gives. fields: with the level, and the header's text if it is said."""

    line: bytes
    fields: dict[str, str]


def examples_of(form: ModuleType) -> list[Example]:
    """Return the examples in the docstring of a form."""
    found = []
    _, begin, table = (form.__doc__ or "").partition("\nExamples:\n")
    assert begin, f"{form.__name__} has no examples"
    for row in filter(str.strip, table.splitlines()):
        assert row.startswith(_INDENT)
        if not row.startswith(2 * _INDENT):
            found.append(Example(row.removeprefix(_INDENT).encode(), {}))
        elif row.strip() != "(no fields)":
            found[-1].fields.update(_FIELD.findall(row.strip()))
    return found


def fields_of_one(line: bytes) -> dict[str, str]:
    """Return all fields of a line by itself, as an example has them."""
    record = ParsedLine(line)
    values = {name: record.get(f"fields.{name}", as_written=True) for name in record.fields}
    found = {name: text_of_value(value) for name, value in values.items() if is_scalar(value)}
    return _with_level(found, record.level)


def is_scalar(value: Value | None) -> TypeGuard[Scalar]:
    return value is not None and not isinstance(value, list)


def fields_of_many(line: bytes, names: Iterable[str]) -> dict[str, str]:
    """Return these fields of a line among others like it, as an example has them."""
    stamps = StampedLines(b"".join([line + b"\n"] * 40))
    found = {}
    for name in names:
        field = read_fields(stamps, [f"fields.{name}"])[f"fields.{name}"]
        assert field is not None
        if field.texts:
            [found[name]] = field.texts
            assert field.codes.tolist() == [0] * 40
    [level] = {OF_NUMBERS[number] for number in level_numbers(stamps.text).tolist()}
    return _with_level(found, level)


def _with_level(fields: dict[str, str], level: str | None) -> dict[str, str]:
    found = {name: text for name, text in fields.items() if name != "level"}
    return found | ({"level": level} if level else {})


def mostly(usual: Sequence[str], *odd: str) -> st.SearchStrategy[str]:
    """Return a strategy for usual words, and a few odd ones: a line with several odd parts has no form."""
    return st.integers(0, 6).flatmap(lambda number: st.sampled_from(usual if number else odd))


def broken(lines: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Return a strategy for the lines, some of them with a piece cut out and another put there."""
    place = st.integers(0, 200)
    cut = st.builds(_cut, lines, place, st.sampled_from([0, 0, 1, 1, 2, 9]), _MARKS)
    return lines | cut | st.builds(_cut, cut, place, st.integers(0, 2), _MARKS)


def _cut(line: bytes, place: int, size: int, piece: bytes) -> bytes:
    at = place % (len(line) + 1)
    return line[:at] + piece + line[at + size :]


def texts_of(lines: st.SearchStrategy[bytes]) -> st.SearchStrategy[list[bytes]]:
    """Return a strategy for texts of stored lines: many usual ones, and broken ones among them."""
    stamped = st.builds(bytes.__add__, st.sampled_from([STAMP, STAMP, STAMP, b""]), broken(lines))
    return st.builds(list.__mul__, st.lists(stamped, max_size=5), st.sampled_from([1, 1, 3]))


def fields_of_columns(
    lines: Sequence[bytes], skip: Sequence[str] = ()
) -> tuple[dict[str, dict[int, Any]], LineFields]:
    read = read_all_fields(StampedLines(b"".join(line + b"\n" for line in lines)), skip)
    assert read.lines == len(lines)
    found: dict[str, dict[int, Any]] = {}
    for name, field in read.fields.items():
        assert len(field.codes) == len(lines)
        assert len({*field.texts}) == len(field.texts)
        assert {*field.codes.tolist()} >= {*range(len(field.texts))}
        values = [
            [*map(text_of_value, value)] if isinstance(value, list) else value
            for value in field.values()
        ]
        found[name] = {
            row: values[code] for row, code in enumerate(field.codes.tolist()) if code >= 0
        }
    return found, read


def check_columns(lines: Sequence[bytes], skip: Sequence[str] = ()) -> LineFields:
    """Check that columns of all fields, and their levels, are those of the records."""
    found, read = fields_of_columns(lines, skip)
    known = fields_of_records(lines)
    for name in {*skip, *read.left_out}:
        assert name not in found
        known.pop(name, None)
    if not read.complete:
        known = {name: known[name] for name in found}
    assert found == known
    levels = {line: ParsedLine(line).level for line in {*lines}}
    assert [OF_NUMBERS[one] for one in read.levels.tolist()] == [levels[line] for line in lines]
    return read


def check_one_and_many(lines: Sequence[bytes]) -> None:
    """Check that lines together have the fields and levels that each has by itself."""
    lines = [line.replace(b"\n", b"") for line in lines]
    check_columns(lines)
    text = b"".join(line + b"\n" for line in lines)
    assert [OF_NUMBERS[one] for one in level_numbers(text).tolist()] == [
        ParsedLine(line).level for line in lines
    ]
    known = fields_of_records(lines)
    for name in sorted(known)[:3]:
        found = read_fields(StampedLines(text), [name])[name]
        if found is not None and not found.lists:
            of_lines = {
                row: found.texts[code] for row, code in enumerate(found.codes.tolist()) if code >= 0
            }
            assert of_lines == known[name]
