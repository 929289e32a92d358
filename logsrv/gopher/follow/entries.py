"""Entries of a followed page: the items of a menu, or the dated lines and addresses of a text. No I/O.

Dates are read as people write them into phlogs. Ambiguous ones are ignored: `11/12/2026` is in November
or in December, depending on the country.

The id of an entry is the address it leads to, so it stays the same if the entry moves in the page, or, in a
menu, gets another title. The id of a dated line of a text is the address of the text, `#` and a digest of
the line. (No other address has a `#`: in a selector it is written %23.)
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import quote

from logsrv.gopher.wire.errors import BadURL
from logsrv.gopher.wire.itemtypes import item_type
from logsrv.gopher.wire.menu import MenuItem
from logsrv.gopher.wire.text import decode_text
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.text.escape import one_line

LONGEST_TITLE = 200
# Characters; a longer line with a date is no entry, but prose that mentions the date.
_LONGEST_HEADING = 120
_LONGEST_ID = 2000
_MARKS = " \t*=-_#~+|:•—–>"
# Schemes allowed in a feed; others (`javascript:`, `file:`) would act on the reader's machine.
_ELSEWHERE = ("http:", "https:", "ftp:", "gemini:")
_ADDRESS = re.compile(r"gophers?://[^\s<>\"]+", re.IGNORECASE)


class Entry(NamedTuple):
    """An entry of a followed menu or text. `title` is safe to show on one line."""

    id: str
    title: str


def id_without_tls(id: str) -> str:
    """Return the id with `gopher:` for `gophers:`: an entry is the same with and without TLS."""
    return f"gopher:{id[8:]}" if id.startswith("gophers:") else id


def entry_key(id: str) -> str:
    """Return the key of an entry: 16 hexadecimal digits of the SHA-256 of its id."""
    return sha256(id_without_tls(id).encode("utf-8", "backslashreplace")).hexdigest()[:16]


def address_of_entry(id: str) -> str:
    """Return the address an entry leads to: a Gopher URL, or the address of a link out of Gopher."""
    return id.partition("#")[0] if id.startswith(("gopher:", "gophers:")) else id


def is_entry_id(text: str) -> bool:
    """Return true if `text` can be the id of an entry."""
    if not text.startswith(("gopher:", "gophers:")):
        return text.isascii() and text.isprintable() and text.lower().startswith(_ELSEWHERE)
    return _canonical_address(address_of_entry(text)) == address_of_entry(text)


def menu_entries(menu: GopherURL, items: Iterable[MenuItem], charset: str | None) -> list[Entry]:
    """Return the items of a menu that can be opened, each once."""
    found: dict[str, Entry] = {}
    for item in items:
        if item_type(item.item_type).transfer is not None:
            entry = _make_entry(_address_of_item(item, menu), item.text(charset))
            if entry is not None:
                found.setdefault(entry.id, entry)
    return list(found.values())


def _address_of_item(item: MenuItem, menu: GopherURL) -> str | None:
    link = item.link()
    if link is None:
        return str(url) if (url := item.url(menu)) is not None else None
    if not _ADDRESS.match(link):
        # Percent-encoded to ASCII, so that all programs that read it get the same id.
        address = quote(link, safe="!#$%&'()*+,/:;=?@[]~")
        return address if address.lower().startswith(_ELSEWHERE) else None
    return _canonical_address(link)


def _canonical_address(address: str) -> str | None:
    """Return the address of a Gopher item in its one canonical form; None if it is not a URL."""
    try:
        return str(GopherURL.parse(address))
    except BadURL:
        return None


def text_entries(
    url: GopherURL, content: bytes, today: date, charset: str | None = None
) -> list[Entry]:
    """Return the lines of a text that have an address or a date; if there are none, one entry for the text.

    content: without its terminator.
    """
    text = decode_text(content, charset)
    found: dict[str, Entry] = {}
    above = Entry("", "")
    for line in text.split("\n"):
        shown = line.strip(_MARKS + "\r")
        if not shown:
            continue
        address = _ADDRESS.search(shown)
        if address is not None:
            rest = shown.replace(address[0], "").strip(_MARKS + ",;")
            if not rest:
                # This line is only an address: the line above is its title.
                found.pop(above.id, None)
                rest = above.title
            entry = _make_entry(_canonical_address(address[0].rstrip(".,;:)]'")), rest)
        elif len(shown) <= _LONGEST_HEADING and date_in(shown, today) is not None:
            entry = Entry(f"{url}#{entry_key(' '.join(shown.split()))}", _one_line_title(shown))
        else:
            above = Entry("", _one_line_title(shown))
            continue
        if entry is not None:
            found.setdefault(entry.id, entry)
            above = entry if address is None else Entry("", "")
    if not found and text.strip():
        heading = next(line for line in text.split("\n") if line.strip())
        whole = Entry(
            f"{url}#{entry_key(text)}", _one_line_title(heading.strip(_MARKS + "\r")) or str(url)
        )
        found[whole.id] = whole
    return list(found.values())


def _make_entry(address: str | None, title: str) -> Entry | None:
    if address is None or len(address) > _LONGEST_ID:
        return None
    return Entry(address, _one_line_title(title) or address)


def _one_line_title(text: str) -> str:
    return one_line(" ".join(text.split()), LONGEST_TITLE)


# An earlier date is not the day of an entry: it is history, or just a number.
_FIRST_DAY = date(1990, 1, 1)
# A date further in the future is ignored. One day is allowed, because the server may be in another time
# zone.
_DAYS_AHEAD = timedelta(days=1)
_MOST_SEARCHED = 500
_AROUND_A_DATE = " )]-_:;,.–—|/"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)(?![a-z])"
)
_DAY = r"\d\d?(?:st|nd|rd|th)?"
# Some authors write years with five digits (longnow.org).
_YEAR = r"(?<!\d)0?(?:19|20)\d\d"
_DATE = rf"""
    (?P<y1>{_YEAR}) ([-/._]) (?P<m1>\d\d?) \2 (?P<d1>\d\d?) (?!\d)
  | (?P<y2>{_YEAR}) (?P<m2>\d\d) (?P<d2>\d\d) (?:\d{{4}}|\d{{6}})? (?!\d)
  | (?P<y3>{_YEAR}) [-\ ] (?P<m3>{_MONTH}) [-\ ] (?P<d3>\d\d?) (?!\d)
  | (?<!\d) (?P<d4>{_DAY}) [-\ .]{{1,2}} (?P<m4>{_MONTH}) [-\ .,]{{1,2}} (?P<y4>\d{{4}}) (?!\d)
  | (?<![a-z]) (?P<m5>{_MONTH}) [-\ .]{{1,2}} (?P<d5>{_DAY}) [-\ ,]{{1,2}} (?P<y5>\d{{4}}) (?!\d)
  | (?<!\d) (?P<d6>\d\d?) \. (?P<m6>\d\d?) \. (?P<y6>\d{{4}}) (?!\d)
