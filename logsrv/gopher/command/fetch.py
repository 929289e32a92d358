"""`gopher URL`: one item, fetched and shown, or saved."""

from __future__ import annotations

import os
import re
import sys
from argparse import Namespace
from collections.abc import Sequence
from functools import partial
from typing import BinaryIO, TextIO

from logsrv.errors import ConfigurationError, UsageError
from logsrv.gopher.command.arguments import (
    SIZE,
    add_charset_option,
    add_connection_options,
    check_item_type,
    checked_fetchable,
    connection_options,
    make_parser,
    wrong_value_error,
)
from logsrv.gopher.command.show import Answer, Ask, TextOutput, show_json, show_menu, show_text
from logsrv.gopher.fetch import blocking
from logsrv.gopher.fetch.connection_options import ConnectionOptions
from logsrv.gopher.fetch.local import LocalAnswer, resolve_typed_address
from logsrv.gopher.wire.errors import GopherError, UnknownHost
from logsrv.gopher.wire.fileurl import ItemURL, url_of_item
from logsrv.gopher.wire.itemtypes import MENUS, AnswerKind, item_type, item_type_by_name
from logsrv.gopher.wire.menu import MenuItem, MenuParser
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.terminal import has_colours
from logsrv.kit.text.words import nearest_word

_NUMBER = r"[0-9]{1,6}"


DESCRIPTION = """\
Show a text or a menu of a Gopher server, save anything else.

Examples:

  gopher example.org                     a menu
  gopher example.org 7                   the link with the number 7 in it
  gopher example.org /about.txt          what has this selector
  gopher texts/                          a directory of this machine, or a file
  gopher gopher://example.org/7/find red search for “red”
  gopher browse [URL]                    a full-screen browser
  gopher mirror URL DIRECTORY            copy a server
  gopher serve DIRECTORY                 serve a copy, or files of your own
  gopher follow URL                      follow a menu, such as a phlog
  gopher new                             what is new in the menus you follow

Each of these commands has its own --help.
"""
_COMMANDS = ("browse", "mirror", "follow", "unfollow", "new", "serve")


def _item_type_letter(text: str) -> str:
    if len(text) == 1 and " " < text <= "\xff" and text != "\x7f":
        return text
    raise wrong_value_error(text, "an item type: one letter, as in menus (0 text, 1 menu …)")


def parser_of(command: str = "") -> Parser:
    """Return the parser of `gopher URL`, which has no `command`."""
    made = make_parser("gopher", DESCRIPTION)
    add = made.add_argument
    add("url", metavar="URL", help="gopher://… or gophers://… (TLS), or just a host; or a path")
    add(
        "words",
        metavar="WORDS",
        nargs="*",
        default=[],
        help="a selector, a link by its number, or what to search for",
    )
    add = made.add_argument_group("what comes out").add_argument
    add("--links", action="store_true", help="show the URL of each item of a menu")
    add("--json", action="store_true", help="one JSON object; of a binary its size and SHA-256")
    add("--raw", action="store_true", help="the bytes as they came")
    add("--output", "-o", metavar="FILE", help="save as FILE; - is standard output")
    add("--force", action="store_true", help="replace FILE; write binaries to a terminal")
    add("--color", choices=("auto", "always", "never"), default="auto", help="default: auto")
    add_charset_option(add)
    add = made.add_argument_group("what is asked for").add_argument
    add("--type", metavar="T", type=_item_type_letter, help="the item type, if the URL's is wrong")
    add("--plus", action="store_true", help="ask with Gopher+, where the length is known")
    add("--max-size", metavar="SIZE", type=SIZE, help="take no larger answer")
    add_connection_options(made)
    return made


def parsed_options(words: Sequence[str]) -> Namespace:
    """Parse the words of `gopher URL [WORDS]`.

    Raises UsageError, also for options that exclude each other; ConfigurationError for a wrong character
    set; HelpRequest.
    """
    options = parser_of().parse_args(words)
    if options.json and options.raw:
        raise UsageError("--json and --raw are two forms of output; choose one")
    if options.json and options.output not in (None, "-"):
        raise UsageError("--json goes to standard output, --output FILE saves; choose one")
    return options


