"""The message of an alert, about lines or episodes: text and environment variables for a program, JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import attrs

from logsrv.errors import LogsrvError
from logsrv.kit.text.escape import one_line, printable
from logsrv.kit.text.time import parse_rfc3339, rfc3339
from logsrv.kit.text.words import counted
from logsrv.linelog.alerts.alert_settings import AlertSettings
from logsrv.linelog.alerts.condition import Condition, Values
from logsrv.linelog.alerts.episodes import Episode, EpisodeMessage, SilencedGroups
from logsrv.linelog.alerts.grammar import AlertQuery, parse_alert
from logsrv.linelog.alerts.tally import MatchCount
from logsrv.linelog.alerts.windows import OTHERS, Key
from logsrv.linelog.query.field_names import field_as_written
from logsrv.linelog.query.parse import phrase_of
from logsrv.linelog.query.question import SHARE
from logsrv.linelog.read.figures.numbers import AtLeast
from logsrv.linelog.read.render import hit_document, safe_json

LONGEST = 1000
"""The most characters of a line in the text; the rest is cut off."""
GAP = "Some lines were removed from the store before they could be looked at."
TEST_OF_LINES = "This is a test by hand: these are the newest lines that match."
EPISODES_SHOWN = 20
"""The most episodes in a text; the others are only counted."""
REMOVED = "The alert was removed or changed; its condition may still be true."
_LEFT_OUT = "There are more groups than are kept; the lines of the others are counted together."
_DROPPED = "While messages waited for this receiver, {} came and went that nobody is told of."
_TEST_OF_CONDITION = "This is a test by hand: the condition need not be true."
_PLAIN_VALUE = re.compile(r'[^\s()"\\]+')


class UndeliveredMessage(LogsrvError):
    """A message did not arrive. The text is one sentence without any of the lines."""


class TemporaryFailure(UndeliveredMessage):
    """A message did not arrive, but may arrive if it is sent again later."""


@attrs.frozen(kw_only=True)
class Message:
    """A message about lines or episodes.

    title: what happened to the query. count: the number of lines or episodes. page: the URL on the live
    page. times, lines: parts of the text. notes: sentences of the text, by their names in JSON. document:
    what JSON has besides name, page and notes.
    """

    alert: AlertSettings
    server: str
    title: str
    count: int
    page: str | None
    lines: Sequence[str]
    notes: Mapping[str, str]
    document: Mapping[str, Any]
    times: Sequence[str] = ()
    state: str | None = None

    @property
    def summary(self) -> str:
        """The first line of the text."""
        return f"{self.title} {one_line(self.alert.alert)}"

    def text(self, *, with_page: bool = True) -> str:
        """Return the text for a person, without control characters of a terminal."""
        head = [self.summary, f"server: {one_line(self.server)}"]
        name = [f"alert: {self.alert.name}"] if self.alert.name else []
        page = [f"page: {self.page}"] if self.page and with_page else []
        notes = self.notes.values()
        return "\n".join([*head, *name, *self.times, *page, *notes, "", *self.lines, ""])

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables for the program; those that are None are left out."""
        found = {
            "LOGSRV_ALERT_QUERY": self.alert.alert,
            "LOGSRV_ALERT_COUNT": str(self.count),
            "LOGSRV_ALERT_STATE": self.state,
            "LOGSRV_ALERT_SERVER": self.server,
            "LOGSRV_ALERT_NAME": self.alert.name,
            "LOGSRV_ALERT_PAGE": self.page,
        }
        return {name: value for name, value in found.items() if value is not None}

    @property
    def json(self) -> bytes:
        """The message as a JSON object."""
        named = {"name": self.alert.name, "page": self.page}
        known = {name: value for name, value in named.items() if value}
        notes = dict.fromkeys(self.notes, True)
        return safe_json({**notes, **self.document, **known}).encode()


