"""What an operator sees of a service; what is typed is a command, or a sentence says what it could be."""

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.kit.inspect._view import (
    COMMANDS,
    MOST_CONNECTIONS,
    MOST_LINES,
    MOST_TIMERS,
    answer_command,
)
from logsrv.kit.observe.metrics import Durations
from logsrv.kit.testing.patience import PATIENCE
from tests.kit.inspect.looked import looked_into


def connected(number: int) -> Any:
    return SimpleNamespace(_known_peer=f"tcp:192.0.2.1:{number}", transport=None)


def test_status_lists_listeners_and_health():
    """Two listeners at one address are told apart; one that drains listens no more."""
    sites = [
        SimpleNamespace(label="syslog:tcp:514", address="0.0.0.0:514", state="OPEN"),
        SimpleNamespace(label="edge@syslog:udp:514", address="0.0.0.0:514", state="OPEN"),
        SimpleNamespace(label="tcp:7000", address="", state="CLOSING"),
    ]
    view, _ = looked_into(unready_reasons=lambda: ["stopping"], sites=sites)
    _, *lines = view.status()
    assert lines == [
        "syslog:tcp:514 listens at 0.0.0.0:514",
        "edge@syslog:udp:514 listens at 0.0.0.0:514",
        "tcp:7000 is closing",
        "healthy",
        "not ready: stopping",
    ]


def test_the_list_of_connections_is_bounded_and_counts_them_all():
    view, _ = looked_into(connections=lambda: [("tcp:7000", connected(n)) for n in range(1000)])
    lines = list(view.connections())
    assert len(lines) == MOST_CONNECTIONS + 2
    assert "800 more" in lines[-2] and lines[-1] == "1000 connections"
    assert lines[0] == "tcp:7000  tcp:192.0.2.1:0  SimpleNamespace  unread 0, unsent 0"
    assert list(view.connections(":999")) == [
        "tcp:7000  tcp:192.0.2.1:999  SimpleNamespace  unread 0, unsent 0",
        "1 connections",
    ]


def test_counters_shows_every_kind_of_metric():
    view, service = looked_into()
    durations = Durations((1,))
    service.metrics.time("roll_seconds", durations)
    durations.add(0.25)
    service.metrics.count("rolls_total", 3, sides="6")
    assert list(view.counters()) == ["rolls_total{sides=6} 3", "roll_seconds count 1 sum 0.25"]
    assert list(view.counters("nothing")) == []
    for number in range(MOST_LINES):
        service.metrics.count("rolls_total", sides=f"{number + 7}")
    *lines, last = view.counters()
    assert len(lines) == MOST_LINES and "and more" in last


def test_tasks_lists_tasks_and_timers_in_order():
    view, service = looked_into(tasks=["sweep, since 3 s"])
    service.clock.callLater(5, print)
    service.clock.callLater(2, looked_into)
    assert list(view.tasks()) == [
        "task sweep, since 3 s",
        "in 2.000 s tests.kit.inspect.looked.looked_into",
        "in 5.000 s builtins.print",
        "1 task, 2 timers",
    ]
    for _ in range(MOST_TIMERS):
        service.clock.callLater(9, print)
    assert "2 more timers" in list(view.tasks())[-2]


def test_stacks_shows_the_line_of_each_thread():
    view, _ = looked_into()
    assert any("view.stacks()" in line for line in view.stacks())


CODE = """
from twisted.logger import Logger, LogLevel, formatEvent, globalLogBeginner
from logsrv.kit.inspect._view import set_log_level
from logsrv.kit.observe._log_lines import LOG_LEVELS
def show(event):
    print(event["log_namespace"], formatEvent(event))
globalLogBeginner.beginLoggingTo([show], redirectStandardIO=False)
ours, other = Logger("logsrv.kit.net"), Logger("shout")
def say(number):
    for log in ours, other:
        log.debug("debug {n}", n=number)
        log.warn("warn {n}", n=number)
say(1)
set_log_level(LogLevel.warn)
set_log_level(LogLevel.debug, "logsrv.kit")
say(2)
set_log_level(LogLevel.critical, "")
say(3)
other.critical("at last")
print(LOG_LEVELS.by_namespace())
"""

SAID = """\
logsrv.kit.net debug 1
logsrv.kit.net warn 1
shout debug 1
shout warn 1
logsrv.kit.net debug 2
logsrv.kit.net warn 2
shout warn 2
logsrv.kit.net debug 3
logsrv.kit.net warn 3
shout at last
[('', 'critical'), ('logsrv.kit', 'debug')]
"""


@pytest.mark.slow
def test_the_level_of_the_log_is_for_all_or_a_namespace():
    """In a process of its own, whose log is no other test's."""
    run = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    assert run.stdout == SAID


def test_help_has_every_command():
    view, _ = looked_into()
    said = list(answer_command(view, "help"))
    assert [line.split()[0] for line in said] == list(COMMANDS)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("conections", "there is no command conections (did you mean connections?); try help"),
        ("connections", "0 connections"),
        ("  connections   tcp ", "0 connections"),
        ("connections a b", "usage: connections [TEXT]"),
        ("status now", "usage: status"),
        ("log loud", "there is no level loud, only debug, info, warn, error or critical"),
        ("\x1b[2J", "there is no command \\x1b[2J; try help"),
    ],
)
def test_each_command_or_mistake_has_its_answer(line, said):
    view, _ = looked_into()
    assert list(answer_command(view, line)) == [said]


@given(st.text(min_size=1).filter(lambda text: text.split() and text.split()[0] != "log"))
def test_nothing_that_is_typed_breaks_it(line):
    view, _ = looked_into()
    assert all(isinstance(said, str) for said in answer_command(view, line))
