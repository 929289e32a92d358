"""News as an Atom feed (RFC 4287) and as JSON. No I/O.

`gopher new --json` is one object in a line of ASCII:

    {"menus": [{"url", "title", "looked": TIME | null, "failed": SENTENCE | null, "new": N}],
     "items": [{"url", "id", "title", "type", "date": "2026-11-20" | null, "seen": TIME, "new": bool,
                "menu": the "url" of the menu it was found in}]}

TIME is RFC 3339 in UTC. type: the item type, null for a link out of Gopher.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence

from logsrv.gopher.follow.entries import address_of_entry
from logsrv.gopher.follow.following import FollowedMenu
from logsrv.gopher.follow.news import NewsItem
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.text.time import rfc3339

Found = Sequence[tuple[NewsItem, FollowedMenu]]
# XML 1.0 cannot express these; titles have other control characters escaped already.
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TITLE = "New in Gopher"


def news_as_json(followed: Sequence[FollowedMenu], found: Found) -> str:
    """Return the object described above as a line of JSON."""
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


def news_as_atom(id: str, followed: Sequence[FollowedMenu], found: Found) -> str:
    """Return an Atom feed; the same entries make the same feed.

    id: a permanent IRI; for a feed of one menu, the URL of the menu. In the feed, `updated` is the time at
    which an entry was first seen, `published` the date in its title or address.
    """
    changed = max((item.seen for item, _ in found), default=0)
    title = next((each.title for each in followed if str(each.url) == id), _TITLE)
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
