"""Links and files handed to the user's own programs, always after a question."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from logsrv.errors import ConfigurationError
from logsrv.gopher.browse.commands import RunWorker
from logsrv.gopher.browse.commands.outside import (
    file_command,
    opening_command,
    playing_command,
    run_outside,
)
from logsrv.gopher.browse.commands.speaker import Speaker
from logsrv.gopher.browse.content.links import Hyperlink
from logsrv.kit.text.escape import one_line


@dataclass(eq=False)
class Programs:
    """The programs that `environ` names or finds.

    opened: told each address that a program gets.
    """

    _environ: Mapping[str, str]
    _speaker: Speaker
    _run_worker: RunWorker
    _opened: Callable[[str], object]

    def open_link(self, link: Hyperlink) -> None:
        """Hand a link out of Gopher to the program for it."""
        command = partial(opening_command, link.address, self._environ)
        self._open_with("A link that leads out of Gopher", link.address, command)

    def open_file(self, path: Path) -> None:
        """Open a file that was saved."""
        command = partial(file_command, path, self._environ)
        self._open_with("A file that was saved", one_line(str(path), 4096), command)

    def player(self) -> str | None:
        """Return the program that plays sounds, None if there is none."""
        try:
            return playing_command(Path("sound"), self._environ)[0]
        except ConfigurationError:
            return None

    def play(self, path: Path, name: str) -> None:
        """Play a sound that was saved; the user has agreed. name: shown for it."""
        self._start(playing_command(path, self._environ), name)

    def _open_with(self, title: str, what: str, program: Callable[[], list[str]]) -> None:
        try:
            command = program()
        except ConfigurationError as error:
            self._speaker.say(f"{what}: {one_line(str(error))}")
            return

        def run() -> None:
            self._opened(what)
            self._start(command, what)

        self._speaker.ask_first(title, f"{what}\n\nOpen this with {command[0]}?", run)

    def _start(self, command: list[str], what: str) -> None:
        self._run_worker(partial(self._run, command, what), group="programs")

    async def _run(self, command: list[str], what: str) -> None:
        self._speaker.say(f"Opened with {command[0]}: {what}")
        with self._speaker.saying_errors():
            if status := await run_outside(command, self._environ):
                self._speaker.say(f"{command[0]} ended with status {status}: {what}")
