"""Folders of plugins outside the installation, for the Debian package and the image: an update keeps them.

A file `logsrv.pth` in the installation calls `add` whenever Python starts, so this module imports only
modules that are loaded by then.
"""

import os
import sys

PARENT = "/usr/local/lib/logsrv"

refused: dict[str, str] = {}
"""The folders that `add` left out, each with the reason and the remedy."""


def add(parent: str = PARENT) -> None:
    """Add each folder in `parent` to the end of Python's path.

    A folder that others than root may change, or that not all may read, is left out and noted in `refused`;
    if `parent` is such a folder, all are left out.
    """
    if os.path.isdir(parent) and _is_sound(parent):
        folders = (one.path for one in os.scandir(parent) if one.is_dir())
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
