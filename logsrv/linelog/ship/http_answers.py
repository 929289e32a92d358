"""The meaning of an HTTP answer to a shipper: taken, later, smaller, or never (no I/O).

2xx                    taken; later if the body is not complete
400, 422               never: the request is wrong
413                    smaller
429, 5xx               later, after the time in Retry-After if the answer has one
408, 425               later
401, 403, 3xx, others  later; the cause does not pass by itself. Redirects are not followed, because
                       lines go only where the operator said
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import attrs

from logsrv.kit.text.escape import one_line
from logsrv.linelog.ship.target import RefusedForGood, TooMuchAtOnce, Unavailable

LONGEST_PAUSE = 600.0
"""The longest pause in seconds: if Retry-After asks for more, this one is used."""
_SHOWN = 200
_SECONDS = re.compile(r"[0-9]{1,9}")
_SOON = (408, 425)


@attrs.frozen
class HttpAnswer:
    """An answer: its headers by lower-case name, and its body up to a limit.

    whole: whether the body is complete.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = attrs.field(default=b"", repr=False)
    whole: bool = True


def raise_unless_success(
    answer: HttpAnswer, who: str, now: float, accepted: Collection[int] = ()
) -> None:
    """Raise the error for an answer, unless its status is in `accepted`, or 2xx and the body is complete.

    who: the server, as the subject of a sentence. now: seconds since 1970. Raises Unavailable,
    TooMuchAtOnce and RefusedForGood.
    """
    status = answer.status
    if status in accepted:
        return
    if 200 <= status < 300:
        if not answer.whole:
            raise Unavailable(f"{who} answered with {status}; the answer broke off or is too long")
        return
    sentence = f"{who} answered with {_status_text(status)}{_body_excerpt(answer)}"
    if status in (400, 422):
        raise RefusedForGood(sentence)
    if status == 413:
        raise TooMuchAtOnce(sentence)
    if status == 429 or status >= 500:
        raise Unavailable(
            sentence,
            after=parse_retry_after(answer.headers.get("retry-after", ""), now),
            busy=status in (429, 503),
        )
    if status in _SOON:
        raise Unavailable(sentence)
    redirect = ", and redirects are not followed" if 300 <= status < 400 else ""
    raise Unavailable(sentence + redirect, settled=True)


def parse_retry_after(text: str, now: float) -> float | None:
    """Return the seconds in a Retry-After, at most LONGEST_PAUSE; None if it is no number and no date.

    now: seconds since 1970.
    """
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), LONGEST_PAUSE)
    try:
        date = parsedate_to_datetime(text)
        moment = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return min(max(0.0, moment - now), LONGEST_PAUSE)


def _status_text(status: int) -> str:
    try:
        return f"{status} ({HTTPStatus(status).phrase})"
    except ValueError:
        return str(status)


def _body_excerpt(answer: HttpAnswer) -> str:
    """Return the beginning of the body, for a message; "" if that is not plain text or JSON."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("text/plain", "application/json"):
        return ""
    text = one_line(answer.body[: 4 * _SHOWN].decode("utf-8", "replace").strip(), _SHOWN)
    return f": {text}" if text else ""
