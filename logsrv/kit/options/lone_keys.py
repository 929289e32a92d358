"""Warnings about keys, such as `allow`, that protect one table of the file, but not the other tables of the
same kind.

In TOML a key below `[[listener]]` belongs to that table. An operator who appends a mask at the end of the
file wants it for all listeners, and gets it for the last one; nothing else would say so. Apart from
`load.py`, which decides what counts: this only compares the tables that it has made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import attrs

from logsrv.kit.options.declare import option_name, options_of, table_key, tables_of
from logsrv.kit.options.sources import GivenValues

# The most tables that a sentence names.
_MOST_NAMED = 3


@attrs.frozen
class MadeTable:
    """A table of the file, or an object of the same class for which the file has no table.

    made: its settings. location: a phrase. given: the values that are written in it.
    """

    made: object
    location: str
    given: GivenValues

    @property
    def label(self) -> str:
        return str(getattr(self.made, "label", self.location))

    def lacks(self, name: str) -> bool:
        """Return whether the option `name` would protect this table, but the table does not set the
        option.
        """
        return name not in self.given and name in getattr(self.made, "protected_by", ())


def warnings_about_lone_keys(
    settings: object, made: Mapping[str, list[MadeTable]], given: GivenValues
) -> Iterator[str]:
    """Yield a sentence for each key that protects only some of the tables of a kind."""
    besides = getattr(settings, "unwritten_tables", {})
    for attribute, declared in tables_of(type(settings)).items():
        unwritten = [MadeTable(one, "", {}) for one in besides.get(attribute, ())]
        shared = [
            name
            for name in options_of(declared.settings_class)
            if name in options_of(type(settings)) and name not in given
        ]
        key = table_key(attribute, declared)
        yield from _sentences_about_lone_keys(key, [*made[attribute], *unwritten], shared)


def _sentences_about_lone_keys(
    key: str, tables: Sequence[MadeTable], enclosing: Sequence[str]
) -> Iterator[str]:
    """Yield a sentence for each option that some tables have, and others lack.

    key: the name of the tables. enclosing: the options that would count for all tables if they were given
    above them, and are not.
    """
    for name in enclosing:
        having = [one for one in tables if name in one.given and one.given[name].value]
        lacking = [one for one in tables if one.lacks(name)]
        if having and lacking:
            written = option_name(name)
            verb = "have" if lacking[1:] else "has"
            yield (
                f"{having[0].location}: {written} is for {_named(having)} alone;"
                f" {_named(lacking)} {verb} none: for all {key}s write it above the first [[…]],"
                f" else write {written} = [] below the [[{key}]] that shall have none"
            )


def _named(tables: Sequence[MadeTable]) -> str:
    """Return `a, b and 3 more`."""
    labels = [one.label for one in tables[:_MOST_NAMED]]
    if tables[_MOST_NAMED:]:
        labels.append(f"{len(tables) - _MOST_NAMED} more")
    return " and ".join([", ".join(labels[:-1]), labels[-1]] if labels[1:] else labels)
