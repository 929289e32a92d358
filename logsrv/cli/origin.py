"""The origin of the running logsrv, in a form from which pip can install it again."""

from __future__ import annotations

import os
from importlib import metadata
from pathlib import Path
from typing import Any

import logsrv
from logsrv.installation import (
    checkout_folder,
    direct_url,
    path_in,
    requirement_in,
    this_installation,
)

WHOLE, KIT = "logsrv", "logsrv-kit"
"""The distributions: with the line logger, and with the kit alone."""
_OF_THE_KIT = "logsrv/kit/__init__.py"


def installable_origin(*, of_line_logger: bool = False) -> str:
    """Return a checkout, a wheel, a URL, or, if logsrv is from a package index, name and version.

    of_line_logger: the origin of the line logger; otherwise of the distribution that has the kit.
    This is "" if the wheel no longer exists, and in the package of Debian and the image, which were built
    elsewhere: the name on a package index may be a stranger's.
    """
    if checkout := checkout_folder():
        return checkout
    name = WHOLE if of_line_logger or not _is_split() else KIT
    try:
        record = direct_url(metadata.distribution(name))
    except metadata.PackageNotFoundError:
        record = {}
    if record:
        return requirement_in(record, name)
    return "" if this_installation().mark else f"{name}=={logsrv.__version__}"


def _is_split() -> bool:
    """Return whether the kit is a distribution of its own, not a part of `logsrv`."""
    try:
        files = metadata.distribution(KIT).files or ()
    except metadata.PackageNotFoundError:
        return False
    return any(file.as_posix() == _OF_THE_KIT for file in files)


def path_in_record(record: dict[str, Any]) -> Path | None:
    """Return the path in a record of `direct_url`; None if it has none, or the path no longer exists."""
    path = path_in(record)
    return Path(path) if path and os.path.exists(path) else None