def run(words: Sequence[str], stdout: BinaryIO, stderr: TextIO) -> int:
    """Fetch and show or save the item that `words` name; return the exit status.

    Raises HelpRequest, LogsrvError, OSError.
    """
    options = parsed_options(words)
    connection = connection_options(options)
    try:
        url, is_certain = resolve_requested_url(options, connection)
        ask: Ask = partial(open_answer, url, connection, options.max_size)
        if not is_certain:
            answer = ask()
            if isinstance(answer, blocking.GopherFile) and not answer.begins_with_menu():
                url = url.replace(item_type="0")
            ask = lambda: answer  # noqa: E731
        _show_or_save(url, ask, options, stdout, stderr)
    except UnknownHost as error:
        typed = resolve_typed_address(options.url)
        if "://" in options.url or not isinstance(typed, GopherURL) or error.host != typed.host:
            raise
        raise UnknownHost(error.host, error.hint + _host_hint(options.url)) from error
    return 0


def resolve_requested_url(
    options: Namespace, connection: ConnectionOptions
) -> tuple[ItemURL, bool]:
    """Return the URL to fetch, and whether its item type is certain.

    It is the given one, changed by a selector, link numbers, search words and options. Raises GopherError,
    UsageError, ConfigurationError.
    """
    url, words, is_certain = resolve_typed_address(options.url), options.words, True
    if options.type is None:
        check_item_type(url, options.url, f"; if it is the type, add --type {url.item_type}")
    if isinstance(url, GopherURL) and not url.selector and words and words[0][:1] == "/":
        letter = item_type_by_name(os.fsencode(words[0]))
        url, words = url.beside(letter or url.item_type, os.fsencode(words[0])), words[1:]
        is_certain = bool(letter or words or options.type)
    if options.type is not None:
        url = url.replace(item_type=options.type)
    url, words = _follow_link_numbers(url, words, connection)
    if isinstance(url, GopherURL):
        if words:
            url = url.searching(" ".join(words))
        if options.plus:
            url = url.replace(plus=url.plus or b"+")
    elif words or url.item_type == "7":
        raise ConfigurationError("only a server can search, and this is a local path")
    return checked_fetchable(url), is_certain


def _follow_link_numbers(
    url: ItemURL, words: list[str], connection: ConnectionOptions
) -> tuple[ItemURL, list[str]]:
    """Follow the numbers at the beginning of `words`, menu by menu; return the URL and the other words.

    `gopher URL 7` is link 7 of the menu at URL, by the numbers that `gopher URL` shows.
    """
    start = url
    while words and url.item_type == "1" and url.search is None and re.fullmatch(_NUMBER, words[0]):
        url, words = _fetch_numbered_link(url, int(words[0]), connection), words[1:]
    if words and url is not start and url.item_type not in MENUS:
        raise ConfigurationError(
            f"{url} is no menu and no search: it takes no words ({one_line(' '.join(words), 500)})"
        )
    return url, words


def _fetch_numbered_link(menu: ItemURL, number: int, connection: ConnectionOptions) -> ItemURL:
    links = _fetch_links(menu, number, connection)
    if not 1 <= number <= len(links):
        raise ConfigurationError(
            f"{menu} has no link {number}; it has {len(links)}, and the first is number 1"
        )
    item = links[number - 1]
    if (url := url_of_item(item, menu)) is not None:
        return url
    if (link := item.link()) is not None:
        raise ConfigurationError(
            f"link {number} leads out of Gopher: {one_line(link, 500)} (open it with its own program)"
        )
    raise ConfigurationError(f"link {number} cannot be followed: its host or its port is not valid")


