"""The token of senders over HTTP: in `Authorization`, as a Bearer token or as the Basic password."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Collection

from logsrv.linelog.lines.bodies import RequestRefused

_SCHEMES = (b"bearer", b"basic")


class TokenMissing(RequestRefused):
    """The refusal (401) of a request without a token."""


class TokenWrong(RequestRefused):
    """The refusal (401) of a request with another token."""


def challenges(schemes: Collection[bytes]) -> list[str]:
    """Return the values of `WWW-Authenticate` for a path. schemes: those beside Bearer and Basic."""
    return [f'{one.decode().title()} realm="logsrv"' for one in (*_SCHEMES, *schemes)]


def check_token(header: bytes | None, token: str | None, schemes: Collection[bytes] = ()) -> None:
    """Raise TokenMissing or TokenWrong unless the `Authorization` header has the token, or `token` is None.

    schemes: words, in lower case, that may stand before the token instead of Bearer.
    """
    if token is None:
        return
    given = _token_in(header or b"", schemes)
    if given is None:
        raise TokenMissing(
            401, "a token is needed: Authorization: Bearer TOKEN, or as the password of Basic"
        )
    if not hmac.compare_digest(given, token.encode()):
        raise TokenWrong(401, "the token is wrong")


def _token_in(header: bytes, schemes: Collection[bytes]) -> bytes | None:
    scheme, _, rest = header.strip().partition(b" ")
    if scheme.lower() == b"bearer" or scheme.lower() in schemes:
        return rest.strip()
    if scheme.lower() == b"basic":
        try:
            return base64.b64decode(rest.strip(), validate=True).partition(b":")[2]
        except binascii.Error:
            return b""
    return None
