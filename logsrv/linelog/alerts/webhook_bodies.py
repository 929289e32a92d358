"""Bodies that other servers expect: chats that take Slack's webhooks, and Alertmanager's API v2."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from logsrv.kit.text.escape import one_line
from logsrv.kit.text.time import parse_rfc3339, rfc3339
from logsrv.linelog.alerts.alert_settings import AlertSettings
from logsrv.linelog.alerts.episode_message import (
    REMOVED,
    condition_of,
    episode_in_words,
    page_of_episode,
    value_in_words,
)
from logsrv.linelog.alerts.episodes import Episode, EpisodeMessage
from logsrv.linelog.alerts.message import page_link
from logsrv.linelog.alerts.tally import MatchCount
from logsrv.linelog.alerts.windows import OTHERS
from logsrv.linelog.read.render import safe_json

LONGEST = 4000
"""The most characters of a text in a chat; the rest is cut off."""
ENDS_AFTER = 4
"""Repetitions without which Alertmanager takes a firing alert as resolved."""
_PAGE = "page: "
_OURS = ("alertname", "server", "other_groups")


def chat_body(text: bytes) -> bytes:
    """Return a message for a chat: its first line, the link, and the rest as code.

    Code is not searched for mentions, such as @channel, and `<!channel>` is escaped.
    """
    first, *others = text.decode().rstrip("\n")[:LONGEST].split("\n")
    links = [one.removeprefix(_PAGE) for one in others[:5] if one.startswith(_PAGE)]
    code = "\n".join(one for one in others if one[len(_PAGE) :] not in links)
    parts = [f"`{_escape_for_chat(first).replace('`', chr(39))}`"]
    parts += [f"<{_escape_for_chat(link)}|logsrv>" for link in links]
    parts.append(f"```\n{_escape_for_chat(code).replace('```', 3 * chr(39))}\n```")
    return json.dumps({"text": "\n".join(parts)}).encode()


def _escape_for_chat(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def alertmanager_body(
    alert: AlertSettings, sent: MatchCount | EpisodeMessage, server: str
) -> bytes:
    """Return the alerts for `/api/v2/alerts`: one for each group."""
    if isinstance(sent, EpisodeMessage):
        found = [_alert_of_episode(alert, sent, one, server) for one in sent.episodes]
    else:
        found = [_alert_of_lines(alert, sent, server)]
    return safe_json(found).encode()


def _alert_of_episode(
    alert: AlertSettings, sent: EpisodeMessage, episode: Episode, server: str
) -> dict[str, Any]:
    condition = condition_of(alert)
    labels: dict[str, str | None] = dict(zip(condition.by, episode.key, strict=False))
    labels = {_label_name(field): value for field, value in labels.items()}
    if condition.by and episode.key == OTHERS:
        labels = {"other_groups": "true"}
    end = episode.ended
    if end is None:
        end = sent.time + ENDS_AFTER * alert.alert_every
    annotations = {"summary": episode_in_words(condition, episode), "query": alert.alert}
    if episode.value is not None:
        annotations["value"] = value_in_words(episode.value)
    if sent.is_removed:
        annotations["reason"] = REMOVED
    return _alert(
        alert, server, labels, annotations, (episode.begun, end), page_of_episode(alert, episode)
    )


def _alert_of_lines(alert: AlertSettings, counted: MatchCount, server: str) -> dict[str, Any]:
    lines = "1 line matches" if counted.count == 1 else f"{counted.count} lines match"
    annotations = {"summary": f"{lines} {alert.alert}", "query": alert.alert}
    if counted.first:
        annotations["line"] = counted.first[0].line.decode(errors="backslashreplace")
    begin = parse_rfc3339(counted.since) if counted.since else 0.0
    last = parse_rfc3339(counted.until) if counted.until else begin
    moments = (begin, last + alert.alert_every) if begin else None
    return _alert(alert, server, {}, annotations, moments, page_link(alert, counted))


def _alert(
    alert: AlertSettings,
    server: str,
    labels: Mapping[str, str | None],
    annotations: Mapping[str, str],
    moments: tuple[float, float] | None,
    page: str | None,
) -> dict[str, Any]:
    ours = {"alertname": alert.name or alert.alert, "server": server}
    found: dict[str, Any] = {
        "labels": _escaped({**labels, **ours}),
        "annotations": _escaped(annotations),
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
