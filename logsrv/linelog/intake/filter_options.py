"""The options that keep personal data and useless lines away from the disk: --mask and --drop.

Both are checked when the settings are loaded, before anything is opened. `line_filter.py` applies them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import attrs

from logsrv.errors import QueryError
from logsrv.kit.options.declare import option
from logsrv.kit.options.kinds import Kind
from logsrv.lazy_names import later_module
from logsrv.linelog.query.option_kinds import QUERY, checked_query

if TYPE_CHECKING:
    from logsrv.linelog.query import parse, question
    from logsrv.linelog.query.text_search import engine, expression
else:
    # Only for a mask or a query: to import these takes as long as all other options together.
    parse = later_module("logsrv.linelog.query.parse")
    question = later_module("logsrv.linelog.query.question")
    engine = later_module("logsrv.linelog.query.text_search.engine")
    expression = later_module("logsrv.linelog.query.text_search.expression")

_EXAMPLE = r"/\b\d{16}\b/"


def pattern_of_mask(text: str) -> str:
    """Return the pattern of a mask, `/EXPRESSION/`. Raises QueryError."""
    found = parse.EXPRESSION.match(text)
    if found is None or found.end() < len(text):
        if not text.startswith("/"):
            at, why = 0, "a mask is a regular expression between slashes"
        elif found is None:
            at, why = len(text), "the slash that ends this expression is missing"
        else:
            at, why = found.end(), "a mask is one regular expression, with nothing after it"
        raise QueryError(f"{why}, such as {_EXAMPLE}", at + 1)
    pattern = found[1]
    parse.ExtractedNames().check(pattern, 1)
    for token in engine.TOKEN.finditer(pattern):
        if token[0] == r"\n":
            raise QueryError(
                r"no stored line has a line feed: one inside a record is stored as \x0a, which \\x0a finds",
                token.start() + 2,
            )
    if expression.may_match_nothing(expression.compile_expression(pattern).exact):
        raise QueryError(
            "this expression also matches the empty text, which nothing can mask: write + for *, or {1,9}"
            " for {0,9}",
            2,
        )
    return pattern


def node_of_drop(text: str) -> question.Node:
    """Return the tree of a --drop. Raises QueryError."""
    node = parse.parse(text)
    if node == question.EVERYTHING:
        raise QueryError("an empty query would drop every line", 1)
    for leaf in question.leaves(node):
        test = leaf.test if isinstance(leaf, question.Extracted) else leaf
        if getattr(test, "field", "") == "position":
            at = text.find("position") + 1
            raise QueryError("a line has no position before it is stored", at)
    return node


MASK: Kind[str] = Kind(
    lambda text: checked_query(text, pattern_of_mask),
    f"a regular expression between slashes, such as {_EXAMPLE}",
    "/EXPRESSION/",
    separator=r"\n",
)
DROP: Kind[str] = Kind(
    lambda text: checked_query(text, node_of_drop),
    "a query without stages, such as level=debug or 'path=/health status=200'",
    "QUERY",
    separator=r"\n",
    advise=QUERY.advise,
)


@attrs.frozen(kw_only=True, slots=False)
class FilterOptions:
    """The options of one listener that decide what is stored of a line."""

    help_group: ClassVar[str] = "Lines that are masked or dropped before they are stored"

    mask: tuple[str, ...] = option(
        (),
        MASK,
        "replace each match by (masked); with named groups, replace only these groups",
        repeatable=True,
    )
    drop: tuple[str, ...] = option(
        (), DROP, "do not store the lines for which this query is true", repeatable=True
    )

    @property
    def is_empty(self) -> bool:
        """True if all lines are stored as they are."""
        return not (self.mask or self.drop)


@attrs.define
class FilterCounts:
    """The counters of a listener's filter.

    masked, masked_bytes: number of parts that became (masked), and of their bytes.
    dropped_lines, dropped_bytes: number of lines that --drop kept away, and of the bytes of their text.
    """

    masked: int = 0
    masked_bytes: int = 0
    dropped_lines: int = 0
    dropped_bytes: int = 0
