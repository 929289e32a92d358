"""The address of an archive: `file:///PATH`."""

from __future__ import annotations

from logsrv.linelog.store.archive.directory import DirectoryArchive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from logsrv.linelog.store.archive.objects import Archive

FILE = "file://"


def archive_path(url: str) -> str:
    """Return the directory that an archive is in. Raises ValueError with what is wrong."""
    if not url.startswith(FILE):
        raise ValueError("an archive is at a URL such as file:///srv/archive")
    path = url.removeprefix(FILE)
    if not path.startswith("/"):
        raise ValueError("the path of an archive has three slashes before it: file:///srv/archive")
    if any(character in path for character in "?#%\\") or ".." in path.split("/"):
        raise ValueError("a path of an archive has no ?, #, %, backslash or .. in it")
    return path.rstrip("/") or "/"


def open_archive(url: str) -> Archive:
    """Return the archive at a URL, which is looked at when it is used. Raises ValueError."""
    return DirectoryArchive(archive_path(url))
