"""`gopher URL`, `gopher browse`, `gopher mirror` and their like: the console script.

Fetching and showing one thing needs no reactor, so it does without Twisted: from start to finished
menu takes a few times as long as starting Python.
"""

from __future__ import annotations

import gc
import math
import os
import sys
import time

from logsrv.errors import ConfigurationError, LogsrvError, Shown, UsageError
from logsrv.gopher.command.answer import opened
from logsrv.gopher.command.arguments import (
    asked_url,
    browse_parser,
    checked_charset_option,
    checked_options,
    connection_options,
    fetch_options,
)
from logsrv.gopher.command.show import MenuView, RawView, Screen, TextView, View
from logsrv.gopher.fetch.settings import ConnectionOptions, Limits, Timeouts
from logsrv.gopher.wire.errors import GopherError, UnknownHost
from logsrv.gopher.wire.itemtypes import item_type
from logsrv.gopher.wire.url import GopherURL, typed_url
from logsrv.kit.text.escape import one_line, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from argparse import Namespace
    from collections.abc import Sequence
    from typing import BinaryIO, NoReturn, TextIO

    from logsrv.gopher.local.fileurl import ItemURL
    from logsrv.gopher.wire.itemtypes import Transfer
else:
    # The same without enums for its numbers: where nothing else needs `enum`, that takes 6 ms to load.
    import _signal as signal

_COMMANDS = ("browse", "mirror", "follow", "unfollow", "new", "serve")
FAILED = 1
USAGE = 2
INTERRUPTED = 130
TERMINATED = 143
PIPE_CLOSED = 141


class _Terminated(BaseException):
    """SIGTERM has come."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The console script: run the arguments, those of the command line if left out; the exit status."""
    signal.signal(signal.SIGTERM, _terminate)
    # A shell's >&- leaves no stream.
    with open(os.devnull, "wb") as nowhere, open(os.devnull, "w") as unsaid:
        stdout = nowhere if sys.stdout is None else sys.stdout.buffer
        stderr = unsaid if sys.stderr is None else sys.stderr
        status = _main(sys.argv[1:] if arguments is None else arguments, stdout, stderr)
    # Python would look for cycles in everything once more: 2 ms.
    gc.freeze()
    return status


def _main(arguments: Sequence[str], stdout: BinaryIO, stderr: TextIO) -> int:
    try:
        status = run(arguments, stdout, stderr)
    except KeyboardInterrupt:
        status = INTERRUPTED
    except _Terminated:
        status = TERMINATED
    try:
        stdout.flush()
    except OSError:
        # Python would try once more to write what is left, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())
    return status


def _terminate(*_: object) -> NoReturn:
    raise _Terminated


def run(arguments: Sequence[str], stdout: BinaryIO, stderr: TextIO) -> int:
    """Do what `arguments` say and return the exit status; sentences about errors go to `stderr`.

    It blocks until all is done, and may be called in any thread; only KeyboardInterrupt is raised.
    """
    try:
        status = _dispatch(list(arguments), stdout, stderr)
        stdout.flush()
        return status
    except Shown as wanted:
        stdout.write(wanted.text.encode())
        stdout.flush()
        return 0
    except BrokenPipeError:
        return PIPE_CLOSED
    except GopherError as error:
        return _tell(stderr, error, error.exit_status)
    except UsageError as error:
        return _tell(stderr, error, USAGE)
    except LogsrvError as error:
        return _tell(stderr, error, FAILED)
    except OSError as error:
        where = f"{one_line(str(error.filename), 4096)}: " if error.filename else ""
        return _tell(stderr, f"{where}{error.strerror or error}", FAILED)


def _tell(stderr: TextIO, sentence: object, status: int) -> int:
    stderr.write(printable(f"gopher: {sentence}\n"))
    stderr.flush()
    return status


def _meant(word: str) -> str:
    """Return what else `word` is not, in the place of a URL, and which command it may have been."""
    from logsrv.kit.text.words import nearest

    near = nearest(word, _COMMANDS) if word.isalpha() else None
    question = f" (did you mean gopher {near}?)" if near else ""
    return f"; nor is there a file {one_line(word, 500)} here{question}"