def message_of_lines(
    alert: AlertSettings, counted: MatchCount, server: str, *, test: bool = False
) -> Message:
    """Return the message about lines that match."""
    lines = []
    for hit in counted.first:
        shown = printable(hit.line.decode(errors="backslashreplace"))
        lines.append(shown if len(shown) <= LONGEST else shown[: LONGEST - 1] + "…")
    if counted.count > len(counted.first):
        lines.append(f"and {counted.count - len(counted.first):,} more")
    known = counted.since and counted.until
    return Message(
        alert=alert,
        server=server,
        title=f"{counted.count:,} {'line matches' if counted.count == 1 else 'lines match'}",
        count=counted.count,
        page=_page_of_lines(alert, counted),
        lines=lines,
        notes=true_notes((counted.gap, "gap", GAP), (test, "test", TEST_OF_LINES)),
        times=[f"since: {counted.since}", f"until: {counted.until}"] if known else [],
        document={
            "query": alert.alert,
            "count": counted.count,
            "server": server,
            "since": counted.since,
            "until": counted.until,
            "lines": [hit_document(hit) for hit in counted.first],
        },
    )


def true_notes(*notes: tuple[bool, str, str]) -> dict[str, str]:
    """Return the notes that hold: name and sentence of each."""
    return {name: sentence for holds, name, sentence in notes if holds}


def _page_of_lines(alert: AlertSettings, counted: MatchCount) -> str | None:
    if alert.alert_page is None or not (counted.since and counted.until):
        return link_to_page(alert, alert.alert)
    # The page leaves out lines at its end time: an end 1 ms later includes the last line.
    until = rfc3339(parse_rfc3339(counted.until) + 0.001)
    return link_to_page(alert, alert.alert, counted.since, until)


def link_to_page(alert: AlertSettings, query: str, since: str = "", until: str = "") -> str | None:
    """Return the URL of a query on the live page; None if the alert has no `alert_page`."""
    if alert.alert_page is None:
        return None
    given = {"q": query, "since": since, "until": until}
    found = urlencode({name: text for name, text in given.items() if text}, safe=":/")
    return f"{alert.alert_page}?{found}"


def message_of_episodes(
    alert: AlertSettings, sent: EpisodeMessage, server: str, *, test: bool = False
) -> Message:
    """Return the message about episodes."""
    condition = condition_of(alert)
    compared = condition.comparisons[0]
    lines = [episode_in_words(condition, one) for one in sent.episodes[:EPISODES_SHOWN]]
    if sent.count > EPISODES_SHOWN:
        lines.append(f"and {sent.count - EPISODES_SHOWN:,} more")
    return Message(
        alert=alert,
        server=server,
        title=f"{sent.state}:",
        count=sent.count,
        page=_page_of_message(alert, sent),
        lines=lines,
        notes=true_notes(
            (sent.gap, "gap", GAP),
            (sent.left_out, "left_out", _LEFT_OUT),
            (sent.dropped > 0, "dropped", _DROPPED.format(counted(sent.dropped, "episode"))),
            (sent.is_removed, "removed", REMOVED),
            (sent.silenced is not None, "silenced", silenced_in_words(sent.silenced)),
            (test, "test", _TEST_OF_CONDITION),
        ),
        document={
            "query": alert.alert,
            "state": sent.state,
            "server": server,
            "figure": condition.labels[0].name,
            "operator": compared.operator,
            "threshold": compared.threshold,
            "window": condition.window,
            "groups": [_episode_document(alert, condition, one) for one in sent.episodes],
            **({"dropped": sent.dropped} if sent.dropped else {}),
            **({"silenced": _silenced_document(sent.silenced)} if sent.silenced else {}),
        },
        state=sent.state,
    )


def silenced_in_words(silenced: SilencedGroups | None) -> str:
    """Return a sentence such as `2 of 5 groups are silenced until 2026-…`; "" without silenced groups."""
    if silenced is None:
        return ""
    are = "is" if silenced.count == 1 else "are"
    groups = counted(silenced.firing, "firing group")
    return f"{silenced.count} of {groups} {are} silenced until {rfc3339(silenced.until)}."


def _silenced_document(silenced: SilencedGroups) -> dict[str, Any]:
    return {
        "groups": silenced.count,
        "of": silenced.firing,
        "until": rfc3339(silenced.until),
    }


def condition_of(alert: AlertSettings) -> Condition:
    """Return the condition of an alert that has one."""
    found = parse_alert(alert.alert).condition
    assert found is not None
    return found


def state_of(episode: Episode) -> str:
    return "firing" if episode.ended is None else "resolved"


