"""A hint for error messages: the group that may read a store which this user may not read."""

from __future__ import annotations

import grp
import os
import stat


def hint_at_reading_group(directory: str, error: OSError) -> str:
    """Return the end of an error message with the group that may read a directory; "" if it is unknown."""
    if not isinstance(error, PermissionError):
        return ""
    path = os.path.abspath(directory)
    # A directory that we may not enter hides all below it, so the directories above are tried as well.
    while True:
        try:
            found = os.stat(path)
            if found.st_mode & stat.S_IXGRP and not found.st_mode & stat.S_IXOTH:
                return f"; the group {grp.getgrgid(found.st_gid).gr_name} may read it"
        except (OSError, KeyError):
            pass
        if path == (path := os.path.dirname(path)):
            return ""
