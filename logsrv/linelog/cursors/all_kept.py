"""All places that readers of a store have kept: targets in `ship/`, alerts in `alerts/`."""

from __future__ import annotations

import os
from collections.abc import Iterator

from logsrv.linelog.cursors import place
from logsrv.linelog.cursors.place import Place
from logsrv.linelog.store.disk.disk import Disk, explanation
from logsrv.linelog.store.segments.segment import FOLDERS


def all_kept(directory: str) -> Iterator[tuple[str, Place | None, str]]:
    """Yield the name of each, such as `ship/centre`, the place, and why it cannot be read, or "".

    Names with a dot are of files beside the places. Raises OSError.
    """
    for folder in FOLDERS:
        try:
            disk = Disk().enter(os.path.join(directory, folder))
        except FileNotFoundError:
            continue
        with disk:
            for name in sorted(disk.entries()):
                if "." in name:
                    continue
                try:
                    found = place.load(disk, name)
                except (OSError, ValueError) as error:
                    yield f"{folder}/{name}", None, explanation(error)
                else:
                    if found is not None:
                        yield f"{folder}/{name}", found, ""
