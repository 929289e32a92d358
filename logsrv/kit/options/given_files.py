"""The files that settings name, and the secrets in a TOML document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from logsrv.kit.options.declare import option_name, options_of, table_key, tables_of
from logsrv.kit.options.kinds import PATH


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
