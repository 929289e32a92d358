"""The webhook of an alert: the bodies that other servers expect, and posting one with a time limit.

The bodies are those of chats that take Slack's webhooks, and of Alertmanager's API v2. Redirects are not
followed: the lines are sent only to the server that the operator named. For the same reason the certificate
of an https:// server is verified.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html import escape
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
from logsrv.kit.text.time import parse_rfc3339, rfc3339
from logsrv.kit.web.http_client import (
    NOT_HTTP,
    BoundedBody,
    HeadTooLarge,
    NameCheckingPolicy,
    limited_head_pool,
)
from logsrv.linelog.alerts.episodes import Episode, EpisodeMessage
from logsrv.linelog.alerts.message import (
    REMOVED,
    Message,
    TemporaryFailure,
    UndeliveredMessage,
    condition_of,
    episode_in_words,
    first_value,
    page_of_episode,
    silenced_in_words,
    value_in_words,
)
from logsrv.linelog.alerts.tally import MatchCount
from logsrv.linelog.alerts.windows import OTHERS
from logsrv.linelog.read.render import safe_json

SECONDS = 10.0
"""The most seconds for a message."""
AGAIN = (408, 425, 429)
"""Statuses below 500 after which another attempt may succeed."""
_LARGEST_ANSWER = 1 << 16
LONGEST = 4000
"""The most characters of a text in a chat; the rest is cut off."""
ENDS_AFTER = 4
"""Repetitions without which, and a window, Alertmanager takes a firing alert as resolved."""
_OURS = ("alertname", "server", "other_groups")


def chat_body(message: Message) -> bytes:
    """Return a message for a chat: its first line, the link, and the rest as code.

    Code is not searched for mentions, such as @channel, and `<!channel>` is escaped.
    """
    text = message.text(with_page=False).rstrip("\n")[:LONGEST]
    first, _, code = escape(text, quote=False).partition("\n")
    link = [f"<{escape(message.page, quote=False)}|logsrv>"] if message.page else []
    code = code.replace("```", 3 * "'")
    parts = [f"`{first.replace('`', chr(39))}`", *link, f"```\n{code}\n```"]
    return json.dumps({"text": "\n".join(parts)}).encode()


def alertmanager_body(message: Message, sent: MatchCount | EpisodeMessage) -> bytes:
    """Return the alerts for `/api/v2/alerts`: one for each group."""
    if isinstance(sent, EpisodeMessage):
        found = [_alert_of_episode(message, sent, one) for one in sent.episodes]
    else:
        found = [_alert_of_lines(message, sent)]
    return safe_json(found).encode()


def _alert_of_episode(message: Message, sent: EpisodeMessage, episode: Episode) -> dict[str, Any]:
    alert = message.alert
    condition = condition_of(alert)
    labels = dict(zip(map(_label_name, condition.by), episode.key, strict=False))
    if condition.by and episode.key == OTHERS:
        labels = {"other_groups": "true"}
    annotations = {"summary": episode_in_words(condition, episode)}
    if (value := first_value(episode)) is not None:
        annotations["value"] = value_in_words(value)
    if sent.is_removed:
        annotations["reason"] = REMOVED
    if sent.silenced is not None:
        annotations["silenced"] = silenced_in_words(sent.silenced)
    lasts = condition.window + ENDS_AFTER * alert.alert_every
    end = sent.time + lasts if episode.ended is None else episode.ended
    page = page_of_episode(alert, episode)
    return _alert(message, labels, annotations, (episode.begun, end), page)


def _alert_of_lines(message: Message, counted: MatchCount) -> dict[str, Any]:
    annotations = {"summary": message.summary}
    if counted.first:
        annotations["line"] = counted.first[0].line.decode(errors="backslashreplace")
    begin = parse_rfc3339(counted.since) if counted.since else 0.0
    last = parse_rfc3339(counted.until) if counted.until else begin
    moments = (begin, last + message.alert.alert_every) if begin else None
    return _alert(message, {}, annotations, moments, message.page)


def _alert(
    message: Message,
    labels: Mapping[str, str | None],
    annotations: Mapping[str, str],
    moments: tuple[float, float] | None,
    page: str | None,
) -> dict[str, Any]:
    alert = message.alert
    ours = {"alertname": alert.name or alert.alert, "server": message.server}
    found: dict[str, Any] = {
        "labels": _escaped({**labels, **ours}),
        "annotations": _escaped({**annotations, "query": alert.alert}),
    }
    if moments is not None:
        found |= {"startsAt": rfc3339(moments[0]), "endsAt": rfc3339(moments[1])}
    return found | ({"generatorURL": page} if page else {})


def _escaped(found: Mapping[str, str | None]) -> dict[str, str]:
    """Return texts that are safe where they are shown; those that are None are left out."""
    return {name: one_line(text, LONGEST) for name, text in found.items() if text is not None}


def _label_name(field: str) -> str:
    """Return a name that every version of Alertmanager accepts."""
    name = re.sub(r"[^A-Za-z0-9_]", "_", field)
    return f"field_{name}" if name in _OURS or name[:1].isdigit() else name


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
