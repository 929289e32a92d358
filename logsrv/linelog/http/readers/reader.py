"""A reader: a name, its rights, and the lines that it sees; made of a table and its file."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from logsrv.errors import ConfigurationError
from logsrv.kit.text.words import shown
from logsrv.linelog.http.problems import Problem
from logsrv.linelog.http.readers.reader_settings import ALERT, READ, RIGHTS, SAVE, ReaderSettings
from logsrv.linelog.http.readers.token_file import KnownToken, read_token_file

_CHANGES = {SAVE: "saved searches and boards", ALERT: "alerts and silences"}


@attrs.frozen
class Reader:
    """A person or program that asks. name: "" for one with the token of --http-token, or without any.

    only: the condition of the lines that it sees; "" for all. token: None for one that only a proxy names.
    """

    name: str = ""
    may: frozenset[str] = frozenset(RIGHTS)
    only: str = ""
    token: KnownToken | None = attrs.field(default=None, repr=False)

    @property
    def called(self) -> str:
        """The name in a sentence."""
        return f"reader {shown(self.name)}" if self.name else "this reader"

    def require(self, right: str) -> None:
        """Raise Problem (403) if the reader lacks a right. right: "" stands for all of them."""
        if why_not := self.why_not(right):
            raise Problem(403, why_not)

    def why_not(self, right: str) -> str:
        """Return a sentence if the reader lacks a right, else ""."""
        lacking = [one for one in ([right] if right else RIGHTS) if one not in self.may]
        if not lacking:
            return ""
        what = _CHANGES.get(lacking[0], "this")
        return f"{self.called} may not change {what}: its table lacks the right {lacking[0]}"

    def require_all_lines(self, path: str) -> None:
        """Raise Problem (403) if the reader sees only some lines, for what tells of all of them."""
        if self.only:
            raise Problem(
                403, f"{self.called} sees only some lines, and {path} tells of all of them"
            )

    def reads_like(self, other: Reader) -> bool:
        """Return whether both have the same name, token and lines, whatever else they may do."""
        return attrs.evolve(self, may=frozenset((READ,))) == attrs.evolve(
            other, may=frozenset((READ,))
        )

    def document(self) -> dict[str, object]:
        """Return what the page is told of its reader."""
        return {
            "name": self.name or None,
            "may": [right for right in RIGHTS if right in self.may],
            "only": self.only or None,
        }


ANYBODY = Reader()
"""Who asks a server that needs no token."""


def read_readers(tables: Sequence[ReaderSettings], token: str | None) -> tuple[Reader, ...]:
    """Return all readers. token: that of --http-token, who may everything.

    Raises ConfigurationError if the file of a token cannot be used, or two readers have the same token.
    """
    found: list[Reader] = []
    # The tokens that are known as they are; of others the files have hashes.
    plain: list[tuple[Reader, str]] = []
    if token is not None:
        found.append(Reader(token=KnownToken.of(token)))
        plain.append((found[0], token))
    for table in tables:
        known = text = None
        if table.token_file is not None:
            try:
                known, text = read_token_file("token", table.token_file)
            except ConfigurationError as error:
                # It is a key of the reader's table, and no option.
                said = str(error).removeprefix("--")
                raise ConfigurationError(f"reader {table.name}: {said}") from None
        reader = Reader(table.name, frozenset(table.may), table.only or "", known)
        found.append(reader)
        if text is not None:
            plain.append((reader, text))
    for reader, text in plain:
        for other in found:
            same = other.token is not None and other.token.is_of(text.encode())
            if other is not reader and same:
                raise _same_token(reader, other)
    for number, reader in enumerate(found):
        for other in found[number + 1 :]:
            if reader.token is not None and reader.token == other.token:
                raise _same_token(reader, other)
    return tuple(found)


def _same_token(one: Reader, other: Reader) -> ConfigurationError:
    first, second = (
        f"reader {each.name}" if each.name else "--http-token" for each in (one, other)
    )
    return ConfigurationError(
        f"{first} and {second} have the same token, which would not tell who asks: `logsrv token` makes one"
    )
