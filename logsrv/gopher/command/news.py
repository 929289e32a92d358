"""`gopher follow`, `gopher unfollow`, `gopher new`: followed menus and their news as lines, JSON, Atom."""

from __future__ import annotations

import asyncio
import html
import json
import os
import re
import time
from argparse import Namespace
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO, TextIO

from logsrv.errors import ConfigurationError, UsageError
from logsrv.gopher.command.arguments import (
    INCOMPLETE,
    add_charset_option,
    add_connection_options,
    check_item_type,
    connection_options,
    make_parser,
)
from logsrv.gopher.fetch.connection_options import PinnedConnections, data_directory
from logsrv.gopher.follow.bookmarks import title_from_url
from logsrv.gopher.follow.entries import address_of_entry, without_date
from logsrv.gopher.follow.following import (
    FollowedMenu,
    FollowedStore,
    OptionsFor,
    can_follow,
    fetch_and_store_news,
    fetch_entries,
    items_of_all_menus,
)
from logsrv.gopher.follow.news import NewsItem
from logsrv.gopher.wire.errors import UnknownHost
from logsrv.gopher.wire.itemtypes import item_type
from logsrv.gopher.wire.url import GopherURL, parse_typed_url
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.text.escape import one_line, printable
from logsrv.kit.text.time import rfc3339
from logsrv.kit.text.words import counted

Found = Sequence[tuple[NewsItem, FollowedMenu]]


ABOUT = {
    "follow": """\
Follow a menu or a text, such as a phlog: what it has now counts as read. Without URL,
show what is followed: URL and TITLE on each line.

Example:

  gopher follow gopher://example.org/1/phlog A phlog
""",
    "unfollow": """\
Follow a menu no longer, and forget what was known of it.

Example:

  gopher unfollow gopher://example.org/1/phlog
""",
    "new": """\
Look at the menus that are followed, and show what is new in them, the newest first. It
stays new until it is opened in gopher browse, marked there, or shown with --read.

Example:

  gopher new --read
""",
}


def parser_of(command: str) -> Parser:
    """Return the parser of one of the commands."""
    made = make_parser(f"gopher {command}", ABOUT[command])
    add = made.add_argument
    if command == "unfollow":
        add("url", metavar="URL", help="the menu, as gopher follow lists it")
        return made
    if command == "follow":
        add("url", metavar="URL", nargs="?", help="a menu, a text, or a search with its words")
        add("title", metavar="TITLE", nargs="*", default=[], help="what to call it")
    else:
        add("urls", metavar="URL", nargs="*", default=[], help="only in these; default: all")
    add = made.add_argument_group("what comes out").add_argument
    if command == "new":
        add("--json", action="store_true", help="one JSON object")
        add("--atom", action="store_true", help="an Atom feed of all that is kept, read or not")
        add("--all", action="store_true", help="what is read already, too")
        add("--read", action="store_true", help="mark as read what is shown")
        add("--offline", action="store_true", help="show what is known, ask nobody")
    add_charset_option(add)
    add_connection_options(made)
    return made


def run(words: Sequence[str], stdout: BinaryIO, stderr: TextIO) -> int:
    """Run the command, return the exit status. Raises HelpRequest, LogsrvError."""
    command = words[0]
    options = parser_of(command).parse_args(words[1:])
    following = FollowedStore(Path(data_directory(os.environ)))
    if command == "unfollow":
        return _unfollow(options, following)
    connections = PinnedConnections(os.environ, connection_options(options))
    options_for = partial(connections.options_for, accept_cut=True)
    if command == "new":
        return _print_news(options, following, options_for, stdout, stderr)
    if options.url is None:
        for each in following.all():
            stdout.write(f"{each.url} {each.title}\n".encode())
        return 0
    return _follow(options, following, options_for, stdout, stderr)


def _follow(
    options: Namespace,
    following: FollowedStore,
    options_for: OptionsFor,
    stdout: BinaryIO,
    stderr: TextIO,
) -> int:
    url = parse_typed_url(options.url)
    check_item_type(url, options.url)
    if not can_follow(url):
        raise ConfigurationError(f"only menus and texts can be followed, and {url} is neither")
    if any(each.url == url for each in following.all()):
        raise ConfigurationError(f"{url} is followed already")
    now = int(time.time())
    try:
        entries = asyncio.run(fetch_entries(url, options_for(url), now, options.charset))
    except UnknownHost as error:
        if not os.path.exists(options.url):
            raise
        raise ConfigurationError(
            f"{one_line(options.url, 500)} is on this machine; only items of servers can be followed"
        ) from error
    title = " ".join(options.title) or title_from_url(url)
    following.follow(url, title, entries, now)
    if stdout.isatty():
        number = counted(len(entries), "item")
        stderr.write(
            printable(f"gopher: {title} is followed; what it has now, {number}, counts as read\n")
        )
    return 0


def _unfollow(options: Namespace, following: FollowedStore) -> int:
    url = parse_typed_url(options.url)
    if not following.unfollow(url):
        raise ConfigurationError(f"{url} is not followed; gopher follow lists the followed menus")
    return 0


