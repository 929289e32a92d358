"""Start the line logger in the foreground, and show the lines that arrive: the first minute.

It listens on this machine only: for lines on --port, and with the live page on port 8080 or the next
free one. It keeps the lines in --directory. Ctrl-C stops it; the next start goes on from there. Other
options are those of the server: twistd logsrv --help.

It is for a try. A service has a configuration, and starts by itself.

Examples:

  logsrv serve
  logsrv serve --port 1235 --directory /srv/try
  logsrv serve --listen syslog:tcp:5514 --keep-days 7

Exit status: 0 after a stop, otherwise that of the server.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from logsrv.cli.command import Command
from logsrv.errors import ConfigurationError
from logsrv.kit.children.starting import popen
from logsrv.kit.net.peer_user import tells_users
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.text.words import shown
from logsrv.linelog.store.lock import owning_process

command = Command("serve", "start the line logger here, and show the lines that arrive", __name__)

_TWISTD = ("-c", "from twisted.scripts.twistd import run; run()")
_HOST = "127.0.0.1"
_PAGE = 8080
_LOOK_SECONDS = 0.1
_STOPPED = (0, -signal.SIGTERM, -signal.SIGINT)

_TEXT = """\
{name}: the line logger listens on 127.0.0.1, port {port}, and keeps the lines in {directory}/.
The live page: http://127.0.0.1:{page}/{taken}
Try this in another terminal; Ctrl-C here stops it:

    telnet 127.0.0.1 {port}        (Ctrl-], then quit, leaves it)
    echo "hello, world" | nc -q1 localhost {port}
    logger -n 127.0.0.1 -P {port} -T "hello from logger"

Boards and alerts can be saved on the page; alerts write their messages to {directory}/messages.
Lines that arrive are shown below; they are in {directory}/current.log (tail -F {directory}/current.log).
"""
_LOG_IN_TEXT = """
This system does not tell whose a connection is, so the live page asks for the token in {directory}/token.
An address that logs in follows once the logger listens. Another one, in another terminal:

    {logsrv} open --http {http} --http-token-file {directory}/token
"""


def declare(parser: Parser) -> None:
    parser.passes_on = True
    add = parser.add_argument
    add("--port", metavar="PORT", type=int, default=1234, help="for lines (default: 1234)")
    add(
        "--directory",
        metavar="DIR",
        default="logs",
        help="where the lines are kept (default: logs)",
    )
    # make run.
    add("--called", default="logsrv serve", help=argparse.SUPPRESS)
    add("options", metavar="OPTION", nargs="*", help="options of twistd logsrv")


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM. Raises ConfigurationError if the directory is in use."""
    directory = Path(arguments.directory)
    chosen = any(word.startswith(("--http-token", "--http-any-user")) for word in arguments.options)
    # Without a token, the page is for its user. Where the system does not tell whose a connection is, other
    # users of the machine would read it too: there it has a token.
    needs_token = not tells_users() and not chosen
    _make(directory, 0o750 if tells_users() else 0o700)
    # Now, because the text below would say that this one listens.
    if (owner := owning_process(directory)) is not None:
        how = (
            "make run ARGS='--directory DIR'"
            if arguments.called == "make run"
            else "--directory DIR"
        )
        raise ConfigurationError(
            f"process {owner} serves {shown(arguments.directory)}/ already; end it, or keep the lines of "
            f"this one in another directory: {how}"
        )
    page = _page_port()
    http = f"tcp:{page}:interface={_HOST}"
    facts = {
        "name": arguments.called,
        "port": arguments.port,
        "directory": arguments.directory,
        "page": page,
        "taken": "" if page == _PAGE else f" ({_PAGE} is taken)",
        "http": http,
        "logsrv": sys.argv[0] if os.path.basename(sys.argv[0]) == "logsrv" else "logsrv",
    }
    print(_TEXT.format(**facts) + (_LOG_IN_TEXT.format(**facts) if needs_token else ""), flush=True)
    token = ["--http-token-file", _token_file(directory)] if needs_token else []
    options = {
        "--directory": arguments.directory,
        "--http": http,
        "--listen": f"tcp:{arguments.port}:interface={_HOST}",
        "--saved": f"{directory}/saved.json",
        "--alert-saved": f"{directory}/alerts.json",
        "--alert-command": f"tee -a {shlex.quote(f'{directory}/messages')}",
    }
    own = [word for each in options.items() for word in each]
    server = popen([*_TWISTD, "-n", "--pidfile=", "logsrv", *own, *token, *arguments.options])
    status = _serve(server, directory, ["--http", http, *token] if needs_token else [])
    if status not in _STOPPED:
        return status if status > 0 else 1
    name = arguments.called
    print(f"{name}: stopped. All lines are in {directory}/; the next {name} goes on from there.")
    return 0


def _make(directory: Path, mode: int) -> None:
    try:
        if not directory.is_dir():
            directory.mkdir()
            directory.chmod(mode)
    except OSError as error:
        place = shown(str(directory))
        raise ConfigurationError(f"--directory {place}: {error.strerror}") from None


def _page_port() -> int:
    """Return port 8080 or the next that is free, at worst any."""
    for port in (*range(_PAGE, _PAGE + 20), 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((_HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ConfigurationError("no port of 127.0.0.1 is free")


def _token_file(directory: Path) -> str:
    """Return the path of the token of the page; make it first if there is none."""
    file = directory / "token"
    if not file.exists() or not file.stat().st_size:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as opened:
            opened.write(secrets.token_urlsafe(24).encode() + b"\n")
    return str(file)


def _serve(server: subprocess.Popen[bytes], directory: Path, to_open: Sequence[str]) -> int:
    """Show what arrives until the server has ended, and return its status.

    to_open: the options of `logsrv open`, if the page has a token.
    """
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: server.terminate())
    opened = not to_open
    try:
        with Arrivals(directory / "current.log") as arrivals:
            while server.poll() is None:
                arrivals.show()
                # It has an address only for a server that listens.
                if not opened:
                    words = ["-m", "logsrv.cli.main", "open", *to_open]
                    opened = popen(words, stderr=subprocess.DEVNULL).wait() == 0
                with suppress(subprocess.TimeoutExpired):
                    server.wait(_LOOK_SECONDS)
            arrivals.show()
    finally:
        # Nobody sees a server whose lines cannot be shown, such as after `logsrv serve | head`.
        server.terminate()
        server.wait()
    return server.returncode


class Arrivals:
    """The lines that a store gets from now on, as they are in its active segment."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        with suppress(OSError):
            self._file = path.open("rb")
            self._file.seek(0, os.SEEK_END)

    def __enter__(self) -> Arrivals:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._file is not None:
            self._file.close()

    def show(self) -> None:
        """Print what came since the last call, also what is in a new segment."""
        if self._file is not None:
            self._print(self._file)
        if (new := self._new_file()) is not None:
            self.__exit__()
            self._file = new
            self._print(new)

    def _new_file(self) -> BinaryIO | None:
        """Open the active segment if it is another file than before."""
        try:
            now = self._path.stat()
            if self._file and os.path.samestat(os.fstat(self._file.fileno()), now):
                return None
            return self._path.open("rb")
        except OSError:
            return None

    @staticmethod
    def _print(file: BinaryIO) -> None:
        while data := file.read(1 << 16):
            sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
