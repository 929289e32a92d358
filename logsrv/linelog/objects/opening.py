"""Opening the objects at a URL: a directory, or a bucket."""

from __future__ import annotations

from pathlib import Path

from logsrv.installation import how_to_install
from logsrv.linelog.objects.directory import DirectoryArchive
from logsrv.linelog.objects.interface import Archive, UnusableArchive
from logsrv.linelog.objects.url import FILE, parse_archive_url


def open_archive(url: str, key: str | None = None, ca: Path | None = None) -> Archive:
    """Return the archive at a URL, without connecting to it yet. Raises ValueError.

    key: `KEY SECRET` of a bucket; None: read from the file that the URL names, else from the environment.
    ca: a file with the certificate authorities to trust; None: the file that the URL names, if any.
    """
    found = parse_archive_url(url)
    if found.scheme == FILE:
        return DirectoryArchive(found.path)
    if key is not None and found.scheme != "s3":
        raise ValueError(
            f"the keys of {found.scheme}: come from the environment, not from a token file"
        )
    try:
        # The extra `archive` may not be installed, and a directory needs none of it.
        from logsrv.linelog.objects.bucket import BucketArchive

        return BucketArchive(found, key, ca)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("logsrv"):
            raise
        return UnusableArchive(
            found.address,
            f"{found.scheme}: needs the package {error.name}; this installs it:"
            f" {how_to_install('archive')}",
        )
