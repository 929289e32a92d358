"""The files that settings name, and secrets: `--OPTION VALUE` for tests, `--OPTION-file FILE` otherwise."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from logsrv.errors import ConfigurationError
from logsrv.kit.options.declare import option_name, options_of, table_key, tables_of
from logsrv.kit.options.files import read_file
from logsrv.kit.options.kinds import FILE, PATH, Kind

LONGEST_SECRET = 1000
SECRET_FILE: Kind[Path] = attrs.evolve(FILE, secret=True)
"""The file of a secret, such as a token or a key: `given_files` marks it as secret."""


@attrs.frozen
class GivenFile:
    """A file that an option names.

    option: the name without dashes. secret: whether the file contains a secret. needed: whether it must be
    there before a start.
    """

    option: str
    path: Path
    secret: bool
    needed: bool = True


def given_files(settings: Any) -> Iterable[GivenFile]:
    """Return each file that the options of `settings` and of their tables name, once.

    Settings that declare no options have none.
    """
    found: dict[tuple[Path, bool], GivenFile] = {}
    for one in _files_with_repeats(settings) if attrs.has(type(settings)) else ():
        found.setdefault((one.path, one.secret), one)
    return found.values()


def _files_with_repeats(settings: Any) -> Iterator[GivenFile]:
    for attribute, option in options_of(type(settings)).items():
        value = getattr(settings, attribute)
        for one in value if option.repeatable else (value,):
            if isinstance(one, Path) and option.kind.completion == "files":
                kind = option.kind
                yield GivenFile(option_name(attribute), one, kind.secret, kind is not PATH)
    for attribute in tables_of(type(settings)):
        for table in getattr(settings, attribute):
            yield from _files_with_repeats(table)


def inline_secret_keys(settings_class: type[Any], document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the keys of a TOML document and of its tables whose values are secrets."""
    for attribute, option in options_of(settings_class).items():
        # The path to a secret is not a secret.
        is_secret = option.kind.secret and option.kind.completion != "files"
        if is_secret and option_name(attribute) in document:
            yield option_name(attribute)
    for attribute, declared in tables_of(settings_class).items():
        found = document.get(table_key(attribute, declared), [])
        for table in found if isinstance(found, list) else []:
            if isinstance(table, dict):
                yield from inline_secret_keys(declared.settings_class, table)


def _parse_secret(text: str) -> str:
    if not 0 < len(text) <= LONGEST_SECRET or not all("!" <= one <= "~" for one in text):
        raise ValueError("not a token")
    return text


SECRET: Kind[str] = Kind(_parse_secret, "printable ASCII without spaces", "TOKEN", secret=True)


def _parse_key_pair(text: str) -> str:
    name, secret = text.split()
    return f"{_parse_secret(name)} {_parse_secret(secret)}"


KEY_PAIR: Kind[str] = Kind(
    _parse_key_pair, "a key and its secret, with a space between them", "KEY SECRET"
)


def read_secret(
    option: str, value: str | None, file: Path | None, kind: Kind[str] = SECRET
) -> str | None:
    """Return the secret of `--OPTION`, or of the file of `--OPTION-file`; None if neither is given.

    Raises ConfigurationError if both are given, or if the file cannot be read or has no secret in it.
    """
    if file is None:
        return value
    if value is not None:
        raise ConfigurationError(f"--{option} and --{option}-file are both there; take one")
    named = f"--{option}-file {file}"
    try:
        text = read_file(file, LONGEST_SECRET + 10).decode("ascii", "replace").strip()
    except ValueError as error:
        raise ConfigurationError(f"{named}: {error}") from None
    try:
        return kind.parse(text)
    except ValueError:
        raise ConfigurationError(f"{named} has no token in it; accepted: {kind.accepted}") from None


def exposure_warning(path: Path) -> str | None:
    """Return a sentence with the remedy if everybody on this machine may read or change a regular file.

    None if others may not, or cannot enter one of the directories above it, or if there is no such file.
    """
    try:
        mode = os.stat(path).st_mode
        closed = any(not os.stat(one).st_mode & stat.S_IXOTH for one in path.absolute().parents)
    except OSError:
        return None
    what = {stat.S_IROTH: "read", stat.S_IWOTH: "change"}
    found = [word for bit, word in what.items() if mode & bit]
    # A device or a directory is refused elsewhere; nobody should chmod /dev/zero because of this sentence.
    if closed or not found or not stat.S_ISREG(mode):
        return None
    may = " and ".join(found)
    return (
        f"everybody on this machine may {may} it (mode {mode & 0o7777:04o}): "
        f"chmod 640 {shlex.quote(str(path))}"
    )
