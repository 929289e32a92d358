"""Downloads in the background: each ends with a complete file, or with no file and a sentence."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal

import attrs

from logsrv.errors import LogsrvError
from logsrv.gopher.fetch.connection_options import ConnectionOptions
from logsrv.gopher.fetch.on_asyncio import async_answer_of
from logsrv.gopher.fetch.wholefile import unstuff_file, whole_file
from logsrv.gopher.wire.fileurl import ItemURL, name_to_save
from logsrv.gopher.wire.itemtypes import item_type
from logsrv.kit.text.escape import one_line

DownloadState = Literal["running", "saved", "failed", "stopped"]


@attrs.define(eq=False)
class BackgroundDownload:
    """A download. length: bytes of the whole answer, if the server announced it. reason: why it failed."""

    url: ItemURL
    path: Path
    state: DownloadState = "running"
    received: int = 0
    length: int | None = None
    began: float = attrs.field(factory=time.monotonic)
    ended: float | None = None
    reason: str = ""
    task: asyncio.Task[None] | None = None

    @property
    def seconds(self) -> float:
        """Return how long it took, or has taken so far."""
        return (time.monotonic() if self.ended is None else self.ended) - self.began


class Downloads:
    """The downloads of this session, the newest last."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.all: list[BackgroundDownload] = []

    @property
    def running(self) -> int:
        return sum(download.state == "running" for download in self.all)

    def start(
        self,
        url: ItemURL,
        options: ConnectionOptions,
        ended: Callable[[BackgroundDownload], object] = lambda download: None,
    ) -> BackgroundDownload:
        """Begin to save the answer to `url` under an unused name in the directory.

        ended: called with the download when it ends, saved or failed.
        """
        taken = {download.path for download in self.all if download.state == "running"}
        path = unused_path(self.directory, name_to_save(url), taken)
        download = BackgroundDownload(url, path)
        download.task = asyncio.create_task(self._run_download(download, options))
        download.task.add_done_callback(lambda _: ended(download))
        self.all.append(download)
        return download

    async def stop(self, download: BackgroundDownload) -> None:
        """Stop it, and leave nothing on the disk."""
        if download.task is not None and not download.task.done():
            download.task.cancel()
            with suppress(asyncio.CancelledError):
                await download.task

    async def _run_download(self, download: BackgroundDownload, options: ConnectionOptions) -> None:
        try:
            await self._fetch_into_file(download, options)
            download.state = "saved"
        except asyncio.CancelledError:
            download.state = "stopped"
            raise
        except (LogsrvError, OSError) as error:
            download.state = "failed"
            download.reason = one_line(str(error), 300)
            if isinstance(error, FileExistsError):
                download.reason = "a file of this name has appeared meanwhile; nothing was replaced"
        finally:
            download.ended = time.monotonic()

    async def _fetch_into_file(
        self, download: BackgroundDownload, options: ConnectionOptions
    ) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        async with async_answer_of(download.url, options) as answer:
            with whole_file(download.path, replace=False) as file:
                async for chunk in answer:
                    file.write(chunk)
                    download.received += len(chunk)
                    download.length = answer.length
                is_text = item_type(download.url.item_type).transfer == "text"
                if is_text and not answer.has_header:
                    unstuff_file(file)


def download_directory(environ: Mapping[str, str]) -> Path:
    """Return XDG_DOWNLOAD_DIR, else ~/Downloads if that exists, else the current directory."""
    named = environ.get("XDG_DOWNLOAD_DIR", "")
    if named.startswith("/"):
        return Path(named)
    usual = Path.home() / "Downloads"
    return usual if usual.is_dir() else Path.cwd()


def unused_path(directory: Path, name: str, taken: set[Path]) -> Path:
    """Return a new path for `name`: if a file or `taken` has it, with a number before its ending."""
    stem, dot, ending = name.rpartition(".")
    if not stem:
        stem, dot, ending = name, "", ""
    path, number = directory / name, 1
    while path.exists() or path.is_symlink() or path in taken:
        number += 1
        path = directory / f"{stem}-{number}{dot}{ending}"
    return path
