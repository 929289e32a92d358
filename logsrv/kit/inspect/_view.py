"""A view of a running service: the answers to its operator's typed commands, as lines of text.

Typed text is never evaluated. Each command reads the present state; nothing is collected before. The lines
may contain text of peers; the sender escapes them.
"""

from __future__ import annotations

import inspect
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Protocol

import attrs
from twisted.logger import LogLevel

from logsrv.kit.connections.source import source_of
from logsrv.kit.connections.transports import unread_bytes, unsent_bytes
from logsrv.kit.observe._log_lines import LOG_LEVELS, LevelFilteredObserver
from logsrv.kit.observe._process_log import wrap_log_observers
from logsrv.kit.observe.metrics import Labels, Metrics
from logsrv.kit.text.words import counted, did_you_mean, listed, shown

FAREWELLS = ("quit", "exit")
PYTHON = "python"
NO_PYTHON = "the service was started without --inspect-python"
MOST_LINES = 1000
MOST_CONNECTIONS = 200
MOST_TIMERS = 50
LEVELS = [level.name for level in LogLevel.iterconstants()]


class ViewedListener(Protocol):
    """A listener, as a view needs it. address: the bound address; "" if it has none."""

    label: str
    state: str

    @property
    def address(self) -> str: ...


class Service(Protocol):
    """The parts of a service that a view reads."""

    name: Any
    metrics: Metrics
    clock: Any
    settings: Any

    @property
    def sites(self) -> Iterable[ViewedListener]: ...
    def unhealthy(self) -> list[str]: ...
    def unready_reasons(self) -> list[str]: ...
    def connections(self) -> Iterable[tuple[str, Any]]: ...


