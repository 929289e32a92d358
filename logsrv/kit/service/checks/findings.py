"""A finding of a check: its weight, its subject, a sentence and advice."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import attrs

from logsrv.kit.net.endpoint import EVERYWHERE, Endpoint
from logsrv.kit.service.checks.user import User
from logsrv.kit.text.words import error_text, shown


class FindingLevel(enum.Enum):
    """The weight of a finding: only an error keeps the service from its work."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@attrs.frozen
class Finding:
    """A line for the operator. subject: a file, a place or a part. advice: the remedy; "" for none."""

    level: FindingLevel
    subject: str
    sentence: str
    advice: str = ""


@attrs.frozen
class CheckRequest:
    """The arguments of `logsrv check`.

    user: the user that the service runs as. reach: whether to try connections to other servers. file: the
    configuration; None if there is none.
    """

    user: User
    reach: bool = False
    file: Path | None = None


# A finding without a fault; about something that is odd, or will fail later; about what cannot work.
ok = partial(Finding, FindingLevel.OK)
warning = partial(Finding, FindingLevel.WARNING)
error = partial(Finding, FindingLevel.ERROR)


def short_place_text(endpoint: Endpoint) -> str:
    """Return the place of an endpoint without its other arguments: `ssl:6514`, `unix:/run/log.sock`."""
    if endpoint.path:
        return shown(f"{endpoint.scheme}:{endpoint.path}")
    if endpoint.port is None:
        return shown(str(endpoint))
    place = f"{endpoint.scheme}:{endpoint.port}"
    return place if endpoint.interface in EVERYWHERE else f"{place} on {endpoint.interface}"


def findings_or_error(subject: str, check: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """Yield the findings of a check. If it raises, yield an error about `subject`, so that others go on."""
    try:
        yield from check()
    except Exception as failure:
        yield error(subject, f"could not be checked: {error_text(failure)}")
