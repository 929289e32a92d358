"""A reader who follows a page of docs/: types the commands, writes the files, has the conversations.

Beside the blocks that `logsrv.kit.testing` reads in a page, a story has

    ```console              commands after `$ `, in one shell from the first to the last; below each its
                            output, where `…` stands for any text; `cat`, `tail`, `logsrv search`,
                            `logsrv tail` and `logsrv ship --status`, also with `| grep`, are typed again
                            until the output is there
    ```console server       the command keeps running; it prints the lines below sooner or later
    ```LANGUAGE FILE        a file that the reader writes; if it exists, it must be exactly like this
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import attrs

from logsrv.kit.testing import play, transcripts, wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.ports import free_port

_FENCE = re.compile(r"^```(\S+)(?: +(\S+))? *\n(.*?)^```", re.MULTILINE | re.DOTALL)
_MARK = "this-command-has-ended"
# Commands that change nothing, and whose output may take a moment.
LOOKING = ("cat ", "tail ", "logsrv search ", "logsrv tail", "logsrv ship --status ")
# The environment of a reader who has the programs of this environment.
OURS = {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
# The slowest command installs from a package index.
COMMAND_SECONDS = 3 * PATIENCE


@attrs.frozen
class Block:
    """A fenced block: its language and argument, its text, and the number of its first line in the page."""

    language: str
    argument: str
    body: str
    line: int


def blocks(page: str) -> list[Block]:
    """Return all fenced blocks of a page."""
    return [
        Block(match[1], match[2] or "", match[3], page.count("\n", 0, match.start(3)) + 1)
        for match in _FENCE.finditer(page)
    ]


class Story:
    """One reader. ports: free ports by the ports of the page that they replace."""

    def __init__(
        self, directory: Path, *, ports: tuple[int, ...], environment: Mapping[str, str]
    ) -> None:
        """`directory`: an empty directory; `environment`: variables in addition to those of
        this process.
        """
        self.ports = {str(port): str(free_port()) for port in ports}
        self._logs = directory
        self._log = directory / "0.twistd.log"
        self._home = directory / "home"
        self._home.mkdir()
        self._shell = subprocess.Popen(
            ["sh"],
            cwd=self._home,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
        self._server = 0

    def __enter__(self) -> Story:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Processes that still run are in the group of the shell, except daemons.
        for file in self._home.rglob("*.pid"):
            with contextlib.suppress(OSError, ValueError):
                os.kill(int(file.read_text()), signal.SIGKILL)
        os.killpg(self._shell.pid, signal.SIGKILL)
        self._shell.wait(PATIENCE)
        for pipe in (self._shell.stdin, self._shell.stdout):
            assert pipe is not None
            pipe.close()

    @property
    def directory(self) -> Path:
        """Return the current directory of the shell."""
        return Path(f"/proc/{self._shell.pid}/cwd").resolve()

    def follow(self, page: str, first: int = 1, last: int | None = None) -> None:
        """Follow the blocks of the page from line `first` to line `last`.

        Raises AssertionError with the line where it goes wrong.
        """
        for block in blocks(page):
            if block.line < first or (last is not None and block.line > last):
                continue
            try:
                self._follow(block)
            except (AssertionError, OSError) as error:
                raise AssertionError(f"line {block.line} of the page: {error}") from error

    def _follow(self, block: Block) -> None:
        if block.language == "telnet":
            fenced = f"```telnet {block.argument}\n{block.body}```\n"
            [transcript] = transcripts(fenced)
            play(transcript, int(self.ports[block.argument]))
        elif block.language == "console" and block.argument == "server":
            self._serve(self._moved(block.body))
        elif block.language == "console":
            self.type(block.body)
        elif block.argument:
            self._write(block)

    def _moved(self, text: str) -> str:
        """Return the text with free ports in place of those of the page."""
        for printed, free in self.ports.items():
            text = re.sub(rf"\b{printed}\b", free, text)
        return text

    def _write(self, block: Block) -> None:
        path = self.directory / block.argument
        if "/" in block.argument and path.exists():
            assert path.read_text() == block.body, f"{block.argument} is not as the page shows it"
        else:
            path.write_text(self._moved(block.body))

    def type(self, body: str) -> None:
        """Type the commands of a `console` block and check their output."""
        for part in re.split(r"^\$ ", self._moved(body), flags=re.MULTILINE)[1:]:
            # A backslash at the end of a line continues the command.
            lines = re.match(r"(?:.*\\\n)*.*", part)
            assert lines is not None
            self._expect(part[lines.end() :], lines[0])

    def _expect(self, expected: str, command: str) -> None:
        printed, status = "", 0

        def is_printed() -> bool:
            nonlocal printed, status
            printed, status = self._command(command)
            return status == 0 and _matches(expected, printed)

        if not is_printed() and command.startswith(LOOKING):
            with contextlib.suppress(AssertionError):
                wait_until(is_printed, command)
        assert status == 0, f"`{command}` ended with status {status}:\n{printed}"
        assert _matches(expected, printed), (
            f"`{command}` should print\n{expected}\nand printed\n{printed}"
        )

    def _command(self, command: str) -> tuple[str, int]:
        """Type a command; return its output and status. Raises AssertionError if it does not end."""
        shell = self._shell
        assert shell.stdin is not None and shell.stdout is not None
        shell.stdin.write(f"{command}\necho {_MARK} $?\n".encode())
        shell.stdin.flush()
        printed, end = b"", time.monotonic() + COMMAND_SECONDS
        while not (ended := re.search(rf"^{_MARK} (\d+)\n".encode(), printed, re.MULTILINE)):
            ready, _, _ = select.select([shell.stdout], [], [], max(0, end - time.monotonic()))
            text = printed.decode(errors="backslashreplace")
            assert ready, f"`{command}` takes too long:\n{text}"
            piece = os.read(shell.stdout.fileno(), 65536)
            assert piece, f"`{command}` ended the shell:\n{text}"
            printed += piece
        return printed[: ended.start()].decode(errors="backslashreplace"), int(ended[1])

    def _serve(self, body: str) -> None:
        """Start a server in place of the one before, or wait for more output of the running one."""
        command, _, expected = body.rpartition("$ ")[2].partition("\n")
        if body.startswith("$ "):
            self.stop()
            self._log = self._logs / f"{int(self._log.name.partition('.')[0]) + 1}.twistd.log"
            self._log.touch()
            started, _ = self._command(f"{command} >{self._log} 2>&1 & echo $!")
            self._server = int(started.split()[-1])
        else:
            expected = body

        def printed() -> bool:
            text = self._log.read_text()
            assert self._is_running() or _matches(expected, text), f"`{command}` ended:\n{text}"
            return _matches(expected, text)

        try:
            wait_until(printed, expected)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self._log.read_text()[-4000:]}") from error

    def stop(self) -> None:
        """End the server, if one runs."""
        if self._server:
            os.kill(self._server, signal.SIGTERM)
            wait_until(lambda: not self._is_running(), "the end of the server")
            self._server = 0

    def _is_running(self) -> bool:
        # The server is a child of the shell, and a zombie until the shell waits for it.
        self._command("true")
        try:
            state = Path(f"/proc/{self._server}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        return state != "Z"


def _matches(expected: str, printed: str) -> bool:
    """Return whether the expected lines were printed in this order, perhaps with others between them."""
    printed_lines = iter(printed.splitlines())
    return all(
        any(re.fullmatch(_pattern(line), other.rstrip()) for other in printed_lines)
        for line in expected.splitlines()
        if line.strip() not in ("", "…")
    )


def _pattern(line: str) -> str:
    return ".*".join(re.escape(part) for part in line.rstrip().split("…"))
