"""Reads the TOML file of `--config`; this module is imported only if there is such a file."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from logsrv.errors import ConfigurationError
from logsrv.kit.options.files import read_file
from logsrv.kit.text.escape import SHOWN_PATH_LENGTH, one_line
from logsrv.kit.text.words import shown

LARGEST_FILE = 1024 * 1024
MOST_PARTS = 16
"""The most parts that a TOML key may have; the parts are separated by dots. Python's parser needs time by
their square: 4 s for 20,000.
"""
# Characters of a line that are shown with an error: in all, and before the position.
_MOST_SHOWN = 90
_MOST_BEFORE = 60
# The log and the service manager show the errors of a start: a secret has no place there.
_NOT_SHOWN = r"[^=]*(token|key|secret|password|auth)[^=]*="
_PART = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_PIECE_OF_TOML = (
    r'"""(?s:.*?)(?:"""|\Z)|'
    r"'''(?s:.*?)(?:'''|\Z)|"
    rf"(?P<long>{_PART}(?:[ \t]*\.[ \t]*{_PART}){{{MOST_PARTS}}})|"
    rf"{_PART}|#[^\n]*|[^\"'#A-Za-z0-9_-]+|."
)


def read_toml_file(path: Path, origin: str, *, again: bool = False) -> dict[str, Any]:
    """Return the contents of the TOML file. origin: the source that names the file. again: true for a
    reload.

    Raises ConfigurationError if it cannot be read, has more than LARGEST_FILE bytes, or is not TOML.
    """
    name = shown(str(path), SHOWN_PATH_LENGTH)
    try:
        text = read_file(path, LARGEST_FILE, pipe=not again)
    except ValueError as error:
        raise ConfigurationError(f"--config {name} ({origin}): {error}") from error
    try:
        document = text.decode()
        _check_key_lengths(document)
        return tomllib.loads(document)
    except RecursionError:
        raise ConfigurationError(f"{name}: not TOML: nested too deep") from None
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            f"{name}: not TOML: line {line} is not UTF-8; save the file as UTF-8"
        ) from None
    except ValueError as error:
        sentence = f"{name}: not TOML: {one_line(str(error))}{_picture(document, str(error))}"
        raise ConfigurationError(sentence) from error


def _picture(document: str, wrong: str) -> str:
    """Return the line that an error names, with a caret below its column, as further lines; "" without."""
    at = re.search(r"\(at line ([0-9]+), column ([0-9]+)\)$", wrong)
    # Python's reader counts lines by LF alone.
    lines = document.split("\n")
    if at is None or int(at[1]) > len(lines):
        return ""
    column = int(at[2]) - 1
    first = max(0, column - _MOST_BEFORE)
    text = lines[int(at[1]) - 1].rstrip("\r")
    if re.match(_NOT_SHOWN, text, re.IGNORECASE):
        return ""
    line = one_line(text[first : first + _MOST_SHOWN].replace("\t", " "))
    before = one_line(text[first:column].replace("\t", " "))
    return f"\n  {line}\n  {' ' * len(before)}^"


def _check_key_lengths(document: str) -> None:
    """Raise ValueError if a key has too many parts."""
    for piece in re.finditer(_PIECE_OF_TOML, document):
        if piece["long"]:
            line = document.count("\n", 0, piece.start()) + 1
            raise ValueError(f"a key of more than {MOST_PARTS} parts (at line {line})")
