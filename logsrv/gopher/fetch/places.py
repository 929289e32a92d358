"""The directories of the Gopher programs, by the XDG Base Directory Specification."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def data_directory(environ: Mapping[str, str]) -> Path:
    """Return where bookmarks and pins are. A relative XDG_DATA_HOME does not count, as specified."""
    home = environ.get("XDG_DATA_HOME", "")
    base = Path(home) if home.startswith("/") else Path.home() / ".local" / "share"
    return base / "logsrv"


def pins_path(environ: Mapping[str, str]) -> Path:
    """The pins of `--pin`, which the browser goes by too."""
    return data_directory(environ) / "gopher-pins"
