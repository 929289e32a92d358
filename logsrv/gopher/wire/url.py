"""Gopher URLs (RFC 4266), and their requests.

A selector is bytes: a client sends it back exactly as the server put it into a menu. So a URL is only
percent-encoded bytes, and `GopherURL.parse(str(url)) == url` for every URL.

    gopher://HOST[:PORT][/TSELECTOR[%09SEARCH[%09GOPHER+]]]      gophers:// is the same inside TLS

`?` and `#` are ordinary characters: Gopher has neither queries nor fragments, but selectors contain both
(gophernicus writes a space as `#040`). `str()` writes `#` as %23.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from logsrv.gopher.wire.errors import BadURL
from logsrv.kit.text.words import host_text
from logsrv.value import Value

DEFAULT_PORT = 70
MENU_TYPE = "1"

_DIGITS = b"0123456789"
_LOWER, _UPPER = b"abcdefghijklmnopqrstuvwxyz", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_IN_A_SCHEME = _LOWER + _UPPER + _DIGITS + b"+.-"
_IN_A_HOST = _LOWER + _DIGITS + b"_-."
_IN_A_ZONE = _LOWER + _UPPER + _DIGITS + b"._~-"
_HEX_DIGITS = _DIGITS + b"ABCDEFabcdef"
_AS_THEMSELVES = _LOWER + _UPPER + _DIGITS + b"/:@!$&'()*+,;=?._~-"
_AUTHORITY = r"(?:\[([^]]*)]|([^][:]*))(?::(.*))?"
_NOT_ON_THE_WIRE = b"\0\t\r\n"
_CONTROL_NAMES = {0: "NUL", 9: "TAB", 13: "CR", 10: "LF"}


@lru_cache(4096)
def canonical_host(host: str) -> str:
    """Return a host in the form for the network: lower case, A-labels (IDNA 2008), IPv6 without brackets.

    Raises BadURL if it is neither a name nor an address.
    """
    if ":" in host:
        # Some menus have the brackets that belong into a URL.
        host = host[1:-1] if host[:1] + host[-1:] == "[]" else host
        import ipaddress  # 2 ms, and few addresses have a colon

        address, percent, zone = host.partition("%")
        try:
            compressed = ipaddress.IPv6Address(address).compressed
        except ValueError:
            raise BadURL(host, "the host is not an IPv6 address") from None
        if percent and not (0 < len(zone) <= 64 and _has_only(zone, _IN_A_ZONE)):
            raise BadURL(host, "what follows % in an IPv6 address is the name of an interface")
        return compressed + percent + zone
    if not host.isascii():
        import idna  # its tables cost 9 ms, and few hosts need them

        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            raise BadURL(host, "the host is not a valid international domain name") from None
    host = host.lower()
    if not host:
        raise BadURL(host, "the host is missing")
    labels = host.removesuffix(".").split(".")
    are_labels = all(0 < len(label) <= 63 for label in labels) and _has_only(host, _IN_A_HOST)
    if len(host) > 253 or not are_labels or host.startswith("-"):
        raise BadURL(host, "the host is neither a domain name nor an address")
    return host


class GopherURL(Value):
    """A Gopher URL: the address of an item, and its request.

    item_type: one character, U+0000 to U+00FF, which is one byte; not TAB, CR, LF, NUL.
    selector, search, plus: bytes without TAB, CR, LF, NUL; `plus` is the Gopher+ string (`+`, `!`,
        `$`, `+text/plain` …). With `plus`, a URL is the same for an empty search as for none, so an empty
        search becomes None.

    Raises BadURL for anything else.
    """

    __slots__ = ("host", "item_type", "plus", "port", "search", "selector", "tls")

    def __init__(
        self,
        host: str,
        port: int = DEFAULT_PORT,
        item_type: str = MENU_TYPE,
        selector: bytes = b"",
        search: bytes | None = None,
        plus: bytes | None = None,
        tls: bool = False,
    ) -> None:
        self.host = canonical_host(host)
        self.port = port
        self.item_type = item_type
        self.selector = selector
        self.search = search if search or not plus else None
        self.plus = plus or None
        self.tls = tls
        if not 1 <= port <= 65535:
            raise BadURL(f"{self.host}:{port}", "a port is a number from 1 to 65535")
        if len(item_type) != 1 or item_type > "\xff":
            raise BadURL(item_type, "an item type is one byte")
        whole = b"".join((item_type.encode("latin-1"), selector, search or b"", plus or b""))
        if len(whole.translate(None, _NOT_ON_THE_WIRE)) != len(whole):
            found = next(byte for byte in whole if byte in _NOT_ON_THE_WIRE)
            raise BadURL(
                whole.decode("utf-8", "backslashreplace"),
                f"{_CONTROL_NAMES[found]} would end the request early, so a request cannot contain it",
            )

    @classmethod
    def parse(cls, text: str | bytes) -> GopherURL:
        """Parse a URL; characters beyond ASCII stand for their UTF-8 bytes.

        Surrogate escapes, which Python makes of a command line's bytes, become these bytes. Raises BadURL.
        """
        if isinstance(text, bytes):
            text = text.decode("utf-8", "surrogateescape")
        for letter in text:
            if letter < " " or letter == "\x7f":
                raise BadURL(text, f"write control characters as %{ord(letter):02X}")
        scheme, colon, rest = text.partition("://")
        if not colon or scheme.lower() not in ("gopher", "gophers"):
            raise BadURL(text, "it has to begin with gopher:// or gophers://")
        end = next((at for at, letter in enumerate(rest) if letter in "/?#"), len(rest))
        try:
            host, port = _parse_authority(rest[:end])
            item_type, selector, search, plus = _parse_path(rest[end:])
            tls = scheme.lower() == "gophers"
            return cls(host, port, item_type, selector, search, plus, tls)
        except BadURL as error:
            raise BadURL(text, error.reason) from None

    def __str__(self) -> str:
        path = quoted(self.selector)
        if self.search is not None or self.plus is not None:
            path += f"%09{quoted(self.search or b'')}"
        if self.plus is not None:
            path += f"%09{quoted(self.plus)}"
        if path or self.item_type != MENU_TYPE:
            return _url_start((self.tls, self.host, self.port, self.item_type)) + path
        return _url_start((self.tls, self.host, self.port, ""))

    @property
    def address(self) -> str:
        """Return `HOST:PORT`, for messages and as a key."""
        return host_text(self.host, self.port)

    def beside(self, item_type: str, selector: bytes) -> GopherURL:
        """Return the URL of another item on the same server."""
        return GopherURL(self.host, self.port, item_type, selector, tls=self.tls)

    def at(self, selector: bytes) -> GopherURL:
        """Return the URL of another item of this type on the same server. Raises BadURL.

        Takes a fifth of the time of `replace`, which matters for a menu with tens of thousands of items.
        """
        if len(selector.translate(None, _NOT_ON_THE_WIRE)) != len(selector):
            return GopherURL(self.host, self.port, self.item_type, selector, tls=self.tls)
        url = GopherURL.__new__(GopherURL)
        url.host = self.host
        url.port = self.port
        url.item_type = self.item_type
        url.selector = selector
        url.search = url.plus = None
        url.tls = self.tls
        return url

    def searching(self, words: str | bytes) -> GopherURL:
        """Return this URL with a search for `words` (a string is sent as UTF-8). Raises BadURL."""
        if isinstance(words, str):
            words = words.encode("utf-8", "surrogateescape")
        return self.replace(search=words)

    def request(self) -> bytes:
        """Return the bytes to send to the server (RFC 1436, section 2; Gopher+, 2.1 and 2.3)."""
        request = self.selector
        if self.search is not None:
            request += b"\t" + self.search
        if self.plus is not None:
            request += b"\t" + self.plus
        return request + b"\r\n"


def parse_typed_url(text: str | bytes) -> GopherURL:
    """Parse a URL that a person typed; without a scheme it is gopher://. Raises BadURL."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "surrogateescape")
    text = text.strip()
    scheme, colon, _ = text.partition("://")
    has_one = colon and scheme[:1].isalpha() and _has_only(scheme, _IN_A_SCHEME)
    return GopherURL.parse(text if has_one else f"gopher://{text}")


