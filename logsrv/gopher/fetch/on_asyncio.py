"""Answers on asyncio's loop, where the browser runs: leaving `async with` closes the socket at once."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from logsrv.gopher.fetch.retries import Retries
from logsrv.gopher.fetch.settings import ConnectionOptions
from logsrv.gopher.fetch.stream import Stream
from logsrv.gopher.fetch.transfers import LOOK_AT_CLOCKS, Transfers
from logsrv.gopher.wire.errors import GopherError
from logsrv.gopher.wire.response import ResponseReader
from logsrv.gopher.wire.url import GopherURL


class Answer:
    """`async with Answer(url, options) as answer: async for piece in answer: …`

    Raises GopherError; ConfigurationError and OSError for files of certificates and pins.
    """

    def __init__(self, url: GopherURL, options: ConnectionOptions, **how: Any) -> None:
        """how: what `Transfers.start` takes."""
        self._url = url
        self._how = how
        self._transfers = Transfers(options, time.monotonic)
        self._retries = Retries()
        self._tries = 1
        self._stream = Stream(self._transfers, url, **how)
        self._changed = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def reader(self) -> ResponseReader:
        """Return what knows how much has come, and what the server told of it."""
        return self._stream.reader

    @property
    def received(self) -> int:
        """Return how many bytes have come."""
        return self.reader.received

    @property
    def begun(self) -> bool:
        """Return true if some of it is content."""
        return bool(self.reader.passed_on)

    @property
    def length(self) -> int | None:
        """Return how many bytes it will have, where the server told."""
        return self.reader.length

    @property
    def stuffed(self) -> bool:
        """Return true if a text may have a terminator and doubled dots."""
        return self.reader.header is None

    @property
    def cut(self) -> bool:
        """Return true if TLS ended without its close, and that was accepted."""
        return self._stream.cut

    async def __aenter__(self) -> Answer:
        asyncio.get_running_loop().add_reader(self._transfers.fileno(), self._turn)
        self._tick()
        return self

    async def __aexit__(self, *error: object) -> None:
        asyncio.get_running_loop().remove_reader(self._transfers.fileno())
        if self._timer is not None:
            self._timer.cancel()
        self._transfers.close()

    def __aiter__(self) -> Answer:
        return self

    async def __anext__(self) -> bytes:
        while True:
            try:
                while (piece := self._stream.take()) is None:
                    self._changed.clear()
                    await self._changed.wait()
            except GopherError as error:
                pause = self._retries.pause(self._url, error, self._tries)
                if pause is None:
                    raise
                await asyncio.sleep(pause)
                self._tries += 1
                self._stream = Stream(self._transfers, self._url, **self._how)
                continue
            if not piece:
                raise StopAsyncIteration
            # A fast server would otherwise never let the screen have its turn.
            await asyncio.sleep(0)
            return piece

    def _turn(self) -> None:
        self._transfers.wait(0)
        self._changed.set()

    def _tick(self) -> None:
        self._turn()
        self._timer = asyncio.get_running_loop().call_later(LOOK_AT_CLOCKS, self._tick)
