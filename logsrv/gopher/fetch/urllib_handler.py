"""`gopher:` and `gophers:` URLs for `urllib.request`, which dropped `gopher:` in Python 3."""

from __future__ import annotations

import urllib.request
from email.message import Message
from urllib.error import URLError
from urllib.response import addinfourl

from logsrv.gopher.fetch.blocking import TIMEOUT, GopherFile, urlopen
from logsrv.gopher.fetch.connection_options import Trust
from logsrv.gopher.wire.errors import GopherError
from logsrv.gopher.wire.itemtypes import item_type


class GopherHandler(urllib.request.BaseHandler):
    """Opens both schemes; `data` of a request has the words of a search.

    Raises URLError, as all handlers of urllib do; its `reason` is the GopherError.
    """

    def __init__(self, trust: Trust | None = None) -> None:
        self._trust = trust or Trust()

    def gopher_open(self, req: urllib.request.Request) -> addinfourl:
        # Without a time-out, urllib passes a marker object that means "wait for ever".
        timeout = req.timeout if isinstance(req.timeout, (int, float)) else TIMEOUT
        data = req.data if isinstance(req.data, (bytes, str, type(None))) else None
        try:
            file = urlopen(req.full_url, timeout, data, trust=self._trust)
        except GopherError as error:
            raise URLError(error) from error
        return addinfourl(file, _headers(file), req.full_url, code=None)

    gophers_open = gopher_open


def _headers(file: GopherFile) -> Message:
    headers = Message()
    headers["Content-Type"] = item_type(file.url.item_type).media_type
    if file.length is not None:
        headers["Content-Length"] = str(file.length)
    return headers


def install_opener(trust: Trust | None = None) -> None:
    """Let `urllib.request.urlopen` open `gopher:` and `gophers:` URLs in this process from now on."""
    urllib.request.install_opener(urllib.request.build_opener(GopherHandler(trust)))
