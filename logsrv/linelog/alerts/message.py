"""The message of an alert: text and environment variables for a program, JSON for a webhook."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

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


def page_link(alert: AlertSettings, counted: MatchCount) -> str | None:
    """Return the URL of the lines on the live page; None if the alert has no `alert_page`."""
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


def message_as_text(
    alert: AlertSettings, counted: MatchCount, server: str, *, test: bool = False
) -> bytes:
    """Return the message as text for a person, without control characters of a terminal."""
    lines = "line matches" if counted.count == 1 else "lines match"
    parts = [f"{counted.count:,} {lines} {one_line(alert.alert)}", f"server: {one_line(server)}"]
    if alert.name:
        parts.append(f"alert: {alert.name}")
    if counted.since and counted.until:
        parts += [f"since: {counted.since}", f"until: {counted.until}"]
    if page := page_link(alert, counted):
        parts.append(f"page: {page}")
    parts += [GAP] * counted.gap + [TEST] * test + [""]
    for hit in counted.first:
        shown = printable(hit.line.decode(errors="backslashreplace"))
        parts.append(shown if len(shown) <= LONGEST else shown[: LONGEST - 1] + "…")
    if counted.count > len(counted.first):
        parts.append(f"and {counted.count - len(counted.first):,} more")
    return ("\n".join(parts) + "\n").encode()


def message_variables(alert: AlertSettings, counted: MatchCount, server: str) -> dict[str, str]:
    """Return the environment variables for the program."""
    found = {
        "LOGSRV_ALERT_QUERY": alert.alert,
        "LOGSRV_ALERT_COUNT": str(counted.count),
        "LOGSRV_ALERT_SERVER": server,
        "LOGSRV_ALERT_NAME": alert.name,
        "LOGSRV_ALERT_PAGE": page_link(alert, counted),
    }
    return {name: value for name, value in found.items() if value is not None}


def message_as_json(
    alert: AlertSettings, counted: MatchCount, server: str, *, test: bool = False
) -> bytes:
    """Return the message as a JSON object."""
    found: dict[str, Any] = {
        "query": alert.alert,
        "count": counted.count,
        "server": server,
        "since": counted.since,
        "until": counted.until,
        "lines": [hit_document(hit) for hit in counted.first],
    }
    found |= {"name": alert.name} if alert.name else {}
    found |= {"page": page} if (page := page_link(alert, counted)) else {}
    found |= {"gap": True} if counted.gap else {}
    found |= {"test": True} if test else {}
    return safe_json(found).encode()
