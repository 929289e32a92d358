"""Logging in: the page that asks for the token, its form, and the address that `logsrv open` has printed.

Apart from `server.py`, which sends requests here before it knows who asks: nothing here needs a reader. Not
in the folder `log_in`, whose modules know no server: `access.py` and `assets.py` need them.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs

from logsrv.kit.web.channel import WebRequest
from logsrv.linelog.http import assets
from logsrv.linelog.http.access import AccessRules
from logsrv.linelog.http.endpoints import JSON
from logsrv.linelog.http.http_settings import HttpSettings
from logsrv.linelog.http.log_in.code_request import OpenedBy, code_in_address, opened_by
from logsrv.linelog.http.log_in.one_time_codes import OneTimeCodes
from logsrv.linelog.http.log_in.token_hint import token_hint
from logsrv.linelog.http.problems import Problem
from logsrv.linelog.http.readers.audit import AuditLog
from logsrv.linelog.http.readers.reader import ANYBODY
from logsrv.linelog.http.responses import ResponseSender
from logsrv.reactor import time_of_day

# It is percent-encoded in the log-in form, which takes at most 4 KiB: three times the link is less.
_LINK = re.compile(r"/(?:alerts|board)?(?:\?[!-~]{0,1000})?")


class LogInPage:
    """The log-in page of a server. settings: the present ones, for its hint."""

    def __init__(
        self, settings: HttpSettings, responses: ResponseSender, audit: AuditLog, reactor: Any
    ) -> None:
        self.settings = settings
        self._responses = responses
        self._audit = audit
        self._reactor = reactor
        self._codes = OneTimeCodes(time_of_day(reactor))

    def answer(self, request: WebRequest, access: AccessRules) -> None:
        """Answer a request for the page: its form, or an address with a code. May raise Problem."""
        if request.method == b"POST":
            self._log_in(request, access)
        else:
            self._log_in_by_code(request, access)

    def send(
        self, request: WebRequest, problem: Problem | None, said: str = "", **values: str
    ) -> None:
        """Send the page.

        problem: why it is sent instead of another. said: a sentence about the last attempt. values: others
        of `assets.log_in_page`.
        """
        said = said and f"{said[:1].upper()}{said[1:]}."
        asset = assets.log_in_page(said, hint=token_hint(request, self.settings), **values)
        self._responses.send_asset(request, asset, "no-store", problem)

    def _log_in(self, request: WebRequest, access: AccessRules) -> None:
        assert request.content is not None
        form = parse_qs(request.content.read().decode("utf-8", "replace"))
        view = link_to_page(form.get("view", [""])[0])
        code, now = form.get("code", [""])[0], time_of_day(self._reactor)
        try:
            if code:
                cookies = access.code_cookies(request, code, self._codes, now)
                self._audit.note_reader(request, ANYBODY)
            else:
                given = form.get("token", [""])[0].encode()
                cookies = access.log_in_cookies(request, given, now)
                self._audit.note_reader(request, access.reader_with(request, given))
        except Problem as problem:
            if _wants_json(request):
                raise
            self.send(request, problem, str(problem), view=view)
            return
        if _wants_json(request):
            self._responses.begin_response(request, 204, JSON)
            request.responseHeaders.setRawHeaders(b"Set-Cookie", cookies)
            request.finish()
        else:
            self._responses.redirect_to_page(request, cookies, view)

    def _log_in_by_code(self, request: WebRequest, access: AccessRules) -> None:
        """Log in by the address that `logsrv open` has printed; see `log_in.code_request`."""
        code, by = code_in_address(request), opened_by(request)
        if by is OpenedBy.PREVIEW:
            raise Problem(503, "a preview must not use up this address")
        if not code or not self.settings.has_token:
            self._responses.redirect_to_page(request)
            return
        if by is OpenedBy.UNKNOWN:
            self.send(request, None, code=code)
            return
        try:
            now = time_of_day(self._reactor)
            cookies = access.code_cookies(request, code, self._codes, now)
            self._audit.note_reader(request, ANYBODY)
        except Problem as problem:
            if access.is_logged_in(request):
                self._responses.redirect_to_page(request)
            else:
                self.send(request, problem, str(problem))
            return
        if by is OpenedBy.PERSON:
            self._responses.redirect_to_page(request, cookies)
        else:
            request.responseHeaders.setRawHeaders(b"Set-Cookie", cookies)
            self._responses.send_asset(request, assets.logged_in_page(), "no-store")


def link_to_page(link: str) -> str:
    """Return a link to a page; to the live page if it is too long or leads elsewhere."""
    return link if _LINK.fullmatch(link) else "/"


def _wants_json(request: WebRequest) -> bool:
    return b"application/json" in (request.getHeader(b"Accept") or b"")
