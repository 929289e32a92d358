"""The registry of inputs: the built-in ones, and those of other packages, found as Twisted plugins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module

from twisted.plugin import getPlugins

from logsrv.linelog.inputs.intake.intake import IInput

# Module and class of each built-in input. It is loaded when needed: some import slow packages.
OURS = {
    "http": "http.channel.Http",
    "blocks": "blocks.blocks.Blocks",
    "nats": "nats.nats.Nats",
    "journal": "http.journal.Journal",
    "lines": "records.lines.Lines",
    "syslog": "records.syslog.Syslog",
    "relp": "records.relp.Relp",
    "gelf": "records.gelf.Gelf",
    "forward": "records.forward.Forward",
    "lumberjack": "records.lumberjack.Lumberjack",
    "python": "records.python.Python",
}


class Inputs(Mapping[str, IInput]):
    """Inputs by name; a plugin cannot take the name of a built-in input."""

    def __init__(self, others: Mapping[str, IInput]) -> None:
        self._found = {name: one for name, one in others.items() if name not in OURS}

    def __getitem__(self, name: str) -> IInput:
        if name not in self._found and name in OURS:
            module, _, kind = OURS[name].rpartition(".")
            self._found[name] = getattr(import_module(f"logsrv.linelog.inputs.{module}"), kind)()
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**OURS, **self._found})

    def __len__(self) -> int:
        return len({**OURS, **self._found})

    def __contains__(self, name: object) -> bool:
        return name in OURS or name in self._found


@cache
def inputs() -> Inputs:
    """Return every input by its name."""
    return Inputs({plugin.name: plugin for plugin in getPlugins(IInput)})
