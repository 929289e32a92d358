"""The message of an alert: text and environment variables for a program, JSON for a webhook."""

from __future__ import annotations

from collections.abc import Iterable
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
    title = f"{counted.count:,} {'line matches' if counted.count == 1 else 'lines match'}"
    known = counted.since and counted.until
    times = [f"since: {counted.since}", f"until: {counted.until}"] if known else []
    lines = []
    for hit in counted.first:
        shown = printable(hit.line.decode(errors="backslashreplace"))
        lines.append(shown if len(shown) <= LONGEST else shown[: LONGEST - 1] + "…")
    if counted.count > len(counted.first):
        lines.append(f"and {counted.count - len(counted.first):,} more")
    notes = [GAP] * counted.gap + [TEST] * test
    return text_of_parts(alert, title, server, page_link(alert, counted), times, notes, lines)


def text_of_parts(
    alert: AlertSettings,
    title: str,
    server: str,
    page: str | None,
    times: Iterable[str],
    notes: Iterable[str],
    lines: Iterable[str],
) -> bytes:
    """Return a message as text. title: what happened to the query. lines: what was found."""
    head = [f"{title} {one_line(alert.alert)}", f"server: {one_line(server)}"]
    name = [f"alert: {alert.name}"] if alert.name else []
    link = [f"page: {page}"] if page else []
    return "\n".join([*head, *name, *times, *link, *notes, "", *lines, ""]).encode()


def message_variables(alert: AlertSettings, counted: MatchCount, server: str) -> dict[str, str]:
    """Return the environment variables for the program."""
    return variables_of_parts(alert, counted.count, server, page_link(alert, counted))


def variables_of_parts(
    alert: AlertSettings, count: int, server: str, page: str | None, state: str | None = None
) -> dict[str, str]:
    """Return the environment variables; those that are None are left out."""
    found = {
        "LOGSRV_ALERT_QUERY": alert.alert,
        "LOGSRV_ALERT_COUNT": str(count),
        "LOGSRV_ALERT_STATE": state,
        "LOGSRV_ALERT_SERVER": server,
        "LOGSRV_ALERT_NAME": alert.name,
        "LOGSRV_ALERT_PAGE": page,
    }
    return {name: value for name, value in found.items() if value is not None}


def message_as_json(
    alert: AlertSettings, counted: MatchCount, server: str, *, test: bool = False
) -> bytes:
    """Return the message as a JSON object."""
    found = {
        "query": alert.alert,
        "count": counted.count,
        "server": server,
        "since": counted.since,
        "until": counted.until,
        "lines": [hit_document(hit) for hit in counted.first],
    }
    return json_of_parts(alert, found, page_link(alert, counted), gap=counted.gap, test=test)


def json_of_parts(
    alert: AlertSettings, found: dict[str, Any], page: str | None, **notes: bool
) -> bytes:
    """Return a message as a JSON object. notes: only those that are true are in it."""
    given = {"name": alert.name, "page": page, **notes}
    return safe_json(found | {name: value for name, value in given.items() if value}).encode()
