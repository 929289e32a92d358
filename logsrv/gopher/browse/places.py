"""The directory for downloads of the browser."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def download_directory(environ: Mapping[str, str]) -> Path:
    """XDG_DOWNLOAD_DIR, else ~/Downloads where there is one, else where the browser was started."""
    named = environ.get("XDG_DOWNLOAD_DIR", "")
    if named.startswith("/"):
        return Path(named)
    usual = Path.home() / "Downloads"
    return usual if usual.is_dir() else Path.cwd()


def unused(directory: Path, name: str, taken: set[Path]) -> Path:
    """The path for `name` in `directory`, with a number before its ending if that is in use."""
    stem, dot, ending = name.rpartition(".")
    if not stem:
        stem, dot, ending = name, "", ""
    path, number = directory / name, 1
    while path.exists() or path.is_symlink() or path in taken:
        number += 1
        path = directory / f"{stem}-{number}{dot}{ending}"
    return path
