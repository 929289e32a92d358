"""The commands of a look inside: a line in, lines out. Nothing that is typed is ever evaluated."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator

import attrs

from logsrv.kit.inspect.view import ServiceView
from logsrv.kit.text.words import did_you_mean, shown

FAREWELLS = ("quit", "exit")
PYTHON = "python"
NO_PYTHON = "the service was started without --inspect-python"


@attrs.frozen
class Command:
    """A command: how it is written, what it does, and what gives its lines; raises TypeError for
    words that it does not take.
    """

    usage: str
    help: str
    run: Callable[..., Iterator[str]]


def _help(view: ServiceView) -> Iterator[str]:
    width = max(len(command.usage) for command in COMMANDS.values())
    for command in COMMANDS.values():
        yield f"{command.usage:{width}}  {command.help}"


COMMANDS = {
    "help": Command("help", "this list", _help),
    "status": Command("status", "where it listens, and how it is", ServiceView.status),
    "connections": Command(
        "connections [TEXT]",
        "who is connected: all, or those with TEXT in their line",
        ServiceView.connections,
    ),
    "counters": Command("counters [TEXT]", "what was counted", ServiceView.counters),
    "tasks": Command("tasks", "what was spawned and goes on, and timers", ServiceView.tasks),
    "stacks": Command("stacks", "where each thread is", ServiceView.stacks),
    "log": Command(
        "log [LEVEL [NAMESPACE]]",
        "from which level on events are logged: debug, info, warn, error, critical",
        ServiceView.log,
    ),
    "python": Command("python", "a Python prompt, with --inspect-python", lambda view: iter(())),
    "quit": Command("quit", "the end", lambda view: iter(())),
}


def answer(view: ServiceView, line: str) -> Iterator[str]:
    """Yield the answer to a command. A line that is none is answered with a sentence."""
    name, *words = line.split()
    command = COMMANDS.get(name)
    if command is None:
        yield f"there is no command {shown(name)}{did_you_mean(name, list(COMMANDS))}; try help"
        return
    try:
        inspect.signature(command.run).bind(view, *words)
    except TypeError:
        yield f"it is {command.usage}"
        return
    yield from command.run(view, *words)
