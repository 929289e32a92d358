"""The parser of queries: a typed text becomes a tree, or an error with its index.

    or    = and { "OR" and }
    and   = not { ["AND"] not }
    not   = [ "NOT" | "-" ] atom
    atom  = WORD | "a phrase" | /regex/ | FIELD OP VALUE | FIELD "in" ( VALUE { "," VALUE } ) | ( or )

FIELD is read by `field_names.py`. A `|` that stands alone ends it: `pipeline.py` reads what follows.

The parser reads the text once, from left to right, with a stack of its own instead of recursion: neither
deep nor long queries can exhaust Python's stack.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from operator import ge, gt, le, lt
from typing import Any, NamedTuple, TypeAlias

from logsrv.errors import QueryError
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.quoted_text import pattern_until
from logsrv.linelog.fields.known_keys import BY_NAME_OR_NUMBER, level_key
from logsrv.linelog.fields.level_names import LEVELS, canonical_level
from logsrv.linelog.fields.parsed_line import ALWAYS
from logsrv.linelog.query.field_names import (
    FIELD,
    IN_BACKTICKS,
    name_of_field,
    require_closed,
)
from logsrv.linelog.query.question import (
    EVERYTHING,
    Compare,
    Extracted,
    Extraction,
    HasField,
    Node,
    Not,
    Or,
    Regex,
    Term,
    all_of,
)
from logsrv.linelog.query.text_search.engine import (
    TooLargeExpressions,
    WrongExpression,
    check_expression_sizes,
    group_names,
    require_valid_expression,
)
from logsrv.linelog.query.value_list import parse_values

DEEPEST = 100
"""Levels of nested brackets."""
MOST_PARTS = 500
"""Words, comparisons, opening brackets and NOTs of a query: parsing 500 takes a millisecond."""

SPACE = re.compile(r"\s*")
_WORD = re.compile(r'[^\s()"]+')
QUOTED = re.compile('"(' + pattern_until('"') + ')"', re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\])')
# An expression ends at the first slash that is not escaped; a word has to end there too.
EXPRESSION = re.compile("/(" + pattern_until("/") + r")/(?=[\s)]|\Z)", re.DOTALL)
_FIELD = re.compile(rf"({FIELD})(!=|>=|<=|[=<>~]|:(?!//))")
_LIST = re.compile(rf"({FIELD})\s+in\s*\(")
_IN_BACKTICKS = re.compile(IN_BACKTICKS)
_OPERATOR = re.compile(r"(AND|OR|NOT)(?:\s+|(?=[()\"])|\Z)")
PIPE = re.compile(r"\|(?=\s|\Z)")
_NEGATION = re.compile(r"-(?=[^\s)-])")
ORDERS: dict[str, Callable[[Any, Any], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge}
"""Operators that compare numbers, or levels by severity."""
_BETWEEN = (")", "AND", "OR")
ELSEWHERE = {"program": "app", "programname": "app", "appname": "app", "procid": "pid"}
"""Other tools' names of fields → our name. A line may have a field with the other tool's name, too."""


Parsed: TypeAlias = tuple[Node, int]
"""A part of a query, and the offset behind it."""
ParseAtom: TypeAlias = Callable[[str, int], Parsed]
"""A text, and the offset at which an atom begins → the atom."""


class ExtractedNames:
    """The names of parts of the message that a query has given so far, and all its expressions.

    patterns: name → the expression with a group of that name.
    """

    def __init__(self) -> None:
        self.patterns: dict[str, str] = {}
        self._expressions: list[str] = []

    def read_variable(self, text: str, at: int) -> Parsed | None:
        """Return the comparison with a variable that begins at `at`; None where queries have no variables.

        Only boards have them: see `linelog/http/board_variables.py`.
        """
        return None

    def check(self, pattern: str, at: int) -> None:
        """Raise QueryError if the expression at `at` is wrong, or the query's expressions are too large."""
        self._expressions.append(pattern)
        try:
            check_expression_sizes(self._expressions)
            require_valid_expression(pattern)
        except TooLargeExpressions as error:
            raise _query_error(str(error), at) from None
        except WrongExpression as error:
            raise _wrong_expression(pattern, str(error), at) from None

    def add(self, pattern: str, at: int) -> list[str]:
        """Check an expression of the query at `at`; return the names of its groups. Raises QueryError."""
        self.check(pattern, at)
        names = group_names(pattern)
        for name in names:
            if name in ALWAYS:
                raise _query_error(
                    f"every line has a field {name} already; choose another name", at
                )
            if name in self.patterns:
                raise _query_error(f"the name {name} is given twice", at)
            self.patterns[name] = pattern
        return names


