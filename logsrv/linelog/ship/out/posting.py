"""Lines over HTTP: the parts that all such targets share."""

from __future__ import annotations

import gzip
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import attrs
from twisted.internet.defer import Deferred

from logsrv.kit.text.escape import one_line
from logsrv.linelog.ship.http.answers import HttpAnswer, judge
from logsrv.linelog.ship.http.client import HttpClient
from logsrv.linelog.ship.registry import TargetSettings
from logsrv.linelog.ship.target import SentLines

# Level 1 takes a third of the time of 6, and a quarter more bytes.
_LEVEL = 1
# Otherwise the token is one of `Bearer`.
_WITH_SCHEME = re.compile(r"(?:Basic|ApiKey|Bearer) [!-~]+", re.IGNORECASE)


@attrs.frozen
class Post:
    """The requests of a target.

    path: where they go if the URL has no path of its own; "" for that of the URL. query: what stands behind
    `?` beside that of the URL. media: their Content-Type. packed: the far side takes gzip.
    """

    path: str
    media: str
    query: str = ""
    packed: bool = True


class Posting:
    """Requests to one server."""

    def __init__(self, settings: TargetSettings, reactor: Any, post: Post) -> None:
        url = settings.url
        self.who = one_line(url.place)
        self._reactor = reactor
        self._client = HttpClient(url, reactor=reactor, tls=settings.tls)
        path = url.path if url.path.strip("/") else post.path or "/"
        query = "&".join(filter(None, (url.query, post.query)))
        self._target = path + (f"?{query}" if query else "")
        self._headers = _headers(settings.token, post)
        self._packed = post.packed

    def post(self, body: bytes, also: Collection[int] = ()) -> Deferred[HttpAnswer]:
        """Send a body. Fires with the answer as `HttpClient.request` does."""
        if self._packed:
            body = gzip.compress(body, _LEVEL, mtime=0)
        return self._client.request(
            "POST", self._target, headers=self._headers, body=body, also=also
        )

    def judge(self, answer: HttpAnswer) -> None:
        """Raise what an answer means that was one of `also`."""
        judge(answer, self.who, self._reactor.seconds())

    def close(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._client.close())


class PostingTarget:
    """A target of lines over HTTP; requests: those that it takes."""

    requests: Post
    most_lines = 5000
    most_bytes = 1 << 20
    ahead = 0

    def __init__(self, settings: TargetSettings, reactor: Any) -> None:
        """Raises ConfigurationError."""
        self._posting = Posting(settings, reactor, self.requests)

    def send(self, lines: SentLines) -> Deferred[None]:
        """Send lines; fires when the server has taken them."""
        return Deferred.fromCoroutine(self._send(lines.lines))

    async def _send(self, lines: Sequence[bytes]) -> None:
        raise NotImplementedError

    def close(self) -> Deferred[None]:
        return self._posting.close()


def _headers(token: str | None, post: Post) -> Mapping[str, str]:
    headers = {"Content-Type": post.media}
    if post.packed:
        headers["Content-Encoding"] = "gzip"
    if token:
        whole = _WITH_SCHEME.fullmatch(token)
        headers["Authorization"] = token if whole else f"Bearer {token}"
    return headers
