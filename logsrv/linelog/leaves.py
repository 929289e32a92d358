"""The leaves of the line logger: folders that nothing outside them imports, so that they can be taken away.

A table of plugins finds each of them, as it would find a stranger's: the inputs, the targets, the commands.
This list is for people: with a folder away, all else works, and `logsrv plugins` and `logsrv check` say
what is missing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

_HERE = os.path.dirname(__file__)


class Leaf(NamedTuple):
    """A folder of `linelog` that can be taken away.

    gives: what is missing without it. commands: those of `logsrv` that are in it.
    """

    folder: str
    gives: str
    commands: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        return f"logsrv.linelog.{self.folder.replace('/', '.')}"


LEAVES = (
    Leaf("backup", "the command backup, and restoring a backup", commands=("backup",)),
    Leaf("doctor", "the commands doctor and reindex", commands=("doctor", "reindex")),
    Leaf("formats/forward", "the input forward"),
    Leaf("formats/gelf", "the input gelf"),
    Leaf("formats/hec", "Splunk's event collector over HTTP"),
    Leaf("formats/lumberjack", "the input lumberjack"),
    Leaf("formats/python", "the input python"),
    Leaf("importing", "the command import", commands=("import",)),
    Leaf("sql", "the command sql", commands=("sql",)),
)


def missing_leaves() -> Iterator[Leaf]:
    """Yield the leaves that have been taken away."""
    for leaf in LEAVES:
        # A folder that pip has left behind has no file.
        if not os.path.isfile(os.path.join(_HERE, leaf.folder, "__init__.py")):
            yield leaf
