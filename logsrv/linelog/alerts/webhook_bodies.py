"""Bodies that other servers expect: chats that take Slack's webhooks, and Alertmanager's API v2."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html import escape
from typing import Any

from logsrv.kit.text.escape import one_line
from logsrv.kit.text.time import parse_rfc3339, rfc3339
from logsrv.linelog.alerts.episode_message import (
    REMOVED,
    condition_of,
    episode_in_words,
    page_of_episode,
    value_in_words,
)
from logsrv.linelog.alerts.episodes import Episode, EpisodeMessage
from logsrv.linelog.alerts.message import Message
from logsrv.linelog.alerts.tally import MatchCount
from logsrv.linelog.alerts.windows import OTHERS
from logsrv.linelog.read.render import safe_json

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
    if episode.value is not None:
        annotations["value"] = value_in_words(episode.value)
    if sent.is_removed:
        annotations["reason"] = REMOVED
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
