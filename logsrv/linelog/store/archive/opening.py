"""The archive at an address: of a directory, or of a bucket if the package for that is there."""

from __future__ import annotations

from pathlib import Path

from logsrv.linelog.store.archive.directory import DirectoryArchive
from logsrv.linelog.store.archive.objects import Archive, UnusableArchive
from logsrv.linelog.store.archive.url import FILE, parse_archive_url


def open_archive(url: str, key: str | None = None, ca: Path | None = None) -> Archive:
    """Return the archive at a URL, which is looked at when it is used. Raises ValueError.

    key: `KEY SECRET` of a bucket; None: of the file that the URL names, else of the environment. ca: a file
    with the authorities to trust, beside that of the URL.
    """
    found = parse_archive_url(url)
    if found.scheme == FILE:
        return DirectoryArchive(found.path)
    if key is not None and found.scheme != "s3":
        raise ValueError(
            f"the keys of {found.scheme}: are in its environment, not in a file of a token"
        )
    try:
        from logsrv.linelog.store.archive.bucket import BucketArchive

        return BucketArchive(found, key, ca)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("logsrv"):
            raise
        return UnusableArchive(
            found.place,
            f"{found.scheme}: needs the package {error.name}; install it with"
            " pip install 'logsrv[archive]'",
        )