def group_in_words(condition: Condition, key: Key) -> str:
    """Return a group such as `app=shop host="my web"`; "" without groups."""
    if condition.by and key == OTHERS:
        return "(other groups)"
    values = ["(none)" if value is None else _value_of_query(value) for value in key]
    fields = map(field_as_written, condition.by)
    return " ".join(f"{field}={value}" for field, value in zip(fields, values, strict=True))


def group_of(condition: Condition, key: Key) -> dict[str, str | None] | None:
    """Return the values of a group by their fields; None for the groups that are counted together."""
    return None if condition.by and key == OTHERS else dict(zip(condition.by, key, strict=True))


def value_in_words(value: float, unit: str = "") -> str:
    """Return a figure with its unit, without the noise behind its sixth decimal; a share in per cent."""
    if unit == SHARE:
        return f"{round(100 * value, 2):.15g} %"
    return f"{round(value, 6):.15g} {unit}".rstrip()


def first_value(episode: Episode) -> float | None:
    """Return the figure that the condition compares first; None without one."""
    return episode.values[0] if episode.values else None


def values_in_words(condition: Condition, values: Values) -> str:
    """Return the figures with their names and units, such as `p95 took_ms 812 ms, count 20`."""
    found = [
        f"{label.name} {'≥ ' * isinstance(value, AtLeast)}{value_in_words(value, label.unit)}"
        for label, value in zip(condition.labels, values, strict=False)
        if value is not None
    ]
    return ", ".join(found)


def episode_in_words(condition: Condition, episode: Episode) -> str:
    """Return a sentence such as `firing app=shop: count 142 since 2026-11-20T06:18:00.000000Z`."""
    group = group_in_words(condition, episode.key)
    values = f" {values_in_words(condition, episode.values)}".rstrip()
    until = "" if episode.ended is None else f" until {rfc3339(episode.ended)}"
    subject = f"{state_of(episode)} {group}".rstrip()
    return one_line(f"{subject}:{values} since {rfc3339(episode.begun)}{until}")


def _page_of_message(alert: AlertSettings, sent: EpisodeMessage) -> str | None:
    """Return the URL of the lines of all episodes on the live page; None if the alert has no page."""
    if sent.count == 1:
        return page_of_episode(alert, sent.episodes[0])
    parsed = parse_alert(alert.alert)
    begun = min((one.begun for one in sent.episodes), default=sent.time)
    return _page(alert, parsed, parsed.lines_text, begun, None)


def page_of_episode(alert: AlertSettings, episode: Episode) -> str | None:
    """Return the URL of an episode's lines on the live page; None if the alert has no page."""
    parsed = parse_alert(alert.alert)
    conditions = _conditions_of_group(condition_of(alert), episode.key)
    query = parsed.lines_text
    if conditions and parsed.lines_text != parsed.filter_text:
        query = f"{query} | where {conditions}"
    elif conditions:
        query = f"({query}) {conditions}" if query else conditions
    return _page(alert, parsed, query, episode.begun, episode.ended)


def _page(
    alert: AlertSettings, parsed: AlertQuery, query: str, begun: float, ended: float | None
) -> str | None:
    assert parsed.condition is not None
    since = rfc3339(begun - parsed.condition.window)
    return link_to_page(alert, query, since, "" if ended is None else rfc3339(ended))


def _conditions_of_group(condition: Condition, key: Key) -> str:
    """Return the comparisons of a query that only lines of this group fulfil."""
    return " ".join(
        f"-{field}=*" if value is None else f"{field}={_value_of_query(value)}"
        for field, value in zip(map(field_as_written, condition.by), key, strict=False)
    )


def _value_of_query(value: str) -> str:
    return value if _PLAIN_VALUE.fullmatch(value) and value != "*" else phrase_of(value)


def _episode_document(
    alert: AlertSettings, condition: Condition, episode: Episode
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "labels": dict(zip(condition.by, episode.key, strict=False)),
        "state": state_of(episode),
        "value": first_value(episode),
        "since": rfc3339(episode.begun),
    }
    if len(condition.labels) > 1:
        names = [label.name for label in condition.labels]
        found["values"] = dict(zip(names, episode.values, strict=False))
    found |= {} if episode.ended is None else {"until": rfc3339(episode.ended)}
    found |= {"page": page} if (page := page_of_episode(alert, episode)) else {}
    return found