class LineConditions:
    """The conditions on a line, and the extracted fields, of a query as far as it is read."""

    def __init__(self, extracted: ExtractedNames | None = None) -> None:
        self.extracted = extracted or ExtractedNames()
        self._nodes: list[Node] = []

    def add(self, node: Node) -> None:
        """Add a condition on a line."""
        self._nodes.append(node)

    @property
    def node(self) -> Node:
        """All conditions on a line."""
        return all_of(self._nodes)

    @property
    def extractions(self) -> tuple[Extraction, ...]:
        by_pattern: dict[str, list[str]] = {}
        for name, pattern in self.extracted.patterns.items():
            by_pattern.setdefault(pattern, []).append(name)
        return tuple(Extraction(pattern, tuple(names)) for pattern, names in by_pattern.items())


class _Token(NamedTuple):
    """A token of the query: an atom with its node, or `(`, `)`, `|`, `AND`, `OR`, `NOT`, `-`."""

    kind: str
    at: int
    node: Node | None = None


def parse(text: str) -> Node:
    """Return the tree of the filter `text`. Raises QueryError, also for a `|`."""
    node, end = parse_filter(text, 0, ExtractedNames())
    if end < len(text):
        raise _query_error(
            'only a search takes a stage after |; to find the character, write "|"', end
        )
    return node


def parse_filter(text: str, start: int, extracted: ExtractedNames) -> Parsed:
    """Return the tree of the filter that begins at `start`, and the offset of the `|` or the end behind it.

    extracted: gets the named groups of its expressions; comparisons of these names are of the parts that
    they find. Raises QueryError.
    """
    return parse_tree(text, start, partial(_parse_atom, extracted=extracted))


def parse_brackets(text: str, start: int, extracted: ExtractedNames) -> Parsed:
    """Return the tree of the filter between the bracket at `start` and the one that closes it, and the
    offset behind that. extracted: as of `parse_filter`. Raises QueryError.
    """
    atom = partial(_parse_atom, extracted=extracted)
    levels, end = _parse_levels(text, start + 1, atom, _BracketLevel(start))
    if len(levels) > 1 or not text.startswith(")", end):
        raise _query_error("this ( is never closed", levels[-1].at)
    return levels[0].build_node(end), end + 1


def parse_tree(text: str, start: int, atom: ParseAtom) -> Parsed:
    """Return the tree of what begins at `start`, of atoms that `atom` reads. Raises QueryError."""
    levels, end = _parse_levels(text, start, atom, _BracketLevel(start))
    if text.startswith(")", end):
        raise _query_error("this ) has no ( before it", end)
    if len(levels) > 1:
        raise _query_error("this ( is never closed", levels[-1].at)
    level = levels[0]
    return EVERYTHING if level.is_empty() else level.build_node(end), end


