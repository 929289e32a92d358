"""Sessions in memory: what is typed, what is shown, and those who mean no good."""

import sys
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock

from logsrv.kit.inspect._session import PythonPrompt, SessionSettings, SocketServer
from logsrv.kit.testing._memory_peers import MemoryPeer
from tests.kit.inspect.looked import looked_into


class Looking:
    """One who looks inside, and the service."""

    def __init__(self, *, python: bool = False, **more: Any) -> None:
        self.clock = Clock()
        _, self.service = looked_into(clock=self.clock, **more)
        metrics = self.service.metrics
        self.server = SocketServer(self.service, "inspect", SessionSettings(python=python), metrics)
        protocol = self.server.buildProtocol(None)
        self.peer = MemoryPeer(protocol, IPv4Address("TCP", "127.0.0.1", 50000))

    def type(self, text: str) -> str:
        """What is shown for it; the reactor turns until nothing more is."""
        self.peer.feed(text.encode())
        shown = b""
        for _ in range(100):
            self.clock.advance(0)
            shown += self.peer.received()
        return shown.decode()


def test_a_session_from_greeting_to_farewell():
    looking = Looking()
    assert looking.type("") == "shout: help lists the commands\n> "
    assert looking.type("connections\r\n") == "0 connections\n> "
    assert looking.type("\n") == "> "
    assert looking.type("quit\nconnections\n") == "Goodbye.\n"
    assert looking.peer.closed


def test_what_peers_have_named_themselves_drives_no_terminal():
    evil = SimpleNamespace(_known_peer="tcp:\x1b]0;owned\x07\r\n> ", transport=None)
    looking = Looking(connections=lambda: [("tcp:7000", evil)])
    looking.service.metrics.count("jokes_total", kind="\x9b2J\u202e")
    shown = looking.type("connections\ncounters\n")
    assert "\\x1b]0;owned\\x07\\x0d\\x0a> " in shown
    assert "\\x9b2J\\u202e" in shown and "\x9b" not in shown and "\x1b" not in shown


def test_nothing_is_evaluated_unless_it_was_asked_for():
    looking = Looking()
    shown = looking.type("python\nservice.metrics.count('pwned_total')\n")
    assert "started without --inspect-python" in shown
    assert "pwned_total" not in {metric.name for metric in looking.service.metrics.catalogue}


def test_a_python_prompt_returns_to_the_session():
    looking = Looking(python=True)
    assert looking.type("python\nservice.name\n").endswith(">>> 'shout'\n>>> ")
    assert looking.type("print('\\x1b[2J')\n") == "\\x1b[2J\n>>> "
    assert looking.type("exit()\nconnections\n") == "> 0 connections\n> "


def test_a_browser_is_turned_away_before_its_body_is_taken_for_commands():
    looking = Looking()
    shown = looking.type("POST / HTTP/1.1\r\nHost: localhost\r\n\r\nlog critical\r\n")
    assert "this is not a web server" in shown and "critical" not in shown
    assert looking.peer.transport.disconnecting or looking.peer.closed


def test_a_client_that_floods_and_does_not_read_is_paused():
    looking = Looking()
    looking.type("")
    looking.peer.stop_reading()
    looking.type("help\n" * 10_000)
    assert len(looking.peer.transport.buffer) < 128 * 1024
    assert not looking.peer.reading
    looking.peer.disconnect()
    looking.clock.advance(0)


def test_an_endless_line_ends_the_session():
    looking = Looking()
    assert "longer than 4096 bytes" in looking.type("x" * 10_000)


def test_statements_over_several_lines_and_what_they_print():
    prompt = PythonPrompt({"service": "shout"})
    assert prompt.run_line("service") == ["'shout'"]
    assert prompt.run_line("for letter in 'ab':") == [] and prompt.text == "... "
    assert prompt.run_line("    print(letter)") == []
    assert prompt.run_line("") == ["a", "b"] and prompt.text == ">>> "


def test_errors_are_shown_and_go_no_further():
    prompt = PythonPrompt({})
    assert prompt.run_line("1 / 0")[-1] == "ZeroDivisionError: division by zero"
    assert "SyntaxError" in prompt.run_line("a b")[-1]
    assert not prompt.ended


def test_exit_ends_the_prompt_and_not_the_service():
    prompt = PythonPrompt({})
    prompt.run_line("raise SystemExit(3)")
    assert prompt.ended


@pytest.mark.parametrize("word", ["exit", "quit"])
def test_leaving_the_prompt_does_not_close_standard_input(word, monkeypatch):
    """Which is somebody's input where a service has `--listen stdin:`."""
    monkeypatch.setattr(sys, "stdin", StringIO("lines"))
    prompt = PythonPrompt({})
    prompt.run_line(f"{word}()")
    assert prompt.ended and not sys.stdin.closed
