"""Opens links and files with the user's own programs, always after a question.

The address is one argument of the program, without a shell, and never looks like an option.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from subprocess import DEVNULL, Popen

import attrs

from logsrv.errors import ConfigurationError
from logsrv.gopher.browse.page import Hyperlink
from logsrv.gopher.browse.window import BrowserWindow
from logsrv.gopher.fetch.on_asyncio import in_daemon_thread
from logsrv.kit.text.escape import one_line

_USUAL = "open" if sys.platform == "darwin" else "xdg-open"
# Browsers, pagers and mail programs that want the terminal.
_IN_TERMINAL = frozenset((
    "alpine", "amfora", "bombadillo", "browsh", "carbonyl", "cha", "chawan", "elinks", "less", "links",
    "links2", "lynx", "more", "mutt", "nano", "neomutt", "nvim", "offpunk", "vi", "vim", "w3m",
))  # fmt: skip
# Endings of files that a desktop would run as programs instead of showing them.
_RUN = (".desktop", ".appimage", ".command", ".jar", ".exe", ".bat", ".cmd", ".com", ".scr", ".msi")


@attrs.define(eq=False)
class ExternalPrograms:
    """The programs that `environ` names, or that are in its PATH.

    opened: called with each address or path that the user agrees to open.
    """

    _environ: Mapping[str, str]
    _window: BrowserWindow
    _opened: Callable[[str], object]

    def ask_to_open_link(self, link: Hyperlink) -> None:
        """Open a link out of Gopher with the program for it, after a question."""
        command = partial(link_command, link.address, self._environ)
        self._ask_to_open("A link that leads out of Gopher", link.address, command)

    def ask_to_open_file(self, path: Path) -> None:
        """Open a file that was saved, after a question."""
        command = partial(file_command, path, self._environ)
        self._ask_to_open("A file that was saved", one_line(str(path), 4096), command)

    def _ask_to_open(self, title: str, what: str, program: Callable[[], list[str]]) -> None:
        try:
            command = program()
        except ConfigurationError as error:
            self._window.say(f"{what}: {one_line(str(error))}")
            return

        def run() -> None:
            self._opened(what)
            if Path(command[0]).name in _IN_TERMINAL:
                with self._window.saying_errors():
                    self._window.run_in_terminal(command)
            else:
                self._window.run_in_background(
                    partial(self._run_program, command, what), group="programs"
                )

        self._window.ask_yes_or_no(title, f"{what}\n\nOpen this with {command[0]}?", run)

    async def _run_program(self, command: list[str], what: str) -> None:
        self._window.say(f"Opened with {command[0]}: {what}")
        if status := await run_external_program(command, self._environ):
            self._window.say(f"{command[0]} ended with status {status}: {what}")


def link_command(address: str, environ: Mapping[str, str]) -> list[str]:
    """Return the program and its arguments: the first of BROWSER that is found, else xdg-open or open.

    BROWSER is a list with colons between; `%s` in an entry stands for the address. Raises
    ConfigurationError if no program is found, or if the address would look like an option.
    """
    if address.startswith("-"):
        raise ConfigurationError(f"“{address}” is not opened: programs would take it for an option")
    none = (
        "no program to open it with was found; set BROWSER to one, or press y to copy the address"
    )
    browsers = environ.get("BROWSER", "").split(os.pathsep)
    program, *arguments = _first_in_path([*browsers, _USUAL], environ, none)
    if not any("%s" in word for word in arguments):
        arguments.append("%s")
    return [program, *(word.replace("%s", address) for word in arguments)]


def file_command(path: Path, environ: Mapping[str, str]) -> list[str]:
    """Return the program that opens a file, and its arguments: xdg-open, or open on macOS.

    Raises ConfigurationError if it is not found, or if a desktop would run the file instead of opening it.
    """
    if path.suffix.lower() in _RUN:
        raise ConfigurationError(f"{path.name} is a program, and is not started from here")
    none = f"{_USUAL} was not found, which chooses the program for a file"
    return [*_first_in_path([_USUAL], environ, none), str(path)]


def _first_in_path(commands: Iterable[str], environ: Mapping[str, str], none: str) -> list[str]:
    """Return the words of the first command whose program is in PATH.

    Raises ConfigurationError with the sentence `none` if there is none.
    """
    for command in commands:
        try:
            words = shlex.split(command)
        except ValueError:
            continue
        if words and (program := shutil.which(words[0], path=environ.get("PATH", os.defpath))):
            return [program, *words[1:]]
    raise ConfigurationError(none)


async def run_external_program(command: list[str], environ: Mapping[str, str]) -> int:
    """Start a program and return its exit status.

    Not by asyncio, which kills its children at the end: the program may run longer than the browser.
    """
    try:
        process = Popen(
            command,
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=DEVNULL,
            env=dict(environ),
            start_new_session=True,
        )
    except OSError as error:
        raise ConfigurationError(f"{command[0]} cannot be started: {error.strerror}") from error
    return await in_daemon_thread(process.wait)