"""


def utc_day(moment: int) -> date:
    """Return the day (UTC) of a moment in seconds since 1970."""
    return datetime.fromtimestamp(moment, UTC).date()


def date_in(text: str, today: date) -> date | None:
    """Return the first valid date in `text` from 1990 to one day after `today`; None if there is none."""
    for found in _date_pattern().finditer(text[:_MOST_SEARCHED]):
        day = _parse_date(found)
        if day is not None and _FIRST_DAY <= day <= today + _DAYS_AHEAD:
            return day
    return None


def without_date(text: str) -> str:
    """Return `text` without a date at its beginning, unless the date is all of it."""
    found = _date_pattern().match(text, 1 if text[:1] in ("(", "[") else 0)
    rest = (
        text[found.end() :].lstrip(_AROUND_A_DATE)
        if found is not None and _parse_date(found)
        else ""
    )
    return rest or text


@cache
def _date_pattern() -> re.Pattern[str]:
    # Compiled at first use: that takes 9 ms, which the start of the browser can save.
    return re.compile(_DATE, re.VERBOSE | re.IGNORECASE | re.ASCII)


def _parse_date(found: re.Match[str]) -> date | None:
    parts = {name[0]: value for name, value in found.groupdict().items() if value}
    month = parts["m"].lower()[:3]
    number = _MONTHS.index(month) + 1 if month in _MONTHS else int(month)
    try:
        return date(int(parts["y"]), number, int(parts["d"].rstrip("stndrhSTNDRH")))
    except ValueError:
        return None
