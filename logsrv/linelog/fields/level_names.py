"""The eight levels, the names that senders give them, and the version of the rules."""

from __future__ import annotations

from logsrv.kit.text.colours import text_without_colours

RULES = 6
"""The version of the rules that give a line its level, in `fields/level` and in the forms.

Raise it whenever a line may get another level, or go on with another record (`fields/continuations`):
indexes contain numbers of lines by level, and continuation lines.
"""
FIELD_RULES = 5
"""The version of the rules that give a line its fields; raise it whenever a line may get other ones.

Columns contain them."""
LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
"""Levels, the least severe first."""
RANK = {name: rank for rank, name in enumerate(LEVELS)}
OTHER_NAMES = {
    "trace": "debug",
    "information": "info",
    "informational": "info",
    "warn": "warning",
    "err": "error",
    "severe": "error",
    "crit": "critical",
    "fatal": "critical",
    "emerg": "emergency",
    "panic": "emergency",
}
SHORT_NAMES = {
    **dict.fromkeys(("trac", "trc", "trce", "vrb", "debu", "dbg", "dbug"), "debug"),
    **dict.fromkeys(("inf",), "info"),
    **dict.fromkeys(("wrn",), "warning"),
    **dict.fromkeys(("erro", "eror"), "error"),
    **dict.fromkeys(("fata", "ftl"), "critical"),
    **dict.fromkeys(("pani", "pnc"), "emergency"),
    **dict.fromkeys(("verbose", "silly", "fine", "finer", "finest"), "debug"),
}
"""Names as logrus, zerolog, log15 and Serilog cut them, and those of winston and java.util.logging.

In texts they count only if they stand alone.
"""
NAMES = {**{name: name for name in LEVELS}, **OTHER_NAMES, **SHORT_NAMES}
"""Every name of a level that may stand in a text, in lower case, and the level that it means."""
IN_FIELDS = {"log": "info"}
"""Names that only fields and queries have: in a text they are other words."""
BY_SYSLOG = dict(enumerate(reversed(LEVELS)))
"""The levels by the severities of syslog: 0 is emergency, 7 debug."""
LONGEST = max(map(len, NAMES))
"""Characters of the longest name."""


def canonical_level(name: str) -> str | None:
    """Return the level that `name` means in a field or a query, in any case; None for another name."""
    name = text_without_colours(name)
    if len(name) > LONGEST or not name.isascii():
        return None
    name = name.lower()
    return NAMES.get(name) or IN_FIELDS.get(name)


def level_of_word(word: str) -> str | None:
    """Return the level whose name a word of a text may be, in any case, or None."""
    return NAMES.get(word.lower()) if len(word) <= LONGEST and word.isascii() else None


def is_level_in_header(word: str) -> bool:
    """Tell whether a word names a level, not a host or a program; these may be called `dbg` or `inf`."""
    return level_of_word(word) is not None and (word.isupper() or word.lower() not in SHORT_NAMES)


UNSURE = 255
"""The number for a level that needs a look at the whole line."""


OF_MONGODB_LETTERS = {
    **dict.fromkeys(("D", *(f"D{number}" for number in range(1, 6))), "debug"),
    "I": "info",
    "W": "warning",
    "E": "error",
    "F": "critical",
}
"""Levels by MongoDB's letters."""
