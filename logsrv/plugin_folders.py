"""Folders of plugins beside an installation that is replaced as a whole: the Debian package, the image.

A file `logsrv.pth` there calls `add` whenever Python starts, so this imports only what is loaded by then.
"""

import os
import sys

PLACE = "/usr/local/lib/logsrv"

refused: dict[str, str] = {}
"""The folders that `add` has left out, each with the reason and what to do."""


def add(place: str = PLACE) -> None:
    """Put each folder in `place` at the end of Python's path, but none that others than root may change."""
    if os.path.isdir(place) and _is_sound(place):
        folders = (one.path for one in os.scandir(place) if one.is_dir())
        sys.path += [folder for folder in sorted(folders) if _is_sound(folder)]


def _is_sound(folder: str) -> bool:
    found = os.stat(folder)
    if found.st_uid == 0 and found.st_mode & 0o027 == 0o005:
        return True
    refused[folder] = (
        "others than root may change it, or not all may read it, so it is left out: "
        f"chown -R root:root {folder}; chmod -R u=rwX,go=rX {folder}"
    )
    return False
