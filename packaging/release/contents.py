"""Comparing the archives of a release with the files that git keeps: missing and surplus files."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path

# setuptools writes these beside our files.
_ADDED_TO_SOURCE = ("PKG-INFO", "logsrv.egg-info/")
_ADDED_TO_WHEEL = ".dist-info/"
# The files of an installed logsrv. A `twisted/__init__.py` would hide Twisted itself.
_INSTALLED = ("logsrv/", "twisted/plugins/logsrv_")


def complaints(kept: Collection[str], source: Path, wheel: Path) -> Iterator[str]:
    """Yield a sentence for each file that an archive lacks, or should not have.

    kept: the files of the tree, as paths from its top. The source distribution must have all of them,
    because tests and packaging run from it; the wheel only the installed ones.
    """
    with tarfile.open(source) as archive:
        members = [member.name for member in archive if not member.isdir()]
    # The first folder is NAME-VERSION.
    found = {name.partition("/")[2] for name in members}
    found = {name for name in found if not name.startswith(_ADDED_TO_SOURCE)}
    yield from _compared(source.name, set(kept), found, "MANIFEST.in")
    with zipfile.ZipFile(wheel) as zipped:
        packed = {name for name in zipped.namelist() if not name.endswith("/")}
    installed = {name for name in kept if name.startswith(_INSTALLED)}
    packed = {name for name in packed if _ADDED_TO_WHEEL not in name}
    yield from _compared(wheel.name, installed, packed, "setup.cfg")


def _compared(archive: str, wanted: set[str], found: set[str], told_in: str) -> Iterator[str]:
    for name in sorted(wanted - found):
        yield f"{archive} lacks {name}: {told_in} says what is packed"
    for name in sorted(found - wanted):
        yield f"{archive} has {name}, which git does not keep or nobody installs"
