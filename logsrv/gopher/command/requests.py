"""The request of `gopher URL [WORDS]`: the URL from its words and options, and the answer."""

from __future__ import annotations

import math
import re
from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from logsrv.errors import ConfigurationError
from logsrv.gopher.command.arguments import checked_fetchable
from logsrv.gopher.fetch.blocking import GopherFile, urlopen
from logsrv.gopher.fetch.connection_options import ConnectionOptions, Limits, Timeouts
from logsrv.gopher.fetch.local import LocalAnswer, resolve_typed_address
from logsrv.gopher.wire.fileurl import ItemURL, url_of_item
from logsrv.gopher.wire.itemtypes import MENUS, AnswerKind, item_type
from logsrv.gopher.wire.menu import MenuItem, MenuParser
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.text.escape import one_line

if TYPE_CHECKING:
    from logsrv.gopher.fetch.local import LocalAnswer

Answer: TypeAlias = "GopherFile | LocalAnswer"
Ask = Callable[[], Answer]

_NUMBER = r"[0-9]{1,6}"


def resolve_requested_url(options: Namespace, connection: ConnectionOptions) -> ItemURL:
    """Return the URL to fetch: the given one, changed by link numbers, search words and options.

    Raises GopherError, UsageError, ConfigurationError.
    """
    url = resolve_typed_address(options.url)
    if options.type is not None:
        url = url.replace(item_type=options.type)
    url, words = _follow_link_numbers(url, options.words, connection)
    if isinstance(url, GopherURL):
        if words:
            url = url.searching(" ".join(words))
        if options.plus:
            url = url.replace(plus=url.plus or b"+")
    elif words or url.item_type == "7":
        raise ConfigurationError("only a server can search, and this is a local path")
    return checked_fetchable(url)


def answer_kind_of(url: ItemURL) -> AnswerKind:
    """Return the kind of answer to expect for `url`, which `resolve_requested_url` returned."""
    if isinstance(url, GopherURL) and url.plus is not None and url.plus[:1] in (b"!", b"$"):
        return "text"
    transfer = item_type(url.item_type).transfer
    assert transfer is not None, "requested_url lets nothing else through"
    return transfer


def open_answer(
    url: ItemURL, connection: ConnectionOptions, most_bytes: int | None = None
) -> Answer:
    """Open the answer to `url`, as sent by the server, or the local file or directory.

    most_bytes: replaces the default limit of its kind. Raises GopherError, ConfigurationError.
    """
    kind, limits = answer_kind_of(url), Limits()
    most = {"menu": limits.menu, "text": limits.text, "binary": limits.download}
    most_bytes = most_bytes or most[kind]
    if not isinstance(url, GopherURL):
        return LocalAnswer(url, most_bytes)
    return urlopen(
        url,
        connection.timeouts.between,
        trust=connection.trust,
        most_bytes=most_bytes,
        most_seconds=math.inf if kind == "binary" else Timeouts().whole,
        proxy=connection.proxy,
        as_sent=True,
    )


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
