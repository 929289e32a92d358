"""The options of a table `[[reader]]`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from logsrv.errors import ConfigurationError
from logsrv.kit.options.declare import REQUIRED, option
from logsrv.kit.options.kinds import Kind, choice
from logsrv.lazy_names import later_module
from logsrv.linelog.http.readers.token_file import TOKEN_FILE
from logsrv.linelog.query.option_kinds import QUERY, checked_query

if TYPE_CHECKING:
    from logsrv.linelog.read import only
else:
    # Only for a reader with such lines.
    only = later_module("logsrv.linelog.read.only")

READ, SAVE, ALERT = "read", "save", "alert"
RIGHTS = (READ, SAVE, ALERT)
"""What a reader may: read; change saved searches and boards; change alerts and silences."""
_LONGEST_NAME = 100


def _parse_reader_name(text: str) -> str:
    if not 0 < len(text) <= _LONGEST_NAME or text != text.strip() or not text.isprintable():
        raise ValueError(
            f"not 1 to {_LONGEST_NAME} printable characters without spaces around them"
        )
    return text


READER_NAME: Kind[str] = Kind(
    _parse_reader_name, "a name, such as alice or alice@example.org", "NAME"
)


def _parse_only(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty; leave the key out for a reader of all lines")
    return checked_query(text, only.parse_only)


ONLY: Kind[str] = Kind(
    _parse_only,
    "a query without stages, such as 'app=web' or 'hostname in (shop1, shop2)'",
    "QUERY",
    separator=r"\n",
    advise=QUERY.advise,
)


@attrs.frozen(kw_only=True, slots=False)
class ReaderSettings:
    """The settings of one reader. Raises ConfigurationError for rights that do not go together."""

    name: str = option(REQUIRED, READER_NAME, "the reader's name, on the page and in the audit log")
    token_file: Path | None = option(
        None, TOKEN_FILE, "a file with the token, or with its hash from `logsrv token`"
    )
    may: tuple[str, ...] = option(
        (READ,),
        choice(*RIGHTS),
        "besides `read`: `save` changes saved searches and boards, `alert` alerts and silences",
        repeatable=True,
    )
    only: str | None = option(None, ONLY, "see only lines that match this")

    def __attrs_post_init__(self) -> None:
        if READ not in self.may:
            raise ConfigurationError(
                f"reader {self.name}: `may` lacks read, without which it can do nothing"
            )
        if self.only is not None and ALERT in self.may:
            raise ConfigurationError(
                f"reader {self.name}: `only` and the right alert do not go together, as alerts and their "
                "messages are about all lines"
            )
