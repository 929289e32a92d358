"""The format of a whole store, in its file `format`, so that an older logsrv refuses a newer store.

    2 1.4.0 772c53c4

The line has the number of the format, the first version of logsrv that knows it, and a checksum
(kit/text/checksums.py). A store without the file has format 1. This version writes no other format, so it
never makes the file.

A version that writes something which older versions would lose, move or misread gets the next number as
FORMAT. It writes and syncs the file before it writes anything of the new kind. Indexes need no
new format: they have their own version number, and a logsrv that does not know it skips them or makes them
again.
"""

from __future__ import annotations

from logsrv import __version__
from logsrv.errors import StoreError
from logsrv.kit.text.checksums import strip_checksum
from logsrv.kit.text.words import shown
from logsrv.linelog.store.disk import Disk

NAME = "format"
FORMAT = 1
_LONGEST = 256


def load_format(disk: Disk) -> tuple[int, str]:
    """Return the format of a store and the first version that knows it; "" if that is not noted.

    Raises OSError, and ValueError for an invalid file.
    """
    try:
        words = strip_checksum(disk.read(NAME, _LONGEST)).decode("utf-8", "replace").split()
    except FileNotFoundError:
        return 1, ""
    except ValueError:
        words = []
    if not 1 <= len(words) <= 2 or not words[0].isascii() or not words[0].isdigit():
        raise ValueError(
            f"{disk.path(NAME)} does not say which format the store has; take it from a backup, or remove"
            " it if no newer logsrv than this one has written here"
        )
    return int(words[0]), shown(words[1]) if len(words) == 2 else ""


def why_too_new(disk: Disk) -> str:
    """Return a message if a store's format is too new for us, else "". Raises like `load_format`."""
    number, version = load_format(disk)
    if number <= FORMAT:
        return ""
    by = f"logsrv {version} or newer" if version else "a newer logsrv"
    return (
        f"the store {disk.directory} was written by {by} (format {number}), and this is logsrv"
        f" {__version__} (format {FORMAT}): install {by} again, or take a backup from before"
    )


def require_known_format(disk: Disk) -> None:
    """Raise StoreError, with one sentence, for a store that this version must not write into."""
    try:
        why = why_too_new(disk)
    except ValueError as error:
        why = str(error)
    except OSError as error:
        why = f"{disk.path(NAME)} cannot be read: {error.strerror}"
    if why:
        raise StoreError(why)
