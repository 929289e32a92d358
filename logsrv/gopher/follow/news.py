"""News: the entries of a menu that are new since it was last fetched. No I/O.

    first fetch     all entries become known and read; the latest few are kept as items
    later fetches   entries with an unknown key are new until they are read

A known entry is remembered by its key. An entry that is missing for a while (the menu was empty, or
incomplete) stays known; beyond `MOST_KNOWN` keys, those missing for longest are forgotten.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from logsrv.gopher.follow.entries import (
    LONGEST_TITLE,
    Entry,
    address_of_entry,
    date_in,
    entry_key,
    id_without_tls,
    is_entry_id,
    utc_day,
)
from logsrv.kit.text.escape import one_line

# Keys of a menu that are remembered. Twice the most items of a menu (`following.LIMITS`), so that as many
# entries that are missing now stay known.
MOST_KNOWN = 40_000
# At most this many new items and read items of each menu are kept with their titles; other new
# entries are only counted (`left_out`).
MOST_NEW = 500
MOST_READ = 100
SHOWN_AT_FIRST = 5
_KEY = re.compile(r"[0-9a-f]{16}")


class NewsItem(NamedTuple):
    """An entry that was new when the menu was fetched, or one of the latest of the first fetch.

    day: an ISO date, by which items are sorted: that in the title or address, else the day when it was
    first seen. dated: true for a date in the title or address. seen: when it was first seen, in seconds
    since 1970.
    """

    id: str
    title: str
    day: str
    dated: bool
    seen: int
    read: bool


class News(NamedTuple):
    """The known entries of a menu, and the items that are or were new.

    looked, tried: times of the last successful request and of the last one, in seconds since 1970; 0 for
    never. failed: why the last request failed, safe to show; "" if it did not. keys: of all known entries.
    items: the newest first. left_out: number of new entries that are not in `items`.
    """

    looked: int = 0
    tried: int = 0
    failed: str = ""
    keys: tuple[str, ...] = ()
    items: tuple[NewsItem, ...] = ()
    left_out: int = 0

    @property
    def new(self) -> int:
        """Return the number of new entries."""
        return sum(not item.read for item in self.items) + self.left_out

    def after_fetch(self, entries: Sequence[Entry], now: int) -> News:
        """Return the news after the menu was fetched and had these entries."""
        keys = [entry_key(entry.id) for entry in entries]
        known = frozenset(self.keys)
        first = not self.looked
        fresh = [
            _make_item(entry, now, read=first)
            for entry, key in zip(entries, keys, strict=True)
            if key not in known
        ]
        if first:
            # If a phlog has dated entries, the others are links to other places.
            fresh = _newest_first([item for item in fresh if item.dated] or fresh)[:SHOWN_AT_FIRST]
        titles = {entry.id: entry.title for entry in entries}
        items = [item._replace(title=titles.get(item.id, item.title)) for item in self.items]
        here = frozenset(keys)
        gone = [key for key in self.keys if key not in here]
        kept, left_out = _limit_items(_newest_first([*fresh, *items]))
        return News(
            now, now, "", tuple([*keys, *gone][:MOST_KNOWN]), kept, self.left_out + left_out
        )

    def after_failure(self, sentence: str, now: int) -> News:
        """Return the news after the menu could not be fetched, with the reason in `sentence`."""
        return self._replace(failed=sentence, tried=now)

    def with_entries_marked(self, ids: Iterable[str] | None = None, *, read: bool = True) -> News:
        """Return the news with these entries, or all, marked as read or as new.

        When all `items` are read, the entries without room there (`left_out`) no longer count as new.
        """
        marked = frozenset(
            map(id_without_tls, [item.id for item in self.items] if ids is None else ids)
        )
        items = [
            item._replace(read=read) if id_without_tls(item.id) in marked else item
            for item in self.items
        ]
        left_out = self.left_out if not all(item.read for item in items) else 0
        return self._replace(items=tuple(items), left_out=left_out)

    def as_json(self) -> bytes:
        """Return the news as a line of JSON."""
        return json.dumps(self._asdict(), separators=(",", ":")).encode("ascii") + b"\n"

    @classmethod
    def from_json(cls, line: bytes) -> News:
        """Return the news that `as_json` wrote, without damaged items; empty news for any other damage."""
        try:
            whole = json.loads(line)
            keys = tuple(key for key in whole["keys"] if _KEY.fullmatch(key))
            items = tuple(item for each in whole["items"] if (item := _parse_item(each)))
            numbers = [int(whole[name]) for name in ("looked", "tried", "left_out")]
            looked, tried, left_out = (max(0, number) for number in numbers)
            failed = one_line(str(whole["failed"]))
        except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
            return cls()
        return cls(looked, tried, failed, keys, items, left_out)


def _newest_first(items: Iterable[NewsItem]) -> list[NewsItem]:
    """Return the items, the newest first; items of the same day and fetch keep their order."""
    return sorted(items, key=lambda item: (item.day, item.seen), reverse=True)


def _make_item(entry: Entry, now: int, *, read: bool) -> NewsItem:
    today = utc_day(now)
    found = date_in(entry.title, today) or date_in(address_of_entry(entry.id), today)
    return NewsItem(entry.id, entry.title, (found or today).isoformat(), bool(found), now, read)


def _limit_items(items: Iterable[NewsItem]) -> tuple[tuple[NewsItem, ...], int]:
    """Return the items to keep, and the number of new ones that are not kept."""
    room = {False: MOST_NEW, True: MOST_READ}
    kept, left_out = [], 0
    for item in items:
        room[item.read] -= 1
        if room[item.read] >= 0:
            kept.append(item)
        elif not item.read:
            left_out += 1
    return tuple(kept), left_out


def _parse_item(values: object) -> NewsItem | None:
    match values:
        case [str(id), str(title), str(day), bool(dated), int(seen), bool(read)]:
            try:
                day = date.fromisoformat(day).isoformat()
                utc_day(seen)
            except (ValueError, OverflowError, OSError):
                return None
            if is_entry_id(id):
                return NewsItem(id, one_line(title, LONGEST_TITLE), day, dated, seen, read)
    return None
