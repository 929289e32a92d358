"""`gopher URL`: one item, fetched and shown, or saved."""

from __future__ import annotations

import math
import os
import sys
import time

from logsrv.errors import ConfigurationError
from logsrv.gopher.command.answer import opened
from logsrv.gopher.command.arguments import (
    asked_url,
    checked_options,
    connection_options,
    fetch_options,
)
from logsrv.gopher.command.show import MenuView, RawView, Screen, TextView, View
from logsrv.gopher.fetch.settings import ConnectionOptions, Limits, Timeouts
from logsrv.gopher.wire.errors import UnknownHost
from logsrv.gopher.wire.itemtypes import item_type
from logsrv.gopher.wire.url import GopherURL, typed_url
from logsrv.kit.text.escape import one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence
    from typing import BinaryIO, TextIO

    from logsrv.gopher.local.fileurl import ItemURL
    from logsrv.gopher.wire.itemtypes import Transfer

_COMMANDS = ("browse", "mirror", "follow", "unfollow", "new", "serve")


def run_fetch(words: Sequence[str], stdout: BinaryIO, stderr: TextIO) -> int:
    """Do what `words` say and return the exit status. Raises Shown, LogsrvError, OSError."""
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


def _meant(word: str) -> str:
    """Return what else `word` is not, in the place of a URL, and which command it may have been."""
    from logsrv.kit.text.words import nearest

    near = nearest(word, _COMMANDS) if word.isalpha() else None
    question = f" (did you mean gopher {near}?)" if near else ""
    return f"; nor is there a file {one_line(word, 500)} here{question}"


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
