"""Requests with a one-time code in the address: who opened it, and the code in it.

Only a person uses up a code. A browser says of each request what it is for (Fetch Metadata), to this
machine also without TLS, and of a preview that it is one. A program that only looks at an address, such as
a link preview, says nothing: it gets a page with a button, and a person who presses it logs in. The same
page is for old browsers, and for those that reach the server without TLS from another machine.
"""

from __future__ import annotations

from enum import Enum
from urllib.parse import parse_qs

from twisted.web.http import Request

_PREVIEW_HEADERS = (b"Sec-Purpose", b"Purpose", b"X-Purpose", b"X-Moz")
_PREVIEWS = (b"prefetch", b"prerender", b"preview")


class OpenedBy(Enum):
    """The opener of the address."""

    PERSON = 1
    LINK_OF_ANOTHER_SITE = 2
    """A person, from a page elsewhere: a browser withholds a new SameSite cookie from a redirect then."""
    PREVIEW = 3
    UNKNOWN = 4


def opened_by(request: Request) -> OpenedBy:
    """Return who opened the address of a GET or HEAD request."""
    for name in _PREVIEW_HEADERS:
        if any(word in (request.getHeader(name) or b"").lower() for word in _PREVIEWS):
            return OpenedBy.PREVIEW
    site, mode, dest = (
        request.getHeader(name)
        for name in (b"Sec-Fetch-Site", b"Sec-Fetch-Mode", b"Sec-Fetch-Dest")
    )
    if request.method != b"GET" or (mode, dest) != (b"navigate", b"document"):
        return OpenedBy.UNKNOWN
    return OpenedBy.PERSON if site in (b"none", b"same-origin") else OpenedBy.LINK_OF_ANOTHER_SITE


def code_in_address(request: Request) -> str:
    """Return the code in the query of a request's address; "" if there is none."""
    query = request.uri.partition(b"?")[2].decode("latin-1")
    return parse_qs(query, max_num_fields=10).get("code", [""])[0] if query.count("&") < 10 else ""
