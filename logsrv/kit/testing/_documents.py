"""Tests of documentation: its conversations are played, its Python examples are run.

A conversation is a fenced block whose info string is `telnet` and a port, as a reader would type it:

    ```telnet 8088
    Thank you for connecting
    > hello
    You said: hello
    > quit
    Connection closed by foreign host.
    ```

Lines that begin with `> ` are sent, the others are expected in this order; `…` stands for anything.
The last line is what `telnet` prints when the server closes the connection; without it, the client
closes. The port only identifies the server: the argument of `play` says where it really listens.

A Python example is a fenced block whose info string is `python`. With `python NAME.py` it is a file of that
name, which other examples may import.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import attrs

from logsrv.kit.testing._session import TelnetSession

CLOSED = "Connection closed by foreign host."
_FENCE = re.compile(r"^```(\S+)(?: +(\S+))? *\n(.*?)^```", re.MULTILINE | re.DOTALL)


@attrs.frozen
class Transcript:
    """A conversation. steps: lines to send (True) or to expect (False), in order. line: its number.

    The number is that of its first line in the document.
    """

    port: int
    steps: tuple[tuple[bool, str], ...]
    line: int


@attrs.frozen
class Example:
    """A Python example. name: its file name, or None. line: the number of its first line."""

    name: str | None
    code: str
    line: int


def transcripts(document: str) -> list[Transcript]:
    """Return the conversations in a Markdown text. Raises ValueError for one without a port."""
    return [
        Transcript(_parse_port(argument, line), tuple(_parse_steps(body)), line)
        for language, argument, body, line in _fenced_blocks(document)
        if language == "telnet"
    ]


def examples(document: str) -> list[Example]:
    """Return the Python examples in a Markdown text."""
    return [
        Example(argument, body, line)
        for language, argument, body, line in _fenced_blocks(document)
        if language == "python"
    ]


def play(transcript: Transcript, where: int | str) -> None:
    """Play a conversation with the server at a TCP port or the path of a UNIX socket.

    Raises AssertionError with the conversation so far, if the server answers anything else.
    """
    with TelnetSession(where) as session:
        for sent, text in transcript.steps:
            if sent:
                session.send(text)
            elif text == CLOSED:
                session.expect_close()
            else:
                session.expect(text)


def _fenced_blocks(document: str) -> Iterator[tuple[str, str | None, str, int]]:
    for match in _FENCE.finditer(document):
        yield match[1], match[2], match[3], document.count("\n", 0, match.start(3)) + 1


def _parse_port(argument: str | None, line: int) -> int:
    if argument is None or not argument.isdecimal():
        raise ValueError(f"line {line}: a conversation begins with ```telnet and a port")
    return int(argument)


def _parse_steps(body: str) -> Iterator[tuple[bool, str]]:
    for line in body.splitlines():
        sent = line == ">" or line.startswith("> ")
        yield sent, line[2:] if sent else line
