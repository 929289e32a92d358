"""The group that may read a store which is closed to us."""

from __future__ import annotations

import grp
import os
import stat


def who_may(directory: str, error: OSError) -> str:
    """Return the end of an error message: the group that may read a directory; "" if none is known."""
    if not isinstance(error, PermissionError):
        return ""
    path = os.path.abspath(directory)
    # A closed directory hides what is below it.
    while True:
        try:
            found = os.stat(path)
            if found.st_mode & stat.S_IXGRP and not found.st_mode & stat.S_IXOTH:
                return f"; the group {grp.getgrgid(found.st_gid).gr_name} may read it"
        except (OSError, KeyError):
            pass
        if path == (path := os.path.dirname(path)):
            return ""
