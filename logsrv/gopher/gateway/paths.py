"""Web paths, and the Gopher URLs they stand for. Sans-IO.

    /gopher/HOST[:PORT]/TSELECTOR[?q=SEARCH]       the part of a URL after gopher://

and /gophers/ for TLS. Browsers remove the segments `.` and `..` from every path, even percent-encoded
(WHATWG URL, section 4.4): an item whose selector has such segments is shown, but is no link.

Other fields of the query: `as=file` (save it), `as=media` (the bytes that a page shows), `from=N`
(items from number N), `charset=NAME`.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, unquote_to_bytes, urlencode

import attrs

from logsrv.errors import ConfigurationError
from logsrv.gopher.wire.errors import BadURL
from logsrv.gopher.wire.text import checked_charset
from logsrv.gopher.wire.url import GopherURL

RENDERINGS = ("page", "file", "media")
# Character sets of real servers. Others are refused, because anybody can write any name into an address.
CHARSETS = (
    *("utf-8", "iso8859-1", "cp437", "koi8-r", "shift_jis", "iso8859-2", "iso8859-15", "cp850"),
    *("cp866", "cp1251", "cp1252", "koi8-u", "euc_jp", "euc_kr", "gb18030", "big5", "mac-roman"),
)
LARGEST_ITEM_NUMBER = 10_000_000
_GOPHER = re.compile(rb"/gophers?(?:/|\Z)")


@attrs.frozen
class ItemView:
    """A parsed web path: which item is shown, and how.

    rendering: one of RENDERINGS. first: index of the first item to show.
    """

    url: GopherURL
    rendering: str = "page"
    first: int = 0
    charset: str | None = None

    @property
    def path(self) -> str:
        """Return the web path and query: ASCII, to be escaped in HTML."""
        fields = {
            "q": self.url.search,
            "as": None if self.rendering == "page" else self.rendering,
            "from": self.first or None,
            "charset": self.charset,
        }
        given = {name: value for name, value in fields.items() if value is not None}
        return _path_of_url(self.url) + ("?" + urlencode(given, quote_via=quote) if given else "")

    def path_with(self, **changes: Any) -> str:
        """Return the path of the same item with other values, such as `rendering="file"`."""
        return attrs.evolve(self, **changes).path


def _path_of_url(url: GopherURL) -> str:
    scheme = "gophers" if url.tls else "gopher"
    plain = str(url.replace(search=None, plus=None))
    return f"/{scheme}/" + plain.partition("://")[2].replace("?", "%3F")


def is_gopher_path(path: bytes) -> bool:
    """Return true if `path` has the form that `parse_path` parses."""
    return _GOPHER.match(path) is not None


def parse_path(target: bytes) -> ItemView:
    """Parse a request target such as `/gopher/example.org/0/a.txt?as=file`. Raises BadURL."""
    path, _, query = target.partition(b"?")
    fields = parse_query(query)
    url = _parse_gopher_url(path)
    if b"q" in fields:
        url = url.searching(fields[b"q"])
    return ItemView(
        url.replace(plus=None),
        _parse_rendering(fields),
        _parse_first_item(fields),
        _parse_charset(fields),
    )


def parse_query(query: bytes) -> dict[bytes, bytes]:
    """Parse the query of a form. If several fields have the same name, the first counts."""
    fields: dict[bytes, bytes] = {}
    for field in query.split(b"&"):
        name, equals, value = field.replace(b"+", b" ").partition(b"=")
        if equals:
            fields.setdefault(unquote_to_bytes(name), unquote_to_bytes(value))
    return fields


def _parse_gopher_url(path: bytes) -> GopherURL:
    scheme, _, rest = path[1:].partition(b"/")
    return GopherURL.parse(scheme + b"://" + rest)


def _parse_rendering(fields: dict[bytes, bytes]) -> str:
    rendering = fields.get(b"as", b"page").decode("latin-1")
    if rendering not in RENDERINGS:
        raise BadURL("", f"as= has to be one of {', '.join(RENDERINGS)}")
    return rendering


def _parse_first_item(fields: dict[bytes, bytes]) -> int:
    digits = fields.get(b"from", b"0")
    if not digits.isdigit() or len(digits) > 8 or int(digits) > LARGEST_ITEM_NUMBER:
        raise BadURL("", "from= has to be the number of an item")
    return int(digits)


def _parse_charset(fields: dict[bytes, bytes]) -> str | None:
    name = fields.get(b"charset")
    if not name:
        return None
    try:
        charset = checked_charset(name.decode("ascii"))
    except (ConfigurationError, UnicodeDecodeError):
        charset = ""
    if charset not in CHARSETS:
        raise BadURL("", f"charset= has to be one of {', '.join(CHARSETS)}")
    return charset
