"""`gopher URL 7`: the link with the number 7 in the menu at URL, as `gopher URL` shows it."""

from __future__ import annotations

from logsrv.errors import ConfigurationError
from logsrv.gopher.command.answer import opened
from logsrv.gopher.fetch.settings import ConnectionOptions, Limits, Timeouts
from logsrv.gopher.local.fileurl import ItemURL, url_of
from logsrv.gopher.wire.itemtypes import MENUS
from logsrv.gopher.wire.menu import MenuItem, MenuParser
from logsrv.kit.text.escape import one_line

_LONGEST_NUMBER = 6


def followed(
    url: ItemURL, words: list[str], connection: ConnectionOptions
) -> tuple[ItemURL, list[str]]:
    """Return where the numbers at the beginning of `words` lead, one menu after the other, and the words
    behind them. Raises GopherError; ConfigurationError if there is no such link, or no use for the words.
    """
    start = url
    while words and url.item_type == "1" and url.search is None and _is_number(words[0]):
        url, words = _link(url, int(words[0]), connection), words[1:]
    if words and url is not start and url.item_type not in MENUS:
        raise ConfigurationError(
            f"{url} is no menu and no search: there is no use for {one_line(' '.join(words), 500)}"
        )
    return url, words


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) <= _LONGEST_NUMBER


def _link(menu: ItemURL, number: int, connection: ConnectionOptions) -> ItemURL:
    links = _links(menu, number, connection)
    if not 1 <= number <= len(links):
        raise ConfigurationError(
            f"{menu} has no link {number}; it has {len(links)}, and the first is number 1"
        )
    item = links[number - 1]
    if (url := url_of(item, menu)) is not None:
        return url
    if (link := item.link()) is not None:
        raise ConfigurationError(
            f"link {number} leads out of Gopher: {one_line(link, 500)} (open it with its own program)"
        )
    raise ConfigurationError(f"link {number} cannot be followed: its host or its port is none")


def _links(menu: ItemURL, enough: int, connection: ConnectionOptions) -> list[MenuItem]:
    """The links of a menu; no more of it is read than `enough` of them."""
    parser = MenuParser()
    links: list[MenuItem] = []
    with opened(menu, connection, Limits().menu, Timeouts().whole) as answer:
        for piece in answer.pieces():
            links += [item for item in parser.feed(piece) if item.is_link]
            if parser.terminated or len(links) >= enough:
                return links
    return links + [item for item in parser.finish() if item.is_link]
