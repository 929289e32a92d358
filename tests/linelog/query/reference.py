"""A slow and obvious second implementation: one line at a time, and lines whose fields are known."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from typing import NamedTuple

from hypothesis import strategies as st

from logsrv.linelog.query.language.tree import (
    And,
    Compare,
    Extracted,
    HasField,
    Node,
    Not,
    Or,
    Regex,
    Term,
)
from logsrv.linelog.query.matching.needs import AllOf, Literal, Need

ORDER = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]
SPELLED = {"warn": "warning", "ERR": "error", "Fatal": "critical", "info": "info", "ERROR": "error"}


class Line(NamedTuple):
    """A stored line and what its writer meant."""

    line: bytes
    message: bytes
    fields: dict[str, object]


def is_true(node: Node, line: Line) -> bool:
    """Tell whether `node` is true, from what the line's writer meant."""
    if isinstance(node, Term):
        return found_in(node.text.encode(), line.message)
    if isinstance(node, Regex):
        folded = 0 if re.search("[A-Z]", re.sub(r"\\.", "", node.pattern)) else re.IGNORECASE
        # Expressions of bytes know ASCII only; $ also stands before a last LF, which no message has.
        return re.search(node.pattern.encode(), line.message, folded) is not None
    if isinstance(node, And):
        return all(is_true(part, line) for part in node.parts)
    if isinstance(node, Or):
        return any(is_true(part, line) for part in node.parts)
    if isinstance(node, Not):
        return not is_true(node.part, line)
    assert not isinstance(node, Extracted)
    known = line.fields.get(node.field)
    if known is None and node.field == "status_class":
        status = str(line.fields.get("status"))
        known = f"{status[0]}xx" if re.fullmatch("[1-5][0-9][0-9]", status) else None
    values = known if isinstance(known, list) else [] if known is None else [known]
    if isinstance(node, HasField):
        return bool(values)
    return any(compares(node, str(value)) for value in values)


def compares(node: Compare, value: str) -> bool:
    """Tell whether a comparison is true for one value."""
    if node.field == "level":
        rank = ORDER.index(SPELLED.get(node.value, node.value))
        return _number_comparison(ORDER.index(value), node.op, rank)
    if node.op == ":":
        return found_in(node.value.encode(), value.encode())
    left, right = amount_of(value), amount_of(node.value)
    if left and right and (left[1] == right[1] or node.op not in ("=", "!=")):
        # A number alone is of the unit of the field's name, else of that of the other.
        unit, size = IN_NAMES.get(node.field, (left[1] or right[1], Fraction(1)))
        left, right = ((one[0] * (1 if one[1] else size), one[1] or unit) for one in (left, right))
        if left[1] == right[1]:
            return _number_comparison(left[0], node.op, right[0])
    same = value.encode().lower() == node.value.encode().lower()
    return {"=": same, "!=": not same}.get(node.op, False)


def amount_of(text: str) -> tuple[Fraction, str | None] | None:
    """Return the number that a text is, in seconds or bytes if it has a unit."""
    if text in AMOUNTS:
        return AMOUNTS[text]
    try:
        return Fraction(text), None
    except ValueError:
        return None


def _number_comparison(left: float | Fraction, op: str, right: float | Fraction) -> bool:
    return {
        "=": left == right,
        "!=": left != right,
        "<": left < right,
        "<=": left <= right,
        ">": left > right,
        ">=": left >= right,
    }[op]


def found_in(needle: bytes, text: bytes) -> bool:
    """Tell whether `text` contains `needle`, by smart case."""
    if re.search(b"[A-Z]", needle):
        return needle in text
    return needle.lower() in text.lower()


AMOUNTS: dict[str, tuple[Fraction, str | None]] = {
    "500ms": (Fraction(1, 2), "s"),
    "0.5s": (Fraction(1, 2), "s"),
    "-1m30s": (Fraction(-90), "s"),
    "7.5 \u00b5s": (Fraction(75, 10**7), "s"),
    "6\u03bcs": (Fraction(6, 10**6), "s"),
    "2h": (Fraction(7200), "s"),
    "500B": (Fraction(500), "B"),
    "1KiB": (Fraction(1024), "B"),
    "1.024 kB": (Fraction(1024), "B"),
}
IN_NAMES = {"took_ms": ("s", Fraction(1, 1000)), "bytes": ("B", Fraction(1))}
NAMES = st.sampled_from(["status", "status_class", "user", "http.code", "x", "took_ms"])
WORDS = st.sampled_from(
    [
        "a",
        "b",
        "ab",
        "aB",
        "error",
        "timeout",
        "web",
        "tcp",
        "06",
        "x y",
        "é",
        "É",
        "K",
        "\u212a",
        "ſ",
        "500",
        "b/a",
        "a\tb",
    ]
)
NUMBERS = st.integers(-20, 1200) | st.sampled_from([499.5, 500.0, 5e2, 99999])
VALUES = (
    WORDS | NUMBERS | NUMBERS.map(str) | st.sampled_from([*sorted(AMOUNTS), "2xx", "5XX", "1x"])
)


