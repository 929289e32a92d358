"""A list of what can be taken away from the line logger: leaves, which nothing outside them imports.

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

    gives: what is missing without it. schemes: those of its URLs for `--ship`.
    """

    folder: str
    gives: str
    schemes: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        return f"logsrv.linelog.{self.folder.replace('/', '.')}"


LEAVES = (
    Leaf("archive", "the archive in a directory or a bucket", schemes=("file", "s3", "gs", "az")),
    Leaf("formats/forward", "the input forward"),
    Leaf("formats/gelf", "the input gelf"),
    Leaf("formats/hec", "Splunk's event collector over HTTP"),
    Leaf("formats/lumberjack", "the input lumberjack"),
    Leaf("formats/python", "the input python"),
)


def require_scheme(scheme: str) -> None:
    """Raise ValueError if the target with a scheme was taken away."""
    _require(f"the target {scheme}:", (one for one in missing_leaves() if scheme in one.schemes))


def require_source(scheme: str) -> None:
    """Raise ValueError if the archive at URLs with a scheme was taken away."""
    _require(f"the archive {scheme}:", (one for one in missing_leaves() if scheme in one.schemes))


def _require(what: str, missing: Iterator[Leaf]) -> None:
    for leaf in missing:
        raise ValueError(f"{what} is not here: {leaf.module} was taken away")


def missing_leaves() -> Iterator[Leaf]:
    """Yield the leaves that have been taken away."""
    for leaf in LEAVES:
        # A folder that pip has left behind has no file.
        if not os.path.isfile(os.path.join(_HERE, leaf.folder, "__init__.py")):
            yield leaf
