"""The format of a whole store, in its file `format`: an older logsrv leaves a newer store alone.

    2 1.4.0 772c53c4

The number of the format, the first version of logsrv that knows it, and the sum (kit/text/sums.py). A store
without the file has format 1, and this version writes no other: so it never makes the file. A version that
changes what older ones would lose, move or misread has the next number in FORMAT, and puts the file into a
store, on the medium, before it writes anything of the new kind. Files with a version of their own (indexes,
catalogs), that are passed over or made anew by whoever does not know it, need none of this.
"""

from __future__ import annotations

from logsrv import __version__
from logsrv.errors import StoreError
from logsrv.kit.text.sums import without_sum
from logsrv.kit.text.words import shown
from logsrv.linelog.store.segments.disk import Disk

NAME = "format"
FORMAT = 1
_LONGEST = 256


def load(disk: Disk) -> tuple[int, str]:
    """Return the format of a store and the first version that knows it; "" where nothing says that.

    Raises OSError, and ValueError for a file that makes no sense.
    """
    try:
        words = without_sum(disk.read(NAME, _LONGEST)).decode("utf-8", "replace").split()
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


def newer(disk: Disk) -> str:
    """Return why this version does not know the format of a store; "" if it does. Raises as `load` does."""
    number, version = load(disk)
    if number <= FORMAT:
        return ""
    by = f"logsrv {version} or newer" if version else "a newer logsrv"
    return (
        f"the store {disk.directory} was written by {by} (format {number}), and this is logsrv"
        f" {__version__} (format {FORMAT}): install {by} again, or take a backup from before"
    )


def require_known(disk: Disk) -> None:
    """Raise StoreError, with one sentence, for a store that this version must not write into."""
    try:
        why = newer(disk)
    except ValueError as error:
        why = str(error)
    except OSError as error:
        why = f"{disk.path(NAME)} cannot be read: {error.strerror}"
    if why:
        raise StoreError(why)
