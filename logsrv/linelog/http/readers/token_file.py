"""The token of a reader: checked against its file, which has the token itself, or its hash.

A hash is one SHA-256 of a cookie, and the cookie one HMAC of the token. A slow hash such as scrypt protects
passwords that can be guessed; a token of 256 random bits cannot, however fast a guess is checked. So
`logsrv token` makes the token itself, and hashes none that somebody has thought of.

    token  --HMAC with the salt-->  cookie  --SHA-256-->  digest, in the file

Who reads the file learns neither of the two before it. The server checks both by it, so that a cookie is
right after a restart, too, and a new token makes it wrong.
"""

from __future__ import annotations

import hmac
import re
import secrets
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import attrs

from logsrv.errors import ConfigurationError
from logsrv.kit.options.files import SECRET_FILE, read_secret
from logsrv.kit.options.kinds import Kind

_HASH = re.compile(r"logsrv-token:([0-9a-f]{32}):([0-9a-f]{64})")
_BEGINNING = "logsrv-token:"
_PURPOSE = b"logsrv: cookie of the page"


class KnownToken(NamedTuple):
    """The hash of a token, by which it and its cookie are checked. salt: "" for a plain token."""

    salt: str
    digest: str

    @classmethod
    def of(cls, token: str, salt: str = "") -> KnownToken:
        """Return what is known of a token."""
        return cls(salt, _digest_of(_cookie_of(token.encode(), salt)))

    def is_of(self, token: bytes) -> bool:
        """Return whether this is of `token`."""
        return self.is_of_cookie(_cookie_of(token, self.salt))

    def is_of_cookie(self, cookie: bytes) -> bool:
        """Return whether this is of the token of a cookie."""
        return hmac.compare_digest(_digest_of(cookie), self.digest)

    def cookie(self, token: bytes) -> bytes:
        """Return the value of the cookie, which a browser keeps in a file instead of the token."""
        return _cookie_of(token, self.salt)

    @property
    def cookie_name(self) -> bytes:
        """The name of the cookie. All ports of a host share its cookies, so each token has its own name."""
        return f"logsrv-{self.digest[:8]}".encode()

    @property
    def line(self) -> str:
        """The line for the file. Only for a token of `new_token`."""
        return f"{_BEGINNING}{self.salt}:{self.digest}"


def _cookie_of(token: bytes, salt: str) -> bytes:
    return hmac.new(token, _PURPOSE + salt.encode(), sha256).hexdigest().encode()


def _digest_of(cookie: bytes) -> str:
    return sha256(cookie).hexdigest()


def new_token() -> tuple[str, KnownToken]:
    """Return a random token of 256 bits, and what its file has of it."""
    token = secrets.token_urlsafe(32)
    return token, KnownToken.of(token, secrets.token_hex(16))


def read_token_file(option: str, file: Path) -> tuple[KnownToken, str | None]:
    """Return what is known of the token in a file, and the token unless it has the hash.

    option: names the file in the error.
    Raises ConfigurationError if the file cannot be read, or has neither a token nor a hash.
    """
    text = read_secret(option, None, file)
    assert text is not None
    if not text.startswith(_BEGINNING):
        return KnownToken.of(text), text
    found = _HASH.fullmatch(text)
    if found is None:
        raise ConfigurationError(
            f"--{option}-file {file} begins like the hash of a token, but is not one: take the whole line "
            "that `logsrv token` has printed"
        )
    return KnownToken(*found.groups()), None


def has_hash(file: Path) -> bool:
    """Return whether a file has the hash of a token, which everybody may read."""
    try:
        return read_token_file("token", file)[1] is None
    except ConfigurationError:
        return False


TOKEN_FILE: Kind[Path] = attrs.evolve(SECRET_FILE, harmless=has_hash)
"""The file of a reader's token. With a hash in it, it is a fault only if everybody may change it."""
