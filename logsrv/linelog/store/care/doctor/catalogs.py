"""The catalogs of small segments: each whole, with all of its words."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial

from logsrv.linelog.store.care.doctor.aside import make_catalog_again
from logsrv.linelog.store.care.doctor.findings import Remedy, StoreFinding, damaged
from logsrv.linelog.store.catalog.layout import HEAD_SIZE, catalog_name, unpack_entries, unpack_head
from logsrv.linelog.store.disk.disk import Disk, explanation, reason
from logsrv.linelog.store.words.check import check_words
from logsrv.linelog.store.words.lookup import Words


def check_catalog(name: str, disk: Disk, *, quick: bool) -> Iterator[StoreFinding]:
    """Yield what is wrong with a catalog."""
    try:
        fd = disk.open(name, os.O_RDONLY)
    except FileNotFoundError:
        return
    except OSError as error:
        why = f"it cannot be read: {reason(error)}"
    else:
        try:
            _read(name, fd, quick)
            return
        except OSError as error:
            why = f"it cannot be read: {reason(error)}"
        except ValueError as error:
            why = explanation(error)
        finally:
            os.close(fd)
    yield damaged(
        "catalog",
        name,
        f"it is of no use: {why}",
        "No line is lost. Searches open each of its segments.",
        "`--repair` puts it aside, and makes another where 256 small segments are in none.",
        Remedy(partial(make_catalog_again, name, disk), beside_server=True),
    )


def _read(name: str, fd: int, quick: bool) -> None:
    head = unpack_head(os.pread(fd, HEAD_SIZE, 0))
    entries = unpack_entries(head, os.pread(fd, head.entries, HEAD_SIZE))
    if not entries or name != catalog_name(entries[0].number, entries[-1].number):
        raise ValueError("its name is that of other segments")
    if os.fstat(fd).st_size != HEAD_SIZE + head.entries + head.words:
        raise ValueError("it is cut off, or too long")
    if head.words:
        words = Words(fd, HEAD_SIZE + head.entries)
        if words.frames != head.segments:
            raise ValueError("its words are those of another catalog")
        if not quick:
            check_words(words)
