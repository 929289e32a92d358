"""Tar files with the same bytes for the same files: manual pages and completions, and the locks."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path


def files_below(folder: Path) -> dict[str, bytes]:
    """Return the files below a folder, by their paths from it."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def write_tarball(file: Path, files: Mapping[str, bytes], seconds: int) -> Path:
    """Write files into a folder of a tar file, which has the name of the file; return the file."""
    top = file.name.removesuffix(".tar.gz")
    with (
        file.open("wb") as opened,
        gzip.GzipFile("", "wb", fileobj=opened, mtime=seconds) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name in sorted(files):
            member = tarfile.TarInfo(f"{top}/{name}")
            member.size, member.mtime = len(files[name]), seconds
            archive.addfile(member, io.BytesIO(files[name]))
    return file