@lru_cache(256)
def _url_start(parts: tuple[bool, str, int, str]) -> str:
    """Return the part of a URL before the selector, from (TLS, host, port, item type)."""
    tls, host, port, item_type = parts
    scheme = "gophers" if tls else "gopher"
    host = f"[{host.replace('%', '%25')}]" if ":" in host else host
    end = "" if port == DEFAULT_PORT else f":{port}"
    return f"{scheme}://{host}{end}/{quoted(item_type.encode('latin-1'))}"


def quoted(part: bytes) -> str:
    """Percent-encode a part of a URL. (Importing `urllib.parse` would take 2 ms.)"""
    if not part.translate(None, _AS_THEMSELVES):
        return part.decode("ascii")
    return "".join(chr(byte) if byte in _AS_THEMSELVES else f"%{byte:02X}" for byte in part)


def unquoted(text: str) -> bytes:
    """Decode a percent-encoded part to bytes; characters beyond ASCII stand for their UTF-8 bytes."""
    start, *pieces = text.encode("utf-8", "surrogateescape").split(b"%")
    return start + b"".join(map(_decode_escape, pieces))


def _decode_escape(piece: bytes) -> bytes:
    digits = piece[:2]
    if len(digits) < 2 or digits.translate(None, _HEX_DIGITS):
        return b"%" + piece
    return bytes([int(digits, 16)]) + piece[2:]


