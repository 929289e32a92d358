"""The inputs there are: ours, and those of strangers' packages, found as Twisted plugins."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from twisted.plugin import getPlugins

from logsrv.linelog.inputs.intake import IInput
from logsrv.linelog.inputs.lines import Lines


@cache
def inputs() -> Mapping[str, IInput]:
    """Return every input by its name; a plugin cannot take the name of one of ours."""
    found = {plugin.name: plugin for plugin in getPlugins(IInput)}
    return {**found, Lines.name: Lines()}


def input_names() -> frozenset[str]:
    """The names that may stand before an endpoint."""
    return frozenset(inputs())
