"""`extract "took <ms> ms"`: parts of the message become fields.

A template becomes an expression with a named group for each part in `<…>`. The fields are found with the
lines: a query has the expression in its conditions, and in its extractions.
"""

from __future__ import annotations

import re

from logsrv.errors import QueryError
from logsrv.kit.text.escape import one_line
from logsrv.linelog.query.parse import EXPRESSION, QUOTED, LineConditions
from logsrv.linelog.query.stage import Completion, Stage
from logsrv.linelog.query.stage_words import StageWords


def _extract(words: StageWords, lines: LineConditions) -> None:
    at = words.at + 1
    if found := QUOTED.match(words.text, words.at):
        try:
            pattern = expression_of_template(found[1])
        except ValueError as error:
            raise QueryError(str(error), at + 1) from None
    elif found := EXPRESSION.match(words.text, words.at):
        pattern = found[1]
    else:
        raise words.wrong(
            'extract needs a text with names in quotation marks, such as "took <ms> ms", or an '
            "expression such as /took (?P<ms>[0-9]+)/"
        )
    if not lines.extracted.add(pattern, at):
        raise words.wrong("there is no name in this: write /took (?P<ms>[0-9]+)/")
    words.at = found.end()


_PART = re.compile(r"\\(?P<escaped>.)|<(?P<name>[A-Za-z_][A-Za-z0-9_]*)>|(?P<text>.)", re.DOTALL)
_SPECIAL = re.compile(r"[^A-Za-z0-9_\s]", re.ASCII)
SKIPPED = "_"
"""The name of a part that becomes no field."""


def expression_of_template(template: str) -> str:
    r"""Return the expression of a template.

    A part `<name>` takes as little as possible up to the text behind it; at the end it takes a word, up to
    white space. White space stands for any white space. `\<` is the character.
    Raises ValueError with a sentence.
    """
    found: list[str] = []
    names = 0
    was_name = ""
    parts = [*_PART.finditer(template)]
    for number, part in enumerate(parts):
        name = part["name"]
        if name is None:
            text = part["escaped"] or part["text"]
            if not text.isspace():
                found.append(_SPECIAL.sub(r"\\\g<0>", text) if text.isascii() else text)
            elif not found or found[-1] != r"\s+":
                found.append(r"\s+")
            was_name = ""
            continue
        if was_name:
            raise ValueError(
                f"nothing stands between <{was_name}> and <{name}>: where does one end?"
            )
        was_name = name
        taken = r"\S+" if number == len(parts) - 1 else ".+?"
        names += name != SKIPPED
        found.append(f"(?:{taken})" if name == SKIPPED else f"(?P<{name}>{taken})")
    if not names:
        raise ValueError(
            f'no <name> stands in "{one_line(template, 60)}"; write such as "took <ms> ms"'
        )
    return "".join(found)


_TEMPLATE, _EXPRESSION = 'extract "took <ms> ms"', "extract /took (?P<ms>[0-9]+)/"
STAGE = Stage(
    ("extract",),
    "lines",
    parse_filter=_extract,
    instead={
        "json": "nothing: fields of JSON are read by themselves",
        "logfmt": "nothing: its pairs are read by themselves",
        "pattern": _TEMPLATE,
        "parse": _TEMPLATE,
        "regexp": _EXPRESSION,
        "rex": _EXPRESSION,
    },
    help=((_TEMPLATE, "parts of the message are fields, for where ms>500"),),
    examples=(('… | extract "took <ms> ms" | where ms>5', "a part of the message as a field"),),
    completion=Completion(takes="text"),
)
