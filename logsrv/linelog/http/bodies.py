"""The body of a request that changes something, as JSON, and the name in its path. All raise Problem."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_to_bytes

from logsrv.kit.text.escape import printable
from logsrv.kit.web.channel import WebRequest
from logsrv.linelog.http.endpoints import JSON, LONGEST_NAME
from logsrv.linelog.http.problems import Problem
from logsrv.linelog.parts.entries_file import parse_json

NO_NAME = f"a name has 1 to {LONGEST_NAME} printable characters, and is not '.' or '..'"


def name_in_path(request: WebRequest, before: str) -> str:
    """Return the name at the end of a path. before: the path up to it."""
    try:
        name = unquote_to_bytes(request.path.removeprefix(before.encode())).decode()
    except UnicodeDecodeError:
        raise Problem(400, "the name is not percent-encoded UTF-8") from None
    if not is_name(name):
        raise Problem(400, NO_NAME)
    return name


def is_name(name: object) -> bool:
    """Return whether a value may be a name in a path."""
    # Browsers take `.` and `..` out of a path, even percent-encoded.
    return (
        isinstance(name, str)
        and len(name.strip()) > 0
        and len(name) <= LONGEST_NAME
        and name not in (".", "..")
        and printable(name) == name
    )


def json_body(request: WebRequest, most: int | None = None) -> Any:
    """Return the JSON value in a request's body, at most `most` bytes, the usual unless given.

    Raises ValueError if it is none.
    """
    given = (request.getHeader(b"Content-Type") or b"").partition(b";")[0].strip().lower()
    if given != JSON.encode():
        raise Problem(415, f"this takes only Content-Type: {JSON}")
    most = request.most_kept if most is None else most
    if request.body_size > most:
        raise Problem(413, f"it is longer than {most} bytes")
    assert request.content is not None
    return parse_json(request.content.read())
