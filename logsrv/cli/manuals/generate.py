"""Write manual pages, and completions of shells, from what the commands declare.

WHAT is man, bash, zsh or fish. Without --into, one file is printed: the page NAME, such as logsrv,
logsrv-search, gopher, twistd-logsrv or logsrv.toml; or the completions of the program NAME, which is logsrv
or gopher. A page twistd-PLUGIN is there for each plugin made with the kit. This takes the extra manuals:
pip install 'logsrv[manuals]'.

Examples:

  logsrv generate man logsrv-search | man -l -
  source <(logsrv generate bash)
  logsrv generate zsh --into ~/.zfunc
  logsrv generate fish --into ~/.config/fish/completions

Exit status: 0, or 1 when a file could not be written.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from logsrv.errors import ConfigurationError
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.text.words import did_you_mean, shown

SHELLS = {"bash": "{}", "zsh": "_{}", "fish": "{}.fish"}
"""The shells, each with the name of the file in which it looks for a program's completions."""
KINDS = ("man", *SHELLS)


def declare(parser: Parser) -> None:
    add = parser.add_argument
    add("what", metavar="WHAT", choices=KINDS, help="man, bash, zsh or fish")
    add("name", metavar="NAME", nargs="?", default="logsrv", help="which one (default: logsrv)")
    add("--into", metavar="DIR", type=Path, help="write all of this kind into the directory DIR")


def run(arguments: Namespace) -> int:
    """Write a manual or a completion. Raises ConfigurationError for an unknown name or a failed write."""
    try:
        # This module needs the packages of the extra `manuals`.
        programs: Any = import_module("logsrv.cli.manuals.programs")
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"this needs the package {error.name}: pip install 'logsrv[manuals]'"
        ) from error
    if arguments.what == "man":
        files = programs.pages()
    else:
        made = programs.completions(arguments.what)
        files = {SHELLS[arguments.what].format(name): text for name, text in made.items()}
    if arguments.into is not None:
        _write_files(arguments.into, files)
        return 0
    by_name = {_base_name(name): text for name, text in files.items()}
    if arguments.name not in by_name:
        there = "" if arguments.what == "man" else f"; there are {' and '.join(by_name)}"
        near = did_you_mean(arguments.name, list(by_name)) or there
        raise ConfigurationError(f"there is no {shown(arguments.name)} for {arguments.what}{near}")
    sys.stdout.write(by_name[arguments.name])
    return 0


def _base_name(name: str) -> str:
    """Return `logsrv-search` for `logsrv-search.1`, and `logsrv` for `_logsrv` and `logsrv.fish`."""
    stem, dot, suffix = name.rpartition(".")
    return (stem if dot and (suffix.isdigit() or suffix == "fish") else name).lstrip("_")


def _write_files(directory: Path, files: Mapping[str, str]) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (directory / name).write_text(text, encoding="utf-8")
    except OSError as error:
        where = shown(str(error.filename or directory))
        raise ConfigurationError(f"{where} cannot be written: {error.strerror}") from None
    print(f"{shown(str(directory))} has {len(files)} files")
