"""Templates of messages, `took <ms> ms`, as expressions with a named group for each part in `<…>`."""

from __future__ import annotations

import re

from logsrv.kit.text.escape import one_line

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
