"""Says what a stage of a query is, and finds its module: each one of `linelog/stages` has one, `STAGE`.

    STAGE = Stage(("limit",), "limit", parse_limit=_limit, help=(("limit 20", "at most so many lines"),))

No list names the stages: `find_stage("sort")` looks for the module in whose text the name stands in
quotation marks, and imports no other. A query without a stage imports none.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache, lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from logsrv.errors import QueryError
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import did_you_mean, listed
from logsrv.linelog.query.question import Column, RowStage, StageAnswer
from logsrv.value import Value

if TYPE_CHECKING:
    from logsrv.linelog.query.parse import LineConditions
    from logsrv.linelog.query.stage_words import StageWords

KINDS = ("lines", "ordered", "beside", "limit", "table")
"""Kinds of stages, in the order in which they are listed: see `Stage`."""
ANY_FIELD: tuple[str, ...] = ()
"""Stands for the names of fields in `Completion.behind`."""
_NAME = re.compile(r"[a-z_]+[0-9]*")
_WORD = re.compile(r"[^\s,]+")
_PACKAGE = "logsrv.linelog.stages"
_FOLDER = os.path.join(os.path.dirname(os.path.dirname(__file__)), "stages")


class Completion(Value):
    """The words that the page offers in a stage, and colours.

    words: each once, where nothing else is known. behind: a word → what may follow it. after_comma: words
    behind a comma. takes: `words`; a whole `filter`; a sum of the `figures` before it; a `number`, which is
    that of the most lines and no other; a `text`. Numbers and texts are not completed.
    """

    words: tuple[str, ...] = ()
    behind: Mapping[str, tuple[str, ...]] = {}
    after_comma: tuple[str, ...] = ()
    takes: str = "words"


class Stage(Value):
    """A stage: its names, what it makes of the words behind them, and its own words for people.

    kind: what a query is answered with that has it: `lines` as they come; `ordered` lines, all at once;
    a list `beside` the lines; a `table`; or a `limit` of any of these.

    Each function is for one way in which it may stand; it takes its words, and returns its value.
    parse_filter: among the filters, before an answer. parse_answer: instead of the lines; it gets the name,
    too. parse_rows: behind a table with such columns. parse_limit: at the end.
    filters_behind: whether stages of lines may stand behind the answer, and mean the same as before it.
    needs: of a stage of rows alone, an example with figures before it.

    instead: words of other tools → what to write here. nearest: returns that for a word that is like one of
    the names, or "". help: what is written, and what it gives, for `logsrv help query`. examples: the same
    for the help of the page. order, lack: of ordered lines, for the page: words before their number, and a
    thing without which a line is not among them.
    """

    names: tuple[str, ...]
    kind: str
    parse_filter: Callable[[StageWords, LineConditions], None] | None = None
    parse_answer: Callable[[StageWords, str], StageAnswer] | None = None
    parse_rows: Callable[[StageWords, Sequence[Column]], RowStage] | None = None
    parse_limit: Callable[[StageWords], int] | None = None
    filters_behind: bool = False
    needs: str = ""
    instead: Mapping[str, str] = {}
    nearest: Callable[[str], str] | None = None
    help: tuple[tuple[str, str], ...] = ()
    examples: tuple[tuple[str, str], ...] = ()
    completion: Completion = Completion()
    order: str = ""
    lack: str = ""

    def instead_of(self, word: str, known: Collection[str]) -> str:
        """Return what to write for a word that is no name of a stage; "" if this one has nothing to say.

        known: the names that may be written.
        """
        near = self.nearest(word) if self.nearest else ""
        return self.instead.get(word) or (near if near.partition(" ")[0] in known else "")

    def for_page(self) -> dict[str, Any]:
        """Return what the page has to know of it, for JSON."""
        completion = self.completion
        return {
            "names": self.names,
            "kind": self.kind,
            "words": completion.words,
            "behind": completion.behind,
            "afterComma": completion.after_comma,
            "takes": completion.takes,
            "order": self.order,
            "lack": self.lack,
        }


@lru_cache(maxsize=64)
def find_stage(name: str) -> Stage | None:
    """Return the stage of a name; None if there is none."""
    for module in _modules():
        with open(os.path.join(_FOLDER, f"{module}.py"), encoding="utf-8") as file:
            may_have = f'"{name}"' in file.read()
        if may_have and name in (found := _stage_in(module)).names:
            return found
    return None


@cache
def all_stages() -> tuple[Stage, ...]:
    """Return all stages, by their kinds."""
    return tuple(sorted(map(_stage_in, _modules()), key=lambda one: KINDS.index(one.kind)))


@cache
def _modules() -> tuple[str, ...]:
    files = sorted(os.listdir(_FOLDER))
    return tuple(one[:-3] for one in files if one.endswith(".py") and not one.startswith("__"))


def _stage_in(module: str) -> Stage:
    found: Stage = import_module(f"{_PACKAGE}.{module}").STAGE
    return found


def take_name(words: StageWords, known: Collection[str] | None = None) -> str:
    """Take the name of a stage. known: the allowed ones; None for all stages. Raises QueryError."""
    text, at = words.text, words.at
    found = _NAME.match(text, at)
    name = found[0] if found else ""
    end = found.end() if found else at
    is_known = name in known if known is not None else find_stage(name) is not None
    if not is_known or (end < len(text) and text[end] not in " \t\r\n,|<>"):
        raise _unknown_name(words, known)
    words.at = end
    words.skip_space()
    return name


def _unknown_name(words: StageWords, known: Collection[str] | None) -> QueryError:
    word = _WORD.match(words.text, words.at)
    if word is None or word[0] == "|":
        return words.wrong('| needs a stage after it; to find the character, write "|"')
    names = [name for one in all_stages() for name in one.names] if known is None else [*known]
    for one in all_stages():
        if instead := one.instead_of(word[0], names):
            return words.wrong(f"{word[0]} is no stage here: write {instead}")
    hint = did_you_mean(word[0], names) or f"; these are: {listed(names)}"
    return words.wrong(f"{one_line(word[0], 60)} is no stage of a query{hint}")