def _print_news(
    options: Namespace,
    following: FollowedStore,
    options_for: OptionsFor,
    stdout: BinaryIO,
    stderr: TextIO,
) -> int:
    if options.json and options.atom:
        raise UsageError("--json and --atom are two forms of output; choose one")
    if options.atom and options.all:
        raise UsageError("--atom always includes read items; leave out --all")
    followed, problems = _chosen_menus(following, options.urls), []
    if not options.offline:
        problems = asyncio.run(
            fetch_and_store_news(followed, following, options_for, time.time, options.charset)
        )
        followed = _chosen_menus(following, options.urls)
    found: Found = items_of_all_menus(followed)
    if not (options.atom or options.all):
        found = [(item, each) for item, each in found if not item.read]
    if options.atom:
        # Sort again, because the order of a feed must not depend on which entries the user has read.
        found = sorted(found, key=lambda pair: (pair[0].day, pair[0].seen), reverse=True)
        id = str(followed[0].url) if len(options.urls) == 1 else following.get_or_make_feed_id()
        shown = news_as_atom(id, followed, found)
    else:
        shown = news_as_json(followed, found) if options.json else _news_text(followed, found)
    stdout.write(shown.encode())
    stdout.flush()
    if not shown and stdout.isatty():
        stderr.write("gopher: nothing is new\n")
    for each, problem in problems:
        stderr.write(printable(f"gopher: {each.title}: {problem}\n"))
    if options.read:
        following.mark_entries([item.id for item, _ in found])
    return INCOMPLETE if problems else 0


def _chosen_menus(following: FollowedStore, addresses: Sequence[str]) -> list[FollowedMenu]:
    followed = following.all()
    if not followed:
        raise ConfigurationError("no menu is followed yet: gopher follow URL follows one")
    if not addresses:
        return followed
    known = {each.url: each for each in followed}
    urls: list[GopherURL] = [parse_typed_url(address) for address in addresses]
    for url in urls:
        if url not in known:
            raise ConfigurationError(
                f"{url} is not followed; gopher follow lists the followed menus"
            )
    return [known[url] for url in dict.fromkeys(urls)]


def _news_text(followed: list[FollowedMenu], found: Found) -> str:
    """Return a line `DAY TAG TITLE <URL>` for each entry, and one for each menu with more new entries."""
    lines = []
    for item, _ in found:
        letter = item_type_of(item)
        tag = "link" if letter is None else item_type(letter).tag
        title = without_date(item.title) if item.dated else item.title
        lines.append(
            f"{item.day} {tag:<4} {title}  <{one_line(address_of_entry(item.id), 4096)}>\n"
        )
    for each in followed:
        if each.news.left_out:
            lines.append(f"and {each.news.left_out} more in {each.title}  <{each.url}>\n")
    return "".join(lines)


def news_as_json(followed: Sequence[FollowedMenu], found: Found) -> str:
    """Return a line of ASCII, an object:

    {"menus": [{"url", "title", "looked": TIME | null, "failed": SENTENCE | null, "new": N}],
     "items": [{"url", "id", "title", "type", "date": "2026-11-20" | null, "seen": TIME, "new": bool,
                "menu": the "url" of the menu it was found in}]}

    TIME is RFC 3339 in UTC. type: the item type, null for a link out of Gopher.
    """
    menus = [
        {
            "url": str(each.url),
            "title": each.title,
            "looked": rfc3339(each.news.looked) if each.news.looked else None,
            "failed": each.news.failed or None,
            "new": each.news.new,
        }
        for each in followed
    ]
    items = [
        {
            "url": address_of_entry(item.id),
            "id": item.id,
            "title": item.title,
            "type": item_type_of(item),
            "date": item.day if item.dated else None,
            "seen": rfc3339(item.seen),
            "new": not item.read,
            "menu": str(each.url),
        }
        for item, each in found
    ]
    return json.dumps({"menus": menus, "items": items}) + "\n"


def item_type_of(item: NewsItem) -> str | None:
    """Return the item type of an entry; None if it leads out of Gopher."""
    address = address_of_entry(item.id)
    return GopherURL.parse(address).item_type if address.startswith("gopher") else None


# XML 1.0 cannot express these; titles have other control characters escaped already.
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FEED_TITLE = "New in Gopher"


def news_as_atom(id: str, followed: Sequence[FollowedMenu], found: Found) -> str:
    """Return an Atom feed (RFC 4287); the same entries make the same feed.

    id: a permanent IRI; for a feed of one menu, the URL of the menu. In the feed, `updated` is the time at
    which an entry was first seen, `published` the date in its title or address.
    """
    changed = max((item.seen for item, _ in found), default=0)
    title = next((each.title for each in followed if str(each.url) == id), _FEED_TITLE)
    entries = "".join(_atom_entry(item, each) for item, each in found)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<feed xmlns="http://www.w3.org/2005/Atom">\n'
        f"  <id>{_xml(id)}</id>\n  <title>{_xml(title)}</title>\n"
        f"  <updated>{rfc3339(changed)}</updated>\n"
        "  <generator>logsrv</generator>\n"
        f"{entries}</feed>\n"
    )


def _atom_entry(item: NewsItem, menu: FollowedMenu) -> str:
    published = f"    <published>{item.day}T00:00:00Z</published>\n" if item.dated else ""
    return (
        f"  <entry>\n    <id>{_xml(item.id)}</id>\n    <title>{_xml(item.title)}</title>\n"
        f"    <updated>{rfc3339(item.seen)}</updated>\n{published}"
        f"    <author><name>{_xml(menu.title)}</name><uri>{_xml(str(menu.url))}</uri></author>\n"
        f'    <link rel="alternate" href="{_xml(address_of_entry(item.id))}"/>\n  </entry>\n'
    )


def _xml(text: str) -> str:
    return html.escape(_NOT_IN_XML.sub("\ufffd", text), quote=False).replace('"', "&quot;")
