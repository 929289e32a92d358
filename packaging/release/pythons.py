"""The Pythons of this machine that logsrv can be installed for."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

OLDEST = (3, 11)
_NAMES = re.compile(r"python3(\.(1[1-9]|[2-9][0-9]))?")
# Prints the real interpreter, also from a virtual environment or a shim of pyenv.
_IDENTITY = "import sys, venv; print(*sys.version_info[:3], getattr(sys, '_base_executable'))"


def pythons() -> list[tuple[str, Path]]:
    """Return (version, path) of one Python for each minor version, the oldest first; version: `3.11.2`.

    It searches PATH and the Pythons of pyenv and uv. Of several patch versions it takes the oldest: code
    that works there works on the newer ones.
    """
    found: dict[tuple[int, int, int], Path] = {}
    for candidate in dict.fromkeys(_candidates()):
        try:
            done = subprocess.run(
                [candidate, "-I", "-c", _IDENTITY], capture_output=True, text=True, timeout=20
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0:
            major, minor, patch, path = done.stdout.strip().split(" ", 3)
            found.setdefault((int(major), int(minor), int(patch)), Path(path))
    chosen: dict[tuple[int, int], tuple[str, Path]] = {}
    for version in sorted(found):
        if version[:2] >= OLDEST:
            chosen.setdefault(version[:2], (".".join(map(str, version)), found[version]))
    return list(chosen.values())


def _candidates() -> Iterator[Path]:
    home = Path.home()
    path = os.environ.get("PATH", "").split(os.pathsep)
    # Without pyenv's shims, scripts that take half a second to find the chosen version.
    folders = [Path(folder) for folder in path if folder and not folder.endswith("/shims")]
    folders += [Path("/usr/bin"), *sorted(home.glob(".pyenv/versions/*/bin"))]
    folders += sorted(home.glob(".local/share/uv/python/*/bin"))
    for folder in folders:
        if folder.is_dir():
            names = sorted(os.listdir(folder))
            yield from (folder / name for name in names if _NAMES.fullmatch(name))


if __name__ == "__main__":
    for version, python in pythons():
        print(version, python)