def _parse_levels(
    text: str, start: int, atom: ParseAtom, outermost: _BracketLevel
) -> tuple[list[_BracketLevel], int]:
    """Read up to a `|`, a bracket that closes the outermost level, or the end.

    Return the levels that are open there, and its offset.
    """
    levels = [outermost]
    parts, end = 0, len(text)
    for token in _tokens(text, start, atom):
        level = levels[-1]
        if token.kind == "|":
            end = token.at
            break
        parts += token.kind not in _BETWEEN
        if parts > MOST_PARTS:
            raise _query_error(
                f"a query may have {MOST_PARTS} words, comparisons, brackets and NOTs; this is one more; "
                "/one|other/ finds many texts with one, and field~/^(one|other)$/ many values",
                token.at,
            )
        if token.kind == "(":
            if len(levels) > DEEPEST:
                raise _query_error(f"brackets may be nested {DEEPEST} deep and no deeper", token.at)
            levels.append(_BracketLevel(token.at))
        elif token.kind == ")":
            if len(levels) == 1:
                end = token.at
                break
            node = level.build_node(token.at)
            levels.pop()
            levels[-1].add_operand(node)
        elif token.node is not None:
            level.add_operand(token.node)
        else:
            level.add_operator(token)
    return levels, end


class _BracketLevel:
    """The part between two brackets, as far as the parser has read it."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.alternatives: list[Node] = []
        self.parts: list[Node] = []
        self.negated = False
        self.waiting: _Token | None = None
        """The operator that still needs an operand after it."""

    def is_empty(self) -> bool:
        return not (self.alternatives or self.parts or self.waiting)

    def add_operand(self, node: Node) -> None:
        self.parts.append(Not(node) if self.negated else node)
        self.negated = False
        self.waiting = None

    def add_operator(self, token: _Token) -> None:
        if token.kind in ("NOT", "-"):
            self.negated = not self.negated
        else:
            if self.waiting or not self.parts:
                raise _query_error(
                    f'{token.kind} needs a condition before it; to find the word, write "{token.kind}"',
                    token.at,
                )
            if token.kind == "OR":
                self.alternatives.append(all_of(self.parts))
                self.parts = []
        self.waiting = token

    def build_node(self, end: int) -> Node:
        """Return the tree of this level. Raises QueryError if it is empty or ends with an operator."""
        if self.waiting:
            kind = self.waiting.kind
            raise _query_error(
                f'{kind} needs a condition after it; to find the word, write "{kind}"',
                self.waiting.at,
            )
        if self.is_empty():
            raise _query_error("there is no condition in these brackets", self.at)
        last = all_of(self.parts)
        return Or((*self.alternatives, last)) if self.alternatives else last


def _tokens(text: str, start: int, atom: ParseAtom) -> Iterator[_Token]:
    at = _end_of_match(SPACE, text, start)
    while at < len(text):
        if text[at] in "()" or PIPE.match(text, at):
            yield _Token(text[at], at)
            at += 1
        else:
            if text[at] == "-" and _NEGATION.match(text, at):
                yield _Token("-", at)
                at += 1
                if text[at] == "(":
                    continue
            elif operator := _OPERATOR.match(text, at):
                yield _Token(operator[1], at)
                at = operator.end()
                continue
            node, end = atom(text, at)
            yield _Token("atom", at, node)
            at = end
        at = _end_of_match(SPACE, text, at)


def _end_of_match(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def _parse_atom(text: str, at: int, extracted: ExtractedNames) -> Parsed:
    """Return the node of the atom that begins at `at`, where no bracket stands, and the atom's end."""
    if text[at] == '"':
        phrase, end = _parse_phrase(text, at)
        return Term(phrase), end
    if "$" in text and (variable := extracted.read_variable(text, at)) is not None:
        return variable
    expression = EXPRESSION.match(text, at) if text[at] == "/" else None
    if expression:
        extracted.add(expression[1], at + 1)
        return Regex(expression[1]), expression.end()
    field = _FIELD.match(text, at)
    name = name_of_field(field[1]) if field else None
    if field and name is not None:
        compared = parse_comparison(text, field, name, extracted)
        if compared:
            return _of_field(compared[0], extracted), compared[1]
    if (found := _LIST.match(text, at)) and (name := name_of_field(found[1])) is not None:
        return parse_list(text, found, name, extracted)
    word = _WORD.match(text, at)
    assert word is not None
    if text[at] == "`":
        _require_word(text, at, word.end())
    return Term(word[0]), word.end()


