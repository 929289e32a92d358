"""One-time codes: whoever has the token makes one, and the server that has the token accepts it once.

A code is MADE.UID.NONCE.MAC: the millisecond in which it was made, the user whose browser may use it,
random bytes, and a MAC of these three with a key made of the token. So the command that makes one needs no
connection to the server, and the server remembers used codes only until they expire.

The key is made by scrypt: who finds an old code, such as in a browser's history, could else try millions of
guessed tokens a second on it.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from enum import Enum
from functools import lru_cache
from hashlib import scrypt, sha256

LIFETIME = 60.0
"""Seconds for which a code is good."""
NONCE_BYTES = 12
ANY_USER = "-"
"""Stands for the user in a code that every user's browser may use."""
_MAC_BYTES = 18
# A clock that is set back between the command and the server must not make a code live longer.
_AHEAD = 5.0


class CodeState(Enum):
    """The worth of a code. The value is a sentence for whoever opened its address."""

    RIGHT = ""
    USED = "this address has been used; logsrv open prints another"
    EXPIRED = "this address was for a minute, and for the server that ran then; logsrv open prints another"
    WRONG = (
        "this address is cut, or was made with another token; logsrv open prints another, and a reload "
        "of the server reads a changed token"
    )
    OTHER_USER = (
        "this address is for the browser of another user: logsrv open --user NAME names one"
    )


def make_code(token: str, now: float, nonce: bytes, uid: int | None = None) -> str:
    """Return a code that the server of `token` accepts until LIFETIME after `now`.

    nonce: NONCE_BYTES random bytes. uid: the user whose browser may use it; None for any.
    """
    begins = f"{int(now * 1000):x}.{ANY_USER if uid is None else uid}.{_text_of(nonce)}"
    return f"{begins}.{_mac(token.encode(), begins)}"


class OneTimeCodes:
    """The judge of codes, which remembers those that were used.

    now: the present time. Codes that were made before are refused: an earlier process may have accepted
    them.
    """

    def __init__(self, now: float) -> None:
        # It never goes back, as clocks may: what was forgotten is never accepted again.
        self._oldest = now
        self._used: dict[str, float] = {}

    def spend(self, code: str, token: bytes, now: float, uid: int | None = None) -> CodeState:
        """Return what a code is worth, and remember it if it is right.

        uid: the user at the other end of the connection; None if that is not known. Root may use all codes.
        """
        self._forget(now)
        begins, _, mac = code.rpartition(".")
        if not hmac.compare_digest(mac.encode(), _mac(token, begins).encode()):
            return CodeState.WRONG
        # The MAC is right, so the rest is as `make_code` has written it.
        made_text, whose, nonce = begins.split(".")
        made = int(made_text, 16) / 1000
        if not self._oldest <= made <= now + _AHEAD:
            return CodeState.EXPIRED
        if nonce in self._used:
            return CodeState.USED
        if whose != ANY_USER and uid not in (None, 0, int(whose)):
            return CodeState.OTHER_USER
        self._used[nonce] = made
        return CodeState.RIGHT

    def _forget(self, now: float) -> None:
        self._oldest = max(self._oldest, now - LIFETIME)
        self._used = {nonce: made for nonce, made in self._used.items() if made >= self._oldest}

    @property
    def remembered(self) -> int:
        """Return how many used codes are remembered."""
        return len(self._used)


def _mac(token: bytes, begins: str) -> str:
    return _text_of(hmac.digest(_key(token), begins.encode(), sha256)[:_MAC_BYTES])


@lru_cache(maxsize=64)
def _key(token: bytes) -> bytes:
    # 16 MiB and 50 ms, once for each token of a process.
    return scrypt(token, salt=b"logsrv: one-time code", n=2**14, r=8, p=1, dklen=32)


def _text_of(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")
