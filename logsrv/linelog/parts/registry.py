"""The parts of the line logger: ours, found in the folders of `linelog`, and those of other packages.

A part of another package that cannot be used costs its own options and work, and nothing else.
"""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import attrs

from logsrv.errors import ConfigurationError
from logsrv.kit.options.declare import option_name, options_of, tables_of
from logsrv.kit.options.usage import usage_options
from logsrv.kit.plugins import Plugins, load_object
from logsrv.kit.text.words import error_text
from logsrv.linelog.parts.part import Part
from logsrv.plugin_folders import refused


class Parts(Plugins[Part]):
    """All parts. To find ours, only files with the word are imported, not all folders."""

    def declared_by(self, name: str, file: str) -> dict[str, Part] | str:
        with open(file, "rb") as opened:
            declares = self.word.encode() in opened.read()
        return super().declared_by(name, file) if declares else {}


PARTS = Parts(
    "logsrv.linelog", lambda value: isinstance(value, Part), word="logsrv.linelog.parts.part"
)


class KnownPart(NamedTuple):
    """A part and its class of options. ours: whether it is in this package."""

    part: Part
    options: type[Any]
    ours: bool


class FoundParts(NamedTuple):
    """The parts in the order of their ranks. broken: the others, or their files, each with the reason."""

    usable: tuple[KnownPart, ...]
    broken: Mapping[str, str]


def find_parts(core: Sequence[type[Any]]) -> FoundParts:
    """Return all parts. core: classes of options whose names no part may take."""
    usable: list[KnownPart] = []
    # Folders that Python was not given have no part that anybody knows of.
    broken = {file: why for file, why in PARTS.broken().items() if file not in refused}
    ours = PARTS.ours().values()
    for part in sorted(PARTS.all().values(), key=lambda part: part.rank):
        try:
            options = load_object(part.options)
            taken = _names_of([*core, *(one.options for one in usable)])
            if twice := _names_of([options]) & taken:
                raise ConfigurationError(f"there is an option --{option_name(min(twice))} already")
            if part not in ours:
                # Its class must also go with the others.
                together = compose_options([*(one.options for one in usable), options, *core])
                usage_options(together, name=part.name, version="")
        # A stranger's class may raise anything.
        except Exception as error:
            broken[f"part {part.name}"] = error_text(error)
        else:
            usable.append(KnownPart(part, options, part in ours))
    return FoundParts(tuple(usable), broken)


def compose_options(classes: Sequence[type[Any]]) -> type[Any]:
    """Return a class that has the options of all these classes of options."""
    made = types.new_class("PartOptions", tuple(classes))
    return attrs.frozen(kw_only=True, slots=False)(made)


def _names_of(classes: Sequence[type[Any]]) -> set[str]:
    return {name for one in classes for name in (*options_of(one), *tables_of(one))}