def _fetch_links(menu: ItemURL, enough: int, connection: ConnectionOptions) -> list[MenuItem]:
    """Return the links of a menu; reading stops after `enough` of them."""
    parser = MenuParser()
    links: list[MenuItem] = []
    with open_answer(menu, connection) as answer:
        for piece in answer.pieces():
            links += [item for item in parser.feed(piece) if item.is_link]
            if parser.terminated or len(links) >= enough:
                return links
    return links + [item for item in parser.finish() if item.is_link]


def answer_kind_of(url: ItemURL) -> AnswerKind:
    """Return the kind of answer to expect for `url`, which `resolve_requested_url` returned."""
    transfer = item_type(url.item_type).transfer
    assert transfer is not None, "requested_url lets nothing else through"
    return transfer


def open_answer(
    url: ItemURL, connection: ConnectionOptions, most_bytes: int | None = None
) -> Answer:
    """Open the answer to `url`, as sent by the server, or the local file or directory.

    most_bytes: replaces the default limit of its kind. Raises GopherError (NeedsTLS for a server that
    sends nothing and speaks TLS), ConfigurationError.
    """
    kind = answer_kind_of(url)
    limits = connection.limits
    if most_bytes is not None:
        limits = limits.replace(menu=most_bytes, text=most_bytes, download=most_bytes)
    if not isinstance(url, GopherURL):
        return LocalAnswer(url, limits.most_bytes(kind))
    options = connection.replace(limits=limits)
    try:
        answer = blocking.open_answer(
            url, options, None if kind == "binary" else kind, as_sent=True
        )
        if answer.is_empty:
            blocking.raise_if_needs_tls(url, options)
    except GopherError as error:
        if blocking.sent_nothing(error):
            blocking.raise_if_needs_tls(url, options)
        raise
    return answer


def _show_or_save(
    url: ItemURL, ask: Ask, options: Namespace, stdout: BinaryIO, stderr: TextIO
) -> None:
    """Show or save the answer: in the form that the options name, else by its kind."""
    kind = answer_kind_of(url)
    terminal = stdout.isatty()
    to_stdout = options.output == "-" or options.json or options.raw
    nowhere = options.output is None and not to_stdout
    if kind == "binary" and nowhere and not isinstance(url, GopherURL):
        raise ConfigurationError(
            f"{one_line(os.fsdecode(url.path), 4096)} is neither a text nor a menu; --output FILE copies it"
        )
    if options.output not in (None, "-") or (kind == "binary" and not to_stdout):
        from logsrv.gopher.command.save import (  # 1 ms, which a page has no use for
            path_to_save,
            save_answer,
        )

        path = path_to_save(url, options.output, force=options.force)
        save_answer(ask, path, stderr, is_text=kind == "text", force=options.force)
        return
    if options.json:
        show_json(ask, url, kind, stdout, options.charset)
        return
    fits = options.force or not terminal
    if kind == "binary" and not fits:
        raise ConfigurationError(
            "this is a binary, and standard output is a terminal; --output FILE saves it, "
            "--force writes it all the same"
        )
    # Not `sys.stdout`: under twistd that is the log.
    encoding = sys.__stdout__.encoding if sys.__stdout__ is not None else "utf-8"
    colours = options.color == "always" or (options.color == "auto" and has_colours(stdout))
    screen = TextOutput(stdout, encoding, colours, terminal, options.charset)
    with ask() as answer:
        if isinstance(answer, blocking.GopherFile) and answer.is_empty:
            stderr.write(
                "the server closed the connection without an answer, or the item is empty\n"
            )
        if kind == "binary" or (options.raw and fits):
            for piece in answer.pieces():
                stdout.write(piece)
        elif kind == "text" or options.raw:
            show_text(answer.pieces(), screen, stuffed=not (options.raw or answer.has_header))
        else:
            show_menu(answer.pieces(), screen, url, links=options.links)


def _host_hint(word: str) -> str:
    """Return the hint for a word that is no host: nor is it a file, and it may be a mistyped command."""
    near = nearest_word(word, _COMMANDS) if word.isalpha() else None
    question = f" (did you mean gopher {near}?)" if near else ""
    return f"; nor is there a file {one_line(word, 500)} here{question}"
