"""A Python prompt inside the service: only for who was given it by --inspect-python."""

from __future__ import annotations

from code import InteractiveInterpreter
from contextlib import redirect_stdout
from io import StringIO
from typing import Any, NoReturn

FIRST, MORE = ">>> ", "... "


def leave(status: object = None) -> NoReturn:
    """End the prompt."""
    raise SystemExit(status)


class PythonPrompt(InteractiveInterpreter):
    """Statements in, what they print out; each runs in the thread that calls, at once.

    wants_more: what was typed is not finished. ended: exit() was called.
    """

    def __init__(self, names: dict[str, Any]) -> None:
        # Those of Python close standard input, which a listener may read.
        super().__init__({"exit": leave, "quit": leave, **names})
        self.ended = False
        self._typed: list[str] = []
        self._said = StringIO()

    @property
    def text(self) -> str:
        """The text before what is typed next."""
        return MORE if self._typed else FIRST

    def write(self, data: str) -> None:
        self._said.write(data)

    def push(self, line: str) -> list[str]:
        """Take a line, and return the lines that it made."""
        self._typed.append(line)
        self._said = StringIO()
        try:
            with redirect_stdout(self._said):
                unfinished = self.runsource("\n".join(self._typed), "<inspect>")
        except SystemExit:
            unfinished, self.ended = False, True
        if not unfinished:
            self._typed.clear()
        return self._said.getvalue().splitlines()