def _dispatch(words: list[str], stdout: BinaryIO, stderr: TextIO) -> int:
    if words[:1] == ["browse"]:
        return _browse(words[1:])
    if words[:1] == ["mirror"]:
        from logsrv.gopher.command.mirror import run_mirror

        return run_mirror(words[1:], stdout, stderr)
    if words[:1] in (["follow"], ["unfollow"], ["new"]):
        from logsrv.gopher.command.news import run_news

        return run_news(words[0], words[1:], stdout, stderr)
    if words[:1] == ["serve"]:
        from logsrv.gopher.command.serve import run_serve

        run_serve(words[1:])
    options = fetch_options(words)
    checked_options(options)
    connection = connection_options(options)
    try:
        url = asked_url(options, connection)
        return _fetch(url, options, connection, stdout, stderr)
    except UnknownHost as error:
        if "://" in options.url or error.host != typed_url(options.url).host:
            raise
        raise UnknownHost(error.host, error.hint + _meant(options.url)) from error


def _browse(words: list[str]) -> int:
    from logsrv.gopher.browse import run as browse

    options = browse_parser().parse_args(words)
    checked_charset_option(options)
    return browse(options.url, connection_options(options), options.charset)


def _fetch(
    url: ItemURL,
    options: Namespace,
    connection: ConnectionOptions,
    stdout: BinaryIO,
    stderr: TextIO,
) -> int:
    kind = _kind(url)
    view = _view(url, kind, options, stdout, stderr)
    try:
        limits = Limits()
        most = {"menu": limits.menu, "text": limits.text, "binary": limits.download}
        most_seconds = math.inf if kind == "binary" else Timeouts().whole
        with opened(url, connection, options.max_size or most[kind], most_seconds) as answer:
            view.length = answer.length
            view.stuffed = kind == "text" and not answer.has_header
            for piece in answer.pieces(view.into):
                view.feed(piece)
        view.finish()
    except BrokenPipeError:
        raise
    except BaseException as error:
        view.fail(error)
        stdout.flush()
        raise
    return 0


def _kind(url: ItemURL) -> Transfer:
    if isinstance(url, GopherURL) and url.plus is not None and url.plus[:1] in (b"!", b"$"):
        return "text"
    transfer = item_type(url.item_type).transfer
    assert transfer is not None, "asked_url lets nothing else through"
    return transfer


def _view(
    url: ItemURL, kind: Transfer, options: Namespace, stdout: BinaryIO, stderr: TextIO
) -> View:
    """Return the view that the answer goes to."""
    output: str | None = options.output
    terminal = stdout.isatty()
    to_stdout = output == "-" or options.json or options.raw
    if kind == "binary" and output is None and not (to_stdout or isinstance(url, GopherURL)):
        raise ConfigurationError(
            f"{one_line(os.fsdecode(url.path), 4096)} is neither a text nor a menu; --output FILE copies it"
        )
    if output not in (None, "-") or (kind == "binary" and not to_stdout):
        from logsrv.gopher.command.save import SaveView, target
        from logsrv.gopher.fetch.progress import Progress

        path = target(url, output, force=options.force)
        progress = Progress(stderr, time.monotonic)
        return SaveView(path, stderr, progress, force=options.force)
    if options.json:
        from logsrv.gopher.command.show_json import JsonView

        return JsonView(stdout, url, kind, options.charset)
    if kind == "binary" or (options.raw and (options.force or not terminal)):
        if terminal and not options.force:
            raise ConfigurationError(
                "this is a binary, and standard output is a terminal; --output FILE saves it, "
                "--force writes it all the same"
            )
        return RawView(stdout)
    # Under twistd, `sys.stdout` is its log.
    encoding = sys.__stdout__.encoding if sys.__stdout__ is not None else "utf-8"
    screen = Screen(stdout, encoding, _colours(options.color, terminal), terminal)
    if kind == "text" or options.raw:
        return TextView(screen, options.charset, raw=options.raw)
    return MenuView(screen, url, options.charset, links=options.links)


def _colours(wanted: str, terminal: bool) -> bool:
    if wanted == "auto":
        # https://no-color.org
        return terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return wanted == "always"


if __name__ == "__main__":
    sys.exit(main())
