"""Talking at a terminal: a prompt with line editing and history, what is heard above it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from twisted.internet.defer import Deferred

from logsrv.cli.client.peer import Peer
from logsrv.cli.client.wire import Wire

PROMPT = "> "
LONGEST_QUESTION = 200
"""Characters of an unfinished line that the peer waits behind; what is longer is shown at once."""
LAST_WORDS_SECONDS = 1.0


class _PeerEnded(Exception):
    """Ends the prompt."""


class Terminal:
    """A conversation at a terminal. An unfinished line of the peer's, such as `login: `, is the prompt."""

    def __init__(self, history: Path | None, input: Any = None, output: Any = None) -> None:
        """history: the file of lines typed, those of earlier times as well; None keeps none."""
        self._history = _history(history, lambda: bool(self._question))
        self._session: PromptSession[str] = PromptSession(
            message=lambda: self._question or PROMPT,
            history=self._history,
            input=input,
            output=output,
        )
        self._question = ""

    def show(self, data: bytes) -> None:
        """Show it above the prompt; blocks as long as the terminal does."""
        if not data:
            return
        lines, newline, self._question = (self._question + data.decode()).rpartition("\n")
        if len(self._question) > LONGEST_QUESTION:
            lines, newline, self._question = lines + newline + self._question, "\n", ""
        if newline:
            self._print(lines)
        self._session.app.invalidate()

    def _print(self, lines: str) -> None:
        # Not by run_in_terminal: it takes the terminal out of raw mode meanwhile, and the terminal
        # would swallow a Ctrl-D that comes then.
        app = self._session.app
        if app.is_running:
            app.renderer.erase()
        app.output.write(lines.replace("\n", "\r\n") + "\r\n")
        app.output.flush()

    async def converse(self, peer: Peer, wire: Wire) -> None:
        """Go on until the peer closes or Ctrl-D. Raises ConnectionFailed, and KeyboardInterrupt."""
        peer.ended.addBoth(self._peer_ended)
        talking = asyncio.ensure_future(self._prompt(peer, wire))
        if not await Deferred.fromFuture(talking):
            raise KeyboardInterrupt
        await peer.ended
        if peer.failure is not None:
            raise peer.failure

    async def _prompt(self, peer: Peer, wire: Wire) -> bool:
        """Prompt until all is said and shown; return False after Ctrl-C."""
        try:
            while not peer.ended.called:
                line = await self._session.prompt_async()
                # It stands there, with the answer behind it.
                self._question = ""
                peer.send(wire.typed(line))
        except _PeerEnded:
            pass
        except EOFError:
            await self._hear_out(peer)
        except KeyboardInterrupt:
            peer.close()
            return False
        if self._question:
            self._print(self._question)
        return True

    def _peer_ended(self, result: Any) -> Any:
        app = self._session.app
        if app.is_running:
            app.erase_when_done = True
            app.exit(exception=_PeerEnded())
        return result

    async def _hear_out(self, peer: Peer) -> None:
        """Show what the peer still says; we have said all."""
        peer.end_input()
        ended = peer.ended.asFuture(asyncio.get_running_loop())
        await asyncio.wait([ended], timeout=LAST_WORDS_SECONDS)
        if not peer.ended.called:
            peer.close()


def _history(path: Path | None, is_answer: Callable[[], bool]) -> History:
    if path is None:
        return InMemoryHistory()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600))
    except OSError:
        # A home that cannot be written to must keep nobody from talking.
        return InMemoryHistory()
    return _File(path, is_answer)


class _File(FileHistory):
    """Leaves out what begins with a space, as shells do, and what answers a question: passwords."""

    def __init__(self, path: Path, is_answer: Callable[[], bool]) -> None:
        super().__init__(path)
        self._is_answer = is_answer

    def append_string(self, string: str) -> None:
        if not string.startswith(" ") and not self._is_answer():
            super().append_string(string)
