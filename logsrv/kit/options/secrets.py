"""Options that are secrets, such as a token: on the command line for a try, in a file for anything else."""

from __future__ import annotations

from pathlib import Path

from logsrv.errors import ConfigurationError
from logsrv.kit.options.files import read_file
from logsrv.kit.options.kinds import Kind

LONGEST = 1000


def _secret(text: str) -> str:
    if not 0 < len(text) <= LONGEST or not all("!" <= one <= "~" for one in text):
        raise ValueError("not a token")
    return text


SECRET: Kind[str] = Kind(_secret, "printable ASCII without spaces", "TOKEN")


def _pair(text: str) -> str:
    name, secret = text.split()
    return f"{_secret(name)} {_secret(secret)}"


KEY_PAIR: Kind[str] = Kind(_pair, "a key and its secret, with a space between them", "KEY SECRET")


def read_secret(
    option: str, value: str | None, file: Path | None, kind: Kind[str] = SECRET
) -> str | None:
    """Return the secret of `--OPTION` or out of the file of `--OPTION-file`; None for neither.

    Raises ConfigurationError for both, and for a file that cannot be read or has none in it.
    """
    if file is None:
        return value
    if value is not None:
        raise ConfigurationError(f"--{option} and --{option}-file are both there; take one")
    named = f"--{option}-file {file}"
    try:
        text = read_file(file, LONGEST + 10).decode("ascii", "replace").strip()
    except ValueError as error:
        raise ConfigurationError(f"{named}: {error}") from None
    try:
        return kind.parse(text)
    except ValueError:
        raise ConfigurationError(f"{named} has no token in it; accepted: {kind.accepted}") from None