def _require_word(text: str, at: int, end: int) -> None:
    """Raise QueryError if a backtick at `at` begins no word that ends at `end`, such as `users`."""
    require_closed(text, at)
    closed = _IN_BACKTICKS.match(text, at)
    if closed and closed.end() > end:
        raise _query_error(
            f"a field in backticks needs a comparison, such as {one_line(closed[0], 60)}=…; "
            "write a text in quotation marks",
            at,
        )


def parse_comparison(
    text: str, field: re.Match[str], name: str, extracted: ExtractedNames
) -> tuple[Compare | HasField, int] | None:
    """Return the comparison that begins with `field`, and its end; None for a word such as `error:`.

    field: has the operator as its second group. name: of what is compared. Raises QueryError.
    """
    op, at = field[2], field.end()
    if op == "~" and (expression := EXPRESSION.match(text, at)):
        extracted.check(expression[1], at + 1)
        return Compare(name, op, expression[1]), expression.end()
    if text.startswith('"', at):
        value, end = _parse_phrase(text, at)
    else:
        word = _WORD.match(text, at)
        if word is None:
            if op == ":":
                return None
            raise _query_error(f'{op} needs a value after it ("" is the empty text)', at)
        value, end = word[0], word.end()
        if op == "=" and value == "*":
            return HasField(name), end
    if op == "~":
        extracted.check(value, at)
    elif name in extracted.patterns:
        pass
    elif level_key(name) in BY_NAME_OR_NUMBER and op in ORDERS and canonical_level(value):
        name = "level"
    elif name == "level" and op in ORDERS:
        raise _query_error(
            f"{one_line(value, 60)} is not a level; these are: {', '.join(LEVELS)}", at
        )
    return Compare(name, op, value), end


def parse_list(
    text: str, found: re.Match[str], name: str, extracted: ExtractedNames
) -> tuple[Node, int]:
    """Return whether a field equals one of the values of a list, and the offset behind it.

    found: up to the bracket before the values. name: of what is compared. Raises QueryError.
    """
    values, end = parse_values(text, found.end(), MOST_PARTS)
    tests = [_of_field(Compare(name, "=", one), extracted) for one in values]
    return (Or(tuple(tests)) if len(tests) > 1 else tests[0]), end


def _of_field(test: Compare | HasField, extracted: ExtractedNames) -> Node:
    """Return the node of a test of a field; for another tool's name, a node that asks for both names."""
    name = test.field
    if name in extracted.patterns:
        return Extracted(extracted.patterns[name], test)
    other = ELSEWHERE.get(name)
    if not other:
        return test
    return Or(
        (
            test,
            HasField(other) if isinstance(test, HasField) else Compare(other, test.op, test.value),
        )
    )


def phrase_of(text: str) -> str:
    """Return the phrase of a query that means `text`, in quotation marks."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _parse_phrase(text: str, at: int) -> tuple[str, int]:
    quoted = QUOTED.match(text, at)
    if quoted is None:
        raise _query_error("this quotation mark is never closed", at)
    return _ESCAPED.sub(r"\1", quoted[1]), quoted.end()


def _wrong_expression(pattern: str, said: str, at: int) -> QueryError:
    """Return the error for the expression at `at`. said: by RE2."""
    reason, _, fragment = said.partition(": ")
    # RE2 quotes the part that it refuses, but not its offset. Of nested repetitions it quotes the outer
    # one, which stands after the inner ones.
    find = pattern.rfind if "repetition size" in reason else pattern.find
    index = find(fragment) if fragment else 0
    detail = f"{reason}: {fragment}" if fragment and fragment != pattern else reason
    hint = ""
    if fragment.startswith(("(?=", "(?!", "(?<")):
        hint = "; looking ahead or behind is not possible here"
    elif "repetition size" in reason:
        hint = "; at most 1000 repetitions in all"
    sentence = f"this regular expression is wrong: {one_line(detail, 120)}{hint}"
    return _query_error(sentence, at + max(index, 0))


def _query_error(sentence: str, index: int) -> QueryError:
    return QueryError(sentence, index + 1)
