"""Opening an archive by its URL, and finding the stores in it, or in several archives below it."""

from __future__ import annotations

from contextlib import suppress
from functools import cache

from logsrv.errors import StoreError
from logsrv.kit.text.escape import one_line
from logsrv.linelog.archive.names import no_store_sentence, store_identities
from logsrv.linelog.archive.rule_note import read_rule_note
from logsrv.linelog.objects.interface import Archive, ArchiveError
from logsrv.linelog.objects.opening import open_archive
from logsrv.linelog.store.segment import STORE_ID

FOLDERS_DEEP = 3
"""The most folders above the stores of archives that are looked at together."""


def archive_store_urls(url: str, depth: int = FOLDERS_DEEP) -> list[str]:
    """Return the URL of each store in an archive, and in the folders of a directory or prefix of archives.

    Raises ValueError and ArchiveError.
    """
    address = url.partition("?")[0].rstrip("/")
    if STORE_ID.fullmatch(address.rpartition("/")[2]):
        return [url]
    folders = sorted(open_archive(url).top_folders())
    stores = store_identities(folders)
    urls = [_with_options_of(url, f"{address}/{one}") for one in folders]
    found = [one for name, one in zip(folders, urls, strict=True) if name in stores]
    for name, one in zip(folders, urls, strict=True):
        if name not in stores and depth:
            # A folder of others, such as lost+found, may be closed to us.
            with suppress(ArchiveError, ValueError):
                found += archive_store_urls(one, depth - 1)
    return found


def _with_options_of(url: str, address: str) -> str:
    """Return the URL of an address in the same archive."""
    options = url.partition("?")[2]
    return f"{address}?{options}" if options else address


@cache
def stores_of_archive(url: str) -> tuple[str, ...]:
    """Return the URLs of the stores in an archive; that of the archive if none is found."""
    # Opening the archive raises the error again.
    with suppress(ArchiveError, ValueError):
        return tuple(archive_store_urls(url)) or (url,)
    return (url,)


def open_archived_store(
    url: str, wanted: str | None = None, *, is_main: bool = False
) -> tuple[Archive, str]:
    """Return the only store at or below a URL, or the `wanted` one: its archive and its identity.

    is_main: whether stores of [[retention]] rules do not count beside a main store. Raises ValueError,
    StoreError and ArchiveError.
    """
    addresses = [one.partition("?")[0].rstrip("/") for one in archive_store_urls(url)]
    parted = (address.rpartition("/") for address in addresses)
    chosen = [(folder, store) for folder, _, store in parted if wanted in (None, store)]
    folders = {folder for folder, _ in chosen}
    if len(folders) == 1:
        archive = open_archive(_with_options_of(url, folders.pop()))
        stores = [store for _, store in chosen]
        if is_main and len(stores) > 1:
            stores = [one for one in stores if read_rule_note(archive, one) is None]
        if len(stores) == 1:
            return archive, stores[0]
    archive = open_archive(url)
    if not addresses:
        raise StoreError(no_store_sentence(archive.address, archive.top_folders()))
    there = ", ".join(one_line(one) for one in addresses)
    raise StoreError(f"{archive.address} has the stores {there}: name one of them by its URL")
