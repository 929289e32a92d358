"""The meaning of an answer over HTTP to who ships: taken, later, smaller, or never (no I/O).

2xx                    taken
400, 422               never: what was sent is wrong
413                    smaller
429, 5xx               later, if it says when: then
408, 425               later
401, 403, 3xx, others  later, and it does not go away by itself; redirects are not followed, because
                       lines go where the operator said, and nowhere else
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
"""Seconds that a server may ask to be left alone."""
_SHOWN = 200
_SECONDS = re.compile(r"[0-9]{1,9}")
_SOON = (408, 425)


@attrs.frozen
class HttpAnswer:
    """An answer: its headers by their names in lower case, its body as far as it is kept.

    whole: whether that is all of the body.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = attrs.field(default=b"", repr=False)
    whole: bool = True


def judge(answer: HttpAnswer, who: str, now: float, also: Collection[int] = ()) -> None:
    """Raise what an answer means, unless it is a 2xx or one of `also`.

    who: the server, as a sentence begins with it. Raises Unavailable, TooMuchAtOnce and RefusedForGood.
    """
    status = answer.status
    if status in also:
        return
    if 200 <= status < 300:
        if not answer.whole:
            raise Unavailable(f"{who} answered with {status}, and its answer has no end")
        return
    sentence = f"{who} answered with {_phrase(status)}{_said(answer)}"
    if status in (400, 422):
        raise RefusedForGood(sentence)
    if status == 413:
        raise TooMuchAtOnce(sentence)
    if status == 429 or status >= 500:
        raise Unavailable(sentence, after=pause(answer.headers.get("retry-after", ""), now))
    if status in _SOON:
        raise Unavailable(sentence)
    redirect = ", and redirects are not followed" if 300 <= status < 400 else ""
    raise Unavailable(sentence + redirect, settled=True)


def pause(text: str, now: float) -> float | None:
    """Return the seconds of a Retry-After: a number, or a date. None without one that makes sense.

    now: seconds since 1970.
    """
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), LONGEST_PAUSE)
    try:
        date = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    try:
        moment = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
    return min(max(0.0, moment - now), LONGEST_PAUSE)


def _phrase(status: int) -> str:
    try:
        return f"{status} ({HTTPStatus(status).phrase})"
    except ValueError:
        return str(status)


def _said(answer: HttpAnswer) -> str:
    """Return the beginning of what the server says in words: never HTML."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("text/plain", "application/json"):
        return ""
    text = one_line(answer.body[: 4 * _SHOWN].decode("utf-8", "replace").strip(), _SHOWN)
    return f": {text}" if text else ""
