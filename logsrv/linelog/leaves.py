"""What can be taken away from the line logger: leaves, folders that nothing outside them imports.

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
    """A folder of `linelog` that can be taken away. gives: what is missing without it.

    options: the names of the options of `twistd logsrv` that come with it, and of its tables.
    """

    folder: str
    gives: str
    options: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        return f"logsrv.linelog.{self.folder.replace('/', '.')}"

    @property
    def absence(self) -> str:
        """A sentence for whoever asks for something of it, when it has been taken away."""
        return f"{self.gives} are not here: {self.module} was taken away"


_OF_ALERTS = (
    *("alert", "alerts", "alert-command", "alert-variable", "alert-webhook", "alert-format"),
    *("alert-page", "alert-every", "alert-resolved"),
)
_OF_HTTP = (
    *("http", "http-token", "http-token-file", "http-host", "http-searches", "http-search-time"),
    "saved",
)

LEAVES = (
    Leaf("alerts", "alerts", options=_OF_ALERTS),
    Leaf("formats/forward", "the input forward"),
    Leaf("formats/gelf", "the input gelf"),
    Leaf("formats/hec", "Splunk's event collector over HTTP"),
    Leaf("formats/lumberjack", "the input lumberjack"),
    Leaf("formats/python", "the input python"),
    Leaf("http", "the live page and the API", options=_OF_HTTP),
)


def missing_leaves() -> Iterator[Leaf]:
    """Yield the leaves that have been taken away."""
    for leaf in LEAVES:
        # A folder that pip has left behind has no file.
        if not os.path.isfile(os.path.join(_HERE, leaf.folder, "__init__.py")):
            yield leaf
