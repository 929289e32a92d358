"""Parse a content that is no JSON: the forms are tried in this order, and the first one counts."""

from __future__ import annotations

from logsrv.linelog.fields.forms.access.one import parse_access
from logsrv.linelog.fields.forms.events.one import parse_event
from logsrv.linelog.fields.forms.logfmt.one import parse_logfmt
from logsrv.linelog.fields.forms.programs.one import parse_program_message


def parse_text(text: str, app: str | None) -> tuple[str | None, dict[str, str]]:
    """Return the kind and the fields of a content that is no JSON; None for plain text.

    app: from the header, None without a header.
    """
    event = parse_event(text)
    if event is not None:
        return event
    found = parse_access(text)
    if found is not None:
        return "access", found
    pairs = parse_logfmt(text)
    return "logfmt" if pairs else None, parse_program_message(text, app) | (pairs or {})
