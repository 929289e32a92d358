"""Candidates: one pass over a megabyte looks for these, so that Python reads only few lines.

A candidate is a literal or an expression that every matching line contains; other lines may contain it too.
That of a field depends on the formats in which a line may write it: it is the key with the first digits of
the wanted numbers. If the value is rarer than the key, the value is the candidate.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from logsrv.linelog.fields import known_keys
from logsrv.linelog.fields.forms.access.one import (
    ALL_ACCESS_NAMES,
    BEFORE_STATUS,
    OF_OTHER_STATUS,
    expression_in_access_log,
    expressions_for_statuses,
)
from logsrv.linelog.fields.forms.events.one import HEADER_NAMES as EVENT_NAMES
from logsrv.linelog.fields.forms.events.one import SIGN
from logsrv.linelog.fields.forms.programs.one import DURATION, SSHD_NAMES, SSHD_WORDS
from logsrv.linelog.fields.forms.syslog.one import (
    ANY_PRIORITY,
    HEADER_NAMES,
    WITHOUT_PRIORITY,
    expressions_for_severities,
)
from logsrv.linelog.fields.level.one import (
    AFTER_POSTGRESQL,
    OF_DOTNET,
    OF_NAGIOS,
    OF_POSTGRESQL,
    expressions_for_letters,
)
from logsrv.linelog.fields.level_names import (
    BY_SYSLOG,
    IN_FIELDS,
    LEVELS,
    NAMES,
    RANK,
    canonical_level,
)
from logsrv.linelog.fields.parsed_line import ALIASES
from logsrv.linelog.fields.stored_line import IN_STAMP
from logsrv.linelog.fields.values import STATUS_CLASS
from logsrv.linelog.query.query_need import (
    SHORTLY_ESCAPED,
    escape_in_key,
    need_of_field,
    need_of_value,
)
from logsrv.linelog.query.question import (
    And,
    Compare,
    Extracted,
    HasField,
    Node,
    Or,
    Regex,
    Term,
)
from logsrv.linelog.query.text_search.engine import LARGEST_EXPRESSIONS, most_re2_instructions
from logsrv.linelog.query.text_search.expression import compile_expression
from logsrv.linelog.query.text_search.literals import (
    SHORTEST,
    AllOf,
    AnyOf,
    Candidate,
    Literal,
    Literals,
    Need,
    Pattern,
    as_single_literal,
    expression_for_text,
    has_ascii_capital,
    need_of_text,
    pattern_of_candidate,
    required_literals,
)
from logsrv.linelog.query.units import is_number_or_amount

# More literals are joined to one expression. A search for each of a few is five times as fast.
_MOST_LITERALS = 4


def candidate_of_query(node: Node) -> Candidate | None:
    """Return the candidate of a query, or None if any line may match."""
    if isinstance(node, Term):
        return as_single_literal(need_of_text(node.text))
    if isinstance(node, (Regex, Extracted)):
        return _candidate_of_regex(node.pattern)
    if isinstance(node, (Compare, HasField)):
        # `field=*` has the candidate of any `field!=…`: both only need the field.
        return candidate_of_comparison(
            node if isinstance(node, Compare) else Compare(node.field, "!=", "\n")
        )
    if isinstance(node, And):
        found = [candidate_of_query(part) for part in node.parts]
        return max(
            (one for one in found if one is not None), key=_shortest_literal_size, default=None
        )
    if isinstance(node, Or):
        return _candidate_of_either([candidate_of_query(part) for part in node.parts])
    return None


def _shortest_literal_size(found: Candidate) -> int:
    return 1 if isinstance(found, str) else min(len(one.text) for one in found)


def _candidate_of_either(found: list[Candidate | None]) -> Candidate | None:
    known = [one for one in found if one is not None]
    if len(known) < len(found):
        return None
    literals = tuple(
        dict.fromkeys(one for some in known if not isinstance(some, str) for one in some)
    )
    if len(literals) <= _MOST_LITERALS and not any(isinstance(one, str) for one in known):
        return literals
    patterns = [pattern_of_candidate(one) for one in known]
    if None in patterns:
        return None

    joined = "|".join(dict.fromkeys(f"(?:{pattern})" for pattern in patterns))
    # A larger expression is slower than a test of every line.
    return joined if most_re2_instructions(joined) <= LARGEST_EXPRESSIONS else None


def _candidate_of_regex(pattern: str) -> Candidate:
    found = compile_expression(pattern)
    # The best set has the longest texts, which are rare, and few: each text costs a pass.
    best = max(
        _literal_sets_of_need(found.need),
        key=lambda some: _shortest_literal_size(some) / len(some),
        default=(),
    )
    if not best or _shortest_literal_size(best) < SHORTEST or (len(best) > 1 and found.begins):
        return found.in_text
    return best


def _literal_sets_of_need(need: Need | None) -> Iterator[Literals]:
    """Yield sets of literals; a matching line contains at least one of each set."""
    for part in need.parts if isinstance(need, AllOf) else (need,):
        if isinstance(part, Literal):
            yield (part,)
        elif isinstance(part, AnyOf) and len(part.parts) <= _MOST_LITERALS:
            literals = tuple([one for one in part.parts if isinstance(one, Literal)])
            if len(literals) == len(part.parts):
                yield literals


# Bytes. A longer value is the candidate, instead of the key: it is probably an address or an identifier,
# not a common word.
_TELLING = 8
# Escapes of JSON, and colours, which may stand between a key and its value.
_ESCAPE = r"\\u00|\\x1b|\x{1b}"
_PLAIN_INTEGER = re.compile(r"[0-9]{1,15}")
_CLASS = re.compile(r"[1-5]xx", re.ASCII | re.IGNORECASE)
_PLAIN_START = re.compile(r"[A-Za-z0-9_.@+-]*")
# The first letter of a unit (`\\u03bc` is one), or of an exponent.
_UNIT = r"[A-Za-z\x{b5}\x{3bc}\\]"
_ORDERS = ("=", "<", "<=", ">", ">=")


def candidate_of_comparison(node: Compare) -> Candidate | None:
    """Return the candidate of a comparison, or None if any line may match."""
    field, op, value = node.field, node.op, node.value
    if field == "message":
        return as_single_literal(need_of_field(field, op, value))
    if field == "level":
        return _level_pattern(op, value)
    if field in IN_STAMP:
        return _candidate_in_stamp(field, op, value)
    if field == STATUS_CLASS:
        # A line has the field itself, or the status from which it is computed.
        first = value[0] if op == "=" and _CLASS.fullmatch(value) else "[1-5]"
        statuses = _pattern_by_key("status", op, value, rf"{first}[0-9]{{2}}\b")
        return f"{_pattern_by_key(field, op, value)}|{statuses}"
    by_value = _candidate_by_value(node)
    if by_value is not None and (op == ":" or len(by_value[0].text) >= _TELLING):
        return by_value
    by_key = _pattern_by_key(field, op, value)
    # The key is rarer than a common word, but syslog headers and access logs have fields without keys.
    inner = field.removeprefix("fields.").removeprefix("syslog.")
    keyless = inner in HEADER_NAMES or inner in ALL_ACCESS_NAMES or inner in EVENT_NAMES
    return by_value if by_value and keyless else by_key


def _candidate_in_stamp(field: str, op: str, value: str) -> Literals | None:
    """Return the value itself: the stamp contains source, name, host and time unchanged."""
    if op not in ("=", ":") or field in ("port", "position") or is_number_or_amount(value):
        return None
    return as_single_literal(need_of_text(value, ignore_case=True if op == "=" else None))


def _candidate_by_value(node: Compare) -> Literals | None:
    """Return the longest word of a value and the escape: a matching line contains one of them."""
    if node.field.rpartition(".")[2] in ("facility", "severity"):
        return None
    need = need_of_value(node.op, node.value)
    if need is None:
        return None
    best = max(required_literals(need.parts[0]), key=lambda one: len(one.text))
    return (best, *required_literals(need.parts[1])) if len(best.text) >= SHORTEST else None


def _pattern_by_key(name: str, op: str, value: str, number: Pattern | None = None) -> Pattern:
    """Return an expression for lines that may have the field `name`.

    If `value` is a number, the field must have one for which `op value` is true. number: an expression for
    the integers that the field must have in any case.
    """
    inner = name.removeprefix("fields.").removeprefix("syslog.")
    last = inner.rpartition(".")[2]
    number = number or _integer_pattern(op, value)
    alternatives = [_ESCAPE]
    if last:
        others = (other.rpartition(".")[2] for other in ALIASES.get(name, ()))
        keys = "|".join(map(_pattern_of_key, dict.fromkeys((last, *others))))
        if escape_in_key(last) == b"\\u":
            alternatives.append(r"\\u")
        start = (
            _pattern_of_value_start(value) if op == "=" and not is_number_or_amount(value) else ""
        )
        if number:
            start = (
                f'(?:"?(?:\\[|-|[+]?0*(?:{number}|[0-9]*\\.|[0-9]+{_UNIT}))|"[+]?[0-9]+ {_UNIT})'
            )
        alternatives.append(f'(?:{keys})(?:"[ \\t\\r]*:[ \\t\\r]*|=){start}')
    else:
        alternatives.append("[:=]")
    if inner in HEADER_NAMES or name.startswith("syslog."):
        alternatives += [ANY_PRIORITY, WITHOUT_PRIORITY]
    if inner in ALL_ACCESS_NAMES:
        alternatives.append(expression_in_access_log(inner, number))
    if inner in EVENT_NAMES:
        alternatives.append(SIGN.decode())
    if inner in SSHD_NAMES:
        alternatives += [f"{word} " for word in SSHD_WORDS]
    if inner == "duration":
        alternatives.append(DURATION)
    return "|".join(alternatives)


def _pattern_of_key(key: str) -> Pattern:
    """Return an expression for a key in JSON or before `=`."""
    return "".join(
        rf"(?:\\.|{expression_for_text(one, ignore_case=False)})"
        if SHORTLY_ESCAPED.match(one)
        else expression_for_text(one, ignore_case=False)
        for one in key
    )


def _pattern_of_value_start(value: str) -> Pattern:
    """Return an expression for the beginning of `value` in JSON or logfmt, up to an escapable character."""
    plain = _PLAIN_START.match(value)
    return (
        rf'(?:\[|"?{expression_for_text(plain[0], ignore_case=True)})' if plain and plain[0] else ""
    )


def _integer_pattern(op: str, value: str) -> Pattern | None:
    """Return an expression for the integers for which `op value` is true; None if none can be made."""
    if op not in _ORDERS or not _PLAIN_INTEGER.fullmatch(value):
        return None
    text = str(int(value))
    if op == "=":
        return text + r"\b"
    greater = op[0] == ">"
    # Numbers with fewer digits are less, with more digits greater; else the first different digit decides.
    if greater:
        found = [rf"[0-9]{{{len(text) + 1},}}"]
    else:
        found = [rf"[0-9]{{0,{len(text) - 1}}}\b"]
    for index, digit in enumerate(text):
        others = "0123456789"[int(digit) + 1 :] if greater else "0123456789"[: int(digit)]
        if others:
            found.append(rf"{text[:index]}[{others}][0-9]{{{len(text) - index - 1}}}\b")
    return "|".join([*found, text + r"\b"])


def _level_pattern(op: str, value: str) -> Pattern | None:
    """Return an expression for lines that may have one of the levels in question."""
    wanted = levels_satisfying(op, value)
    if not wanted:
        return None
    names = [name for name, meaning in NAMES.items() if meaning in wanted]
    words = "|".join(expression_for_text(name, ignore_case=True) for name in names)
    # MongoDB's `s` has letters alone, and nearly every line has a key that ends so.
    of_numbers = {*known_keys.LEVEL_KEYS} - {known_keys.OF_MONGODB}
    fields = sorted({name.rpartition(".")[2].lower() for name in of_numbers})
    keys = "|".join(expression_for_text(name, ignore_case=True) for name in fields)
    ranks = [rank for rank, name in BY_SYSLOG.items() if name in wanted]
    alternatives = [
        words,
        rf'(?:{keys})(?:"[ \t\r]*:[ \t\r]*|=)(?:\[|"?[-+.0-9])',
        *expressions_for_severities(ranks),
    ]
    alternatives += [f"{word}:" for word, meaning in OF_DOTNET.items() if meaning in wanted]
    marked = (word for word, meaning in OF_POSTGRESQL.items() if meaning in wanted)
    alternatives += [
        expression_for_text(word + AFTER_POSTGRESQL, ignore_case=False) for word in marked
    ]
    alternatives += [
        rf'(?:"|=){expression_for_text(name, ignore_case=True)}\b'
        for name, meaning in IN_FIELDS.items()
        if meaning in wanted
    ]
    alternatives += expressions_for_letters(wanted)
    alternatives += expressions_for_statuses(wanted)
    if not wanted.isdisjoint(OF_NAGIOS.values()):
        alternatives.append("(?:HOST|SERVICE) [A-Z]+(?: [A-Z]+)?: ")
    if OF_OTHER_STATUS in wanted:
        alternatives += [f'"{known_keys.INFO_BESIDE}"', f"{BEFORE_STATUS} [^45]"]
    return "|".join([*alternatives, _ESCAPE])


def levels_satisfying(op: str, value: str) -> frozenset[str]:
    """Return the levels for which `level op value` is true."""
    if op == "~":
        search = compile_expression(value).in_message
        return frozenset(one for one in LEVELS if search(one.encode(), 0, len(one))[0] >= 0)
    name = canonical_level(value) or value.lower()
    rank = RANK.get(name)
    if op == ":":
        needle = name if rank is not None else value
        folded = not has_ascii_capital(needle)
        return frozenset(one for one in LEVELS if (needle.lower() if folded else needle) in one)
    if op == "!=":
        return frozenset(LEVELS) - {name}
    if rank is None:
        return frozenset()
    # The least severe first.
    less, same, more = LEVELS[:rank], LEVELS[rank : rank + 1], LEVELS[rank + 1 :]
    wanted = {"<": less, "<=": less + same, "=": same, ">=": same + more, ">": more}
    return frozenset(wanted[op])


def is_exact(node: Node, found: Candidate | None) -> bool:
    """Return whether exactly the lines with the candidate in their message match."""
    if isinstance(node, Term):
        return found is not None and "\n" not in node.text
    if isinstance(node, Regex):
        return isinstance(found, str) and not compile_expression(node.pattern).anchored
    if isinstance(node, Or):
        return (
            all(is_exact(part, candidate_of_query(part)) for part in node.parts)
            and found is not None
        )
    return False


def pattern_if_only_expression(node: Node, candidate: Candidate | None) -> str | None:
    """Return an expression that exactly the matching messages contain; None if there is none such.

    There is one if the query is a single expression without `^`, and its candidate is literals.
    """
    if isinstance(node, Regex) and isinstance(candidate, tuple):
        expression = compile_expression(node.pattern)
        return None if expression.anchored else expression.in_text
    return None


def fixed_width_classes(
    node: Node, literals: tuple[Literal, ...]
) -> tuple[tuple[frozenset[int], ...], Literal, int] | None:
    """Return the classes of a fixed-width expression, its literal, and the number of bytes before it."""
    assert isinstance(node, Regex)
    classes = compile_expression(node.pattern).classes
    if len(literals) > 1:
        return None
    literal = [
        frozenset({byte, *(bytes([byte]).swapcase() if literals[0].ignore_case else b"")})
        for byte in literals[0].text
    ]
    for before in range(len(classes) - len(literal) + 1):
        if list(classes[before : before + len(literal)]) == literal:
            return classes, literals[0], before
    return None
