"""Posting an alert to a webhook: JSON by POST, with a time limit.

Redirects are not followed: the lines are sent only to the server that the operator named. For the same
reason the certificate of an https:// server is verified.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.defer import CancelledError
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.python.failure import Failure
from twisted.web.client import Agent, FileBodyProducer
from twisted.web.http_headers import Headers

from logsrv import __version__
from logsrv.kit.observe.peer_log import end_sentence
from logsrv.kit.text.escape import one_line
from logsrv.kit.web.http_client import (
    NOT_HTTP,
    BoundedBody,
    HeadTooLarge,
    NameCheckingPolicy,
    limited_head_pool,
)
from logsrv.linelog.alerts.message import TemporaryFailure, UndeliveredMessage

SECONDS = 10.0
"""The most seconds for a message."""
AGAIN = (408, 425, 429)
"""Statuses below 500 after which another attempt may succeed."""
_LARGEST_ANSWER = 1 << 16


def loggable_part(url: str) -> str:
    """Return the part of a URL that may be logged: the path is often a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


async def post_message(url: str, body: bytes, *, reactor: Any, seconds: float = SECONDS) -> None:
    """Post `body`, which is JSON, to a server, which has to accept it within `seconds`.

    Raises UndeliveredMessage if it refuses it, and TemporaryFailure if it may accept it later.
    """
    where = one_line(loggable_part(url))
    headers = Headers(
        {"Content-Type": ["application/json"], "User-Agent": [f"logsrv/{__version__}"]}
    )
    pool = limited_head_pool(reactor, persistent=False)
    agent = Agent(reactor, NameCheckingPolicy(), connectTimeout=seconds, pool=pool)
    answering = agent.request(b"POST", url.encode(), headers, FileBodyProducer(BytesIO(body)))
    answering.addTimeout(seconds, reactor, lambda *_: Failure(DeferredTimeout()))
    try:
        response = await answering
    except DeferredTimeout:
        raise TemporaryFailure(f"{where} did not answer within {seconds:g} s") from None
    except Exception as error:
        # Twisted wraps some errors in others.
        failures = getattr(error, "reasons", None) or [Failure(error)]
        if any(failure.check(CancelledError) for failure in failures):
            raise CancelledError from None
        if any(failure.check(*NOT_HTTP) for failure in getattr(error, "reasons", ())):
            raise TemporaryFailure(f"{where} does not answer in HTTP") from error
        is_there = any(failure.check(HeadTooLarge) for failure in failures)
        why = one_line(end_sentence(failures[0]), 300).rstrip(".")
        raise TemporaryFailure(
            f"{where}{'' if is_there else ' cannot be reached'}: {why}"
        ) from error
    # The answer is received and dropped: some servers log an error if the connection ends before its end.
    rest = BoundedBody(_LARGEST_ANSWER)
    response.deliverBody(rest)
    await rest.done.addTimeout(seconds, reactor)
    if 200 <= response.code < 300:
        return
    sentence = f"{where} answered with status {response.code}"
    if response.code >= 500 or response.code in AGAIN:
        raise TemporaryFailure(sentence)
    redirect = ", a redirect, which is not followed" if 300 <= response.code < 400 else ""
    raise UndeliveredMessage(sentence + redirect)