class ServiceView:
    """The commands on one service, for the reactor's thread."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def status(self) -> Iterator[str]:
        """Yield its name and process, its listeners, and its health."""
        service = self.service
        yield f"{service.name}, process {os.getpid()}"
        for site in service.sites:
            # With the listener's name: TCP and UDP may have the same address.
            listens = f"listens at {site.address or 'an address of its own'}"
            yield f"{site.label} {listens if site.state == 'OPEN' else f'is {site.state.lower()}'}"
        for word, reasons in (
            ("healthy", service.unhealthy()),
            ("ready", service.unready_reasons()),
        ):
            yield f"not {word}: {'; '.join(reasons)}" if reasons else word

    def connections(self, text: str = "") -> Iterator[str]:
        """Yield a line for each connection, MOST_CONNECTIONS at most, and the number of all.

        text: only connections whose line contains it.
        """
        found = 0
        for listener, protocol in self.service.connections():
            line = _connection_line(listener, protocol)
            if text in line:
                found += 1
                if found <= MOST_CONNECTIONS:
                    yield line
        if found > MOST_CONNECTIONS:
            left = found - MOST_CONNECTIONS
            yield f"… and {left} more; connections TEXT shows those with TEXT in their line"
        yield f"{found} connections"

    def counters(self, text: str = "") -> Iterator[str]:
        """Yield a line for each value of a metric that contains `text`; after MOST_LINES, "… and more"."""
        lines = (line for line in self._metric_lines() if text in line)
        yield from islice(lines, MOST_LINES)
        if next(lines, None) is not None:
            yield "… and more; counters TEXT shows those with TEXT in their line"

    def _metric_lines(self) -> Iterator[str]:
        metrics = self.service.metrics
        for metric, labels, value in metrics.read():
            yield f"{metric.name}{_labels_text(labels)} {value:.15g}"
        for metric, labels, durations in metrics.distributions():
            name = f"{metric.name}{_labels_text(labels)}"
            yield f"{name} count {sum(durations.counts)} sum {durations.total:.6g}"

    def tasks(self) -> Iterator[str]:
        """Yield a line for each running background task, and for the next MOST_TIMERS timers."""
        tasks = list(getattr(self.service, "tasks", ()))
        for task in tasks:
            yield f"task {task}"
        timers = sorted(self.service.clock.getDelayedCalls(), key=lambda call: call.getTime())
        now = self.service.clock.seconds()
        for call in timers[:MOST_TIMERS]:
            yield f"in {max(0.0, call.getTime() - now):.3f} s {_function_name(call.func)}"
        if len(timers) > MOST_TIMERS:
            yield f"… and {counted(len(timers) - MOST_TIMERS, 'more timer')}"
        yield f"{counted(len(tasks), 'task')}, {counted(len(timers), 'timer')}"

    def stacks(self) -> Iterator[str]:
        """Yield the location in the code of each thread of the process."""
        names = {thread.ident: thread.name for thread in threading.enumerate()}
        for number, frame in sys._current_frames().items():
            yield f"thread {names.get(number, number)}"
            for entry in traceback.format_stack(frame):
                yield from entry.rstrip("\n").split("\n")

    def log(self, level: str = "", namespace: str = "") -> Iterator[str]:
        """Set the lowest level that is logged, for all events or one namespace; then yield all levels."""
        if level and level not in LEVELS:
            yield f"there is no level {level}, only {listed(LEVELS)}"
            return
        if level:
            set_log_level(LogLevel.lookupByName(level), namespace)
        for name, found in LOG_LEVELS.by_namespace():
            yield f"{name or 'everything'}: {found} and above"


def _connection_line(listener: str, protocol: Any) -> str:
    transport = protocol.transport
    peer = getattr(protocol, "_known_peer", None) or source_of(transport)
    waits = f"unread {unread_bytes(transport)}, unsent {unsent_bytes(transport)}"
    closing = ", closing" if getattr(transport, "disconnecting", False) else ""
    return f"{listener}  {peer}  {type(protocol).__name__}  {waits}{closing}"


def _labels_text(labels: Labels) -> str:
    text = ", ".join(f"{name}={value}" for name, value in labels)
    return f"{{{text}}}" if text else ""


def _function_name(function: Any) -> str:
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return f"{getattr(function, '__module__', '?')}.{name}"


def set_log_level(level: Any, namespace: str = "") -> None:
    """Set the lowest level that is logged: for a namespace such as `logsrv.kit.net`, or for all events."""
    # Only now, so that the log of a service without such a command stays as fast as before.
    wrap_log_observers(
        lambda one: one if isinstance(one, LevelFilteredObserver) else LevelFilteredObserver(one)
    )
    LOG_LEVELS.set_level(level, namespace)


@attrs.frozen
class ViewCommand:
    """A command. usage: its form. help: its effect. run: yields its lines; gets a view and its words."""

    usage: str
    help: str
    run: Callable[..., Iterator[str]]


def _help_lines(view: ServiceView) -> Iterator[str]:
    width = max(len(command.usage) for command in COMMANDS.values())
    for command in COMMANDS.values():
        yield f"{command.usage:{width}}  {command.help}"


COMMANDS = {
    "help": ViewCommand("help", "this list", _help_lines),
    "status": ViewCommand("status", "where it listens, and how it is", ServiceView.status),
    "connections": ViewCommand(
        "connections [TEXT]",
        "who is connected: all, or those with TEXT in their line",
        ServiceView.connections,
    ),
    "counters": ViewCommand("counters [TEXT]", "all metrics", ServiceView.counters),
    "tasks": ViewCommand("tasks", "running background tasks, and timers", ServiceView.tasks),
    "stacks": ViewCommand("stacks", "the stack of each thread", ServiceView.stacks),
    "log": ViewCommand(
        "log [LEVEL [NAMESPACE]]",
        "the lowest level that is logged: debug, info, warn, error or critical",
        ServiceView.log,
    ),
    "python": ViewCommand(
        "python", "a Python prompt, with --inspect-python", lambda view: iter(())
    ),
    "quit": ViewCommand("quit", "end this session", lambda view: iter(())),
}


def answer_command(view: ServiceView, line: str) -> Iterator[str]:
    """Yield the answer to a command; one sentence for a line that is not a command."""
    name, *words = line.split()
    command = COMMANDS.get(name)
    if command is None:
        yield f"there is no command {shown(name)}{did_you_mean(name, list(COMMANDS))}; try help"
        return
    try:
        inspect.signature(command.run).bind(view, *words)
    except TypeError:
        yield f"usage: {command.usage}"
        return
    yield from command.run(view, *words)