@st.composite
def stored_lines(draw: st.DrawFn) -> Line:
    """Lines of all shapes, some with stamps."""
    fields: dict[str, object] = draw(st.dictionaries(NAMES, VALUES, max_size=4))
    shape = draw(
        st.sampled_from(
            ["json", "ascii json", "logfmt", "syslog", "syslog file", "access", "text", "level"]
        )
    )
    if shape in ("json", "ascii json"):
        nested: dict[str, object] = {}
        for name, value in fields.items():
            outer, _, inner = name.partition(".")
            nested[outer] = {inner: value} if inner else value
        escaped = draw(st.booleans())
        text = json.dumps(nested, ensure_ascii=shape != "json" and not escaped)
        if shape == "ascii json" and escaped:
            text = _escaped(text)
    elif shape == "logfmt" and len(fields) > 1:
        text = " ".join(f'{name}="{value}"' for name, value in fields.items())
    elif shape == "syslog":
        number = draw(st.integers(0, 7))
        fields = {"app": "web", "pid": "500", "hostname": "h", "level": ORDER[7 - number]}
        text = f"<{8 + number}>Nov 20 06:23:18 h web[500]: ab"
    elif shape == "syslog file":
        time = draw(st.sampled_from(["Nov  2 06:23:18", "2026-11-20T06:23:18.123456+01:00"]))
        fields = {"app": "web", "pid": "500", "hostname": "h", "timestamp": time}
        text = f"{time} h web[500]: ab"
    elif shape == "access":
        status, size = draw(st.integers(100, 599)), draw(st.integers(0, 2000))
        fields = {"status": str(status), "bytes": str(size), "user": "ab", "client": "::1"}
        if status >= 400:
            fields["level"] = "error" if status >= 500 else "warning"
        text = f'::1 - ab [20/Nov/2026:06:18:42 +0000] "GET /b/a HTTP/1.1" {status} {size}'
    elif shape == "level":
        name = draw(st.sampled_from(sorted(SPELLED)))
        fields = {"level": SPELLED[name]}
        text = f"[{name}] ab" if draw(st.booleans()) else f'{{"level": "{name}"}}'
    else:
        fields, text = {}, " ".join(draw(st.lists(WORDS, max_size=4)))
    message = text.encode()
    if draw(st.integers(0, 5)):
        source = draw(
            st.sampled_from(["tcp:10.0.0.1:500", "web@tcp:[::1]:7", "error@udp:10.0.0.1:80"])
        )
        fields["source"] = source
        return Line(f"2026-11-20T06:18:42.123456Z {source} ".encode() + message, message, fields)
    return Line(message, message, fields)


def _escaped(text: str) -> str:
    """JSON with some characters of its strings written as escapes, which nobody has to do."""
    found, quoted = [], False
    for index, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        change = quoted and character in "au5é/" and text[index - 1] != "\\"
        found.append(f"\\u{ord(character):04x}" if change else character)
    return "".join(found)


ATOMS = (
    st.builds(Term, WORDS)
    | st.builds(
        Regex,
        st.sampled_from(
            [
                r"a",
                r"^a",
                r"b$",
                r"^$",
                r"x*",
                r"\s+b",
                r"[^a]b",
                r"a.*b",
                r"\bab\b",
                r"\d+",
                r"\Sb",
                r"A",
                r"[a-c]B",
                r"(error|timeout)",
                r"a+b?",
                r"k",
                r"\w\W",
                r"(?i:A)b",
                r"er{2}or",
                r"\x61b",
                r"0.0",
                r"^\W",
                r"\Bb",
            ]
        ),
    )
    | st.builds(HasField, NAMES)
    | st.builds(
        Compare,
        NAMES | st.sampled_from(["bytes", "app", "pid"]),
        st.sampled_from(["=", "!=", "<", "<=", ">", ">=", ":"]),
        VALUES.map(str),
    )
    | st.builds(
        Compare,
        st.just("level"),
        st.sampled_from(["=", "!=", "<", "<=", ">", ">="]),
        st.sampled_from([*ORDER, *SPELLED]),
    )
    | st.builds(
        Compare,
        st.just("source"),
        st.sampled_from(["=", ":"]),
        st.sampled_from(["web", "tcp:", "error@udp:10.0.0.1:80"]),
    )
)
TREES = st.recursive(
    ATOMS,
    lambda inner: (
        st.builds(Not, inner)
        | st.builds(lambda parts: And(tuple(parts)), st.lists(inner, min_size=2, max_size=3))
        | st.builds(lambda parts: Or(tuple(parts)), st.lists(inner, min_size=2, max_size=3))
    ),
    max_leaves=5,
)


def stands_in(need: Need, line: bytes) -> bool:
    """Tell whether what `need` promises is in `line`."""
    if isinstance(need, Literal):
        return need.text in (line.lower() if need.ignore_case else line)
    parts = (stands_in(part, line) for part in need.parts)
    return all(parts) if isinstance(need, AllOf) else any(parts)
