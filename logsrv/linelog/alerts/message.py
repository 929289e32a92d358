"""The message of an alert: text and environment variables for a program, JSON for a webhook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import attrs

from logsrv.errors import LogsrvError
from logsrv.kit.text.escape import one_line, printable
from logsrv.kit.text.time import parse_rfc3339, rfc3339
from logsrv.linelog.alerts.alert_settings import AlertSettings
from logsrv.linelog.alerts.tally import MatchCount
from logsrv.linelog.read.render import hit_document, safe_json

LONGEST = 1000
"""The most characters of a line in the text; the rest is cut off."""
GAP = "Some lines were removed from the store before they could be looked at."
TEST = "This is a test by hand: these are the newest lines that match."


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
        notes=true_notes((counted.gap, "gap", GAP), (test, "test", TEST)),
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