def _has_only(text: str, characters: bytes) -> bool:
    return text.isascii() and not text.encode().translate(None, characters)


def _parse_authority(authority: str) -> tuple[str, int]:
    if "@" in authority:
        raise BadURL(authority, "Gopher has no user names and passwords")
    found = re.fullmatch(_AUTHORITY, authority)
    if found is None:
        raise BadURL(authority, "after gopher:// comes HOST or HOST:PORT, and IPv6 as [ADDRESS]")
    address, name, port = found.groups()
    if address is not None:
        # RFC 6874 writes the % before an interface as %25.
        host = address.replace("%25", "%", 1)
        if ":" not in host:
            raise BadURL(authority, "what is in brackets is not an IPv6 address")
    else:
        host = unquoted(name).decode("utf-8", "replace")
        if ":" in host:
            raise BadURL(authority, "an IPv6 address is written in brackets")
    if not port:
        return host, DEFAULT_PORT
    # A port has at most five digits; int() of a million digits takes long.
    if not (port.isascii() and port.isdigit() and len(port) <= 5):
        raise BadURL(authority, "a port is a number from 1 to 65535")
    return host, int(port)


def _parse_path(path: str) -> tuple[str, bytes, bytes | None, bytes | None]:
    if path in ("", "/"):
        return MENU_TYPE, b"", None, None
    if path[0] != "/":
        raise BadURL(path, "between the host and the item type stands a /")
    item, *others = unquoted(path[1:]).split(b"\t")
    if not item:
        raise BadURL(path, "the item type before %09 is missing")
    if len(others) > 2:
        raise BadURL(path, "more than two %09: one comes before a search, one before Gopher+")
    search, plus = (*others, None, None)[:2]
    return chr(item[0]), item[1:], search, plus


# Places to begin in Gopher, for users without an address: URLs and descriptions.
BEGINNINGS = (
    ("gopher://gopher.floodgap.com/1/world", "Floodgap: other servers of the world"),
    ("gopher://gopher.floodgap.com/7/v2/vs", "Veronica-2: search all of gopherspace"),
    ("gopher://gopher.quux.org/", "Quux: archives of the early Internet"),
    ("gopher://sdf.org/", "SDF: thousands of personal pages"),
)


# An address as people write it into texts, without the punctuation of a sentence that ends behind it. It is
# compiled when it is first used: `gopher URL` has no use for it.
_ADDRESS_IN_TEXT = r"(?i)\b(?:gophers?|https?)://[^\s<>\"\\|`]*[^\s<>\"\\|`.,;:!?)\]}'’”]"


def addresses_in(text: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of each address of Gopher or the web in a text."""
    return (found.span() for found in re.finditer(_ADDRESS_IN_TEXT, text))
