"""Writes manual pages and completions of shells from what the commands declare: generate.py FOLDER.

FOLDER gets man/, and completions/ with a folder for each shell. The Python that runs this needs logsrv
and what requirements.txt lists. Pages have the day of SOURCE_DATE_EPOCH, or today, both in UTC.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from subjects import completions, pages

SHELLS = {"bash": "{}", "zsh": "_{}", "fish": "{}.fish"}
"""The shells, each with the name of the file in which it looks for a program's completions."""


def generate(folder: Path) -> None:
    """Write all pages, and the completions of all programs for all shells."""
    _write(folder / "man", pages())
    for shell, name in SHELLS.items():
        made = {name.format(program): text for program, text in completions(shell).items()}
        _write(folder / "completions" / shell, made)


def _write(folder: Path, files: Mapping[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    print(f"{folder} has {len(files)} files")


if __name__ == "__main__":
    # argparse-manpage writes the day of SOURCE_DATE_EPOCH in local time.
    os.environ["TZ"] = "UTC0"
    time.tzset()
    generate(Path(sys.argv[1]))
