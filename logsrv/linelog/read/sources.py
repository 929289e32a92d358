"""Segments that are not in the directory of their store, and stores that are elsewhere: what reads them.

A source is a plugin with the schemes of its URLs:

    drawer = SegmentSource(
        name="drawer",
        schemes=("drawer",),
        example="drawer://desk/2",
        texts="drawer_package.reading:texts",
        stores="drawer_package.reading:stores",
        view="drawer_package.reading:DrawerView",
        restore="drawer_package.restoring:restore",
    )

Ours are in a file `source.py` of a folder of linelog, such as `linelog/archive`; those of others in
`twisted/plugins`. A store notes the URLs of its archived segments (`store/notes`), and keeps
their indexes. So what an index answers needs no source; a frame of text that nothing here can read is
reported with the reason.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from logsrv.errors import ConfigurationError
from logsrv.kit.plugins import Plugins, load_object
from logsrv.linelog.leaves import require_source
from logsrv.linelog.store.disk import Disk, read_or
from logsrv.linelog.store.index import segment_index as index
from logsrv.linelog.store.index.segment_index import Index
from logsrv.linelog.store.notes.archive_notes import archive_urls, local_manifest
from logsrv.linelog.store.notes.manifest import Manifest, object_name
from logsrv.linelog.store.segment import Segment

if TYPE_CHECKING:
    from logsrv.linelog.read.texts import AwayText

_FILE = "source.py"


class SegmentSource(NamedTuple):
    """A plugin: the schemes of URLs, and the functions that read there, each as `module:name`.

    name: its name among plugins. example: URLs, for messages.
    texts: gets the URLs that a store has noted, and returns a function. That gets a segment and the disk of
    its store, and returns an AwayText; it raises OSError or ValueError if the segment's note is damaged.
    stores: gets a URL, and returns the URLs of the stores there; that URL alone if it finds none.
    view: gets the URL of a store, and what to call with a sentence for each damaged or unusable object;
    returns a View. It raises LogsrvError.
    restore: gets a URL, the identity of a store there or None, a new directory, and what to call with a
    sentence for each segment that is left out; does the work of `logsrv restore`, and returns the exit
    status. It raises LogsrvError.
    variables: gets a URL, and returns the names of the environment variables that a reader needs; it raises
    ValueError. "" if there are none.
    watched: the schemes that a command reads in a child process, because a library might abort it.
    """

    name: str
    schemes: tuple[str, ...]
    example: str
    texts: str
    stores: str
    view: str
    restore: str
    variables: str = ""
    watched: tuple[str, ...] = ()


class SegmentSources(Plugins[SegmentSource]):
    """All sources. Ours are found by the files `source.py`, so no other module is imported."""

    def files(self) -> dict[str, str]:
        files = {
            name: os.path.join(os.path.dirname(file), _FILE)
            for name, file in super().files().items()
        }
        return {name: file for name, file in files.items() if os.path.isfile(file)}

    def module_of(self, name: str) -> str:
        return f"{super().module_of(name)}.{_FILE.removesuffix('.py')}"

    def find(self, name: str) -> SegmentSource | None:
        return self.all().get(name)

    def with_scheme(self, scheme: str) -> SegmentSource | None:
        """Return the source with a scheme. Others' are looked for only if none of ours has it."""
        for found in (self.ours, self.all):
            for source in found().values():
                if scheme in source.schemes:
                    return source
        return None


SOURCES = SegmentSources(
    "logsrv.linelog", lambda found: isinstance(found, SegmentSource), word="SegmentSource"
)


def source_of(url: str) -> SegmentSource:
    """Return the source that reads a URL. Raises ValueError, with a sentence, if there is none here."""
    scheme = url.partition("://")[0]
    found = SOURCES.with_scheme(scheme)
    if found is None:
        require_source(scheme)
        examples = " or ".join(one.example for one in SOURCES.all().values())
        such = f"an archive is at a URL such as {examples}"
        raise ValueError(such if examples else f"nothing here reads {scheme}:")
    return found


def stores_at(url: str) -> tuple[str, ...]:
    """Return the URLs of the stores at a URL; that URL itself if none is found, or nothing reads it."""
    # Opening it raises the error again.
    with suppress(ValueError):
        found: tuple[str, ...] = load_object(source_of(url).stores)(url)
        return found
    return (url,)


def environment_variables(directory: str) -> set[str]:
    """Return the names of the environment variables that a reader of a store's archives needs."""
    names: set[str] = set()
    for url in archive_urls(directory):
        # The search itself reports what is wrong.
        with suppress(ValueError, ConfigurationError):
            if variables := source_of(url).variables:
                names.update(load_object(variables)(url))
    return names


def needs_watching(addresses: Iterable[str], noting: Iterable[str]) -> bool:
    """Return whether a command must be watched. addresses: what it reads. noting: stores with archives."""
    urls = [one for one in addresses if "://" in one]
    urls += [url for store in noting for url in archive_urls(store)]
    for url in urls:
        with suppress(ValueError):
            if url.partition("://")[0] in source_of(url).watched:
                return True
    return False


def texts_of_store(directory: str) -> Callable[[Segment, Disk], AwayText]:
    """Return what opens the text of a store's archived segments: the first source that it has noted.

    If that is not here, the texts can be opened, and reading a frame raises ValueError with the reason.
    """
    urls: dict[SegmentSource, list[str]] = {}
    why = "is in an archive, and this store knows of none"
    for url in archive_urls(directory):
        try:
            urls.setdefault(source_of(url), []).append(url)
        except ValueError as error:
            why = f"is at {url.partition('?')[0]}, and {error}"
    for source, noted in urls.items():
        opener: Callable[[Segment, Disk], AwayText] = load_object(source.texts)(noted)
        return opener
    return partial(_unreachable_text, why)


def _unreachable_text(why: str, segment: Segment, disk: Disk) -> UnreachableText:
    return UnreachableText(local_manifest(disk, segment), why, lambda: index.load(segment, disk))


class UnreachableText:
    """The text of a segment that nothing here can read. why: the end of a sentence. load: its index."""

    def __init__(self, manifest: Manifest, why: str, load: Callable[[], Index]) -> None:
        self.address = object_name(manifest.store, manifest.segment.name)
        self.size = manifest.packed_file.size
        self._manifest = manifest
        self._why = why
        self._load = load

    def index(self) -> Index:
        """Return the store's own index. Raises ValueError if it is unusable."""
        found = read_or(None, self._load)
        if found is None or not self._manifest.fits(found):
            raise self._error()
        return found

    def frame(self, number: int, at: int, size: int) -> bytes:
        raise self._error()

    def _error(self) -> ValueError:
        return ValueError(f"{self.address} {self._why}")
