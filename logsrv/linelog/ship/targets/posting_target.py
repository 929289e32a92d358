"""Targets of lines over HTTP: a format makes the body of a request, and reads the answer."""

from __future__ import annotations

import gzip
import re
from collections.abc import Collection, Sequence
from typing import Any, ClassVar

from logsrv.kit.text.escape import one_line
from logsrv.linelog.ship.targets.http_client import HttpAnswer, HttpClient
from logsrv.linelog.ship.targets.target import LineBatch
from logsrv.linelog.ship.targets.target_plugin import TargetSettings

# The level of gzip: 1 takes a third of the time of level 6, and the result has 25 % more bytes.
_LEVEL = 1
# A token that does not begin with one of these words is sent as `Bearer TOKEN`.
_WITH_SCHEME = re.compile(r"(?:Basic|ApiKey|Bearer) [!-~]+", re.IGNORECASE)


class PostingTarget:
    """A target of lines over HTTP.

    who: its URL, for messages. path: the path of requests if the URL has none. query: a query that is added
    to that of the URL. media: the Content-Type. packed: whether requests are compressed with gzip.
    accepted: the statuses that `check_answer` handles itself, in addition to 2xx.
    """

    path: ClassVar[str] = "/"
    query: ClassVar[str] = ""
    media: ClassVar[str] = "application/json"
    packed: ClassVar[bool] = True
    accepted: ClassVar[Collection[int]] = ()
    promise: str
    most_lines = 5000
    most_bytes = 1 << 20
    ahead = 0

    def __init__(self, settings: TargetSettings, reactor: Any) -> None:
        url = settings.url
        self.who = one_line(url.loggable_url)
        self.reactor = reactor
        token = settings.token
        if token and not _WITH_SCHEME.fullmatch(token):
            token = f"Bearer {token}"
        self._client = HttpClient(settings, reactor, token)
        query = "&".join(filter(None, (url.query, self.query)))
        self._target = url.path if url.path.strip("/") else self.path
        self._target += f"?{query}" if query else ""
        self._headers = {"Content-Type": self.media}
        if self.packed:
            self._headers["Content-Encoding"] = "gzip"

    async def send(self, batch: LineBatch) -> None:
        """Send lines; return when the server has taken them."""
        self.check_answer(await self.post(self.encode(batch.lines)), batch.lines)

    def encode(self, lines: Sequence[bytes]) -> bytes:
        """Return the body of a request."""
        raise NotImplementedError

    def check_answer(self, answer: HttpAnswer, lines: Sequence[bytes]) -> None:
        """Raise the error for an answer that does not acknowledge all lines."""

    async def post(self, body: bytes) -> HttpAnswer:
        """Send a body. Returns and raises as `HttpClient.request` does."""
        if self.packed:
            body = gzip.compress(body, _LEVEL, mtime=0)
        return await self._client.request(
            "POST", self._target, headers=self._headers, body=body, accepted=self.accepted
        )

    async def close(self) -> None:
        await self._client.close()
