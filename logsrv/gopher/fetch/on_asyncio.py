"""Answers on asyncio's loop, on which the browser runs."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from logsrv.gopher.fetch.connection_options import ConnectionOptions
from logsrv.gopher.fetch.stream import AnswerStream
from logsrv.gopher.fetch.transfers import LOOK_AT_CLOCKS, Transfers
from logsrv.gopher.wire.url import GopherURL


class AsyncioStream(AnswerStream):
    """A stream: `async with AsyncioStream(url, options) as answer: async for piece in answer: …`

    Leaving `async with` closes the socket at once. Raises GopherError; ConfigurationError and OSError for
    files of certificates and pins.
    """

    def __init__(self, url: GopherURL, options: ConnectionOptions, **how: Any) -> None:
        """how: further arguments of `AnswerStream`."""
        super().__init__(Transfers(options, time.monotonic), url, **how)
        self._changed = asyncio.Event()
        self.wake = self._changed.set

    async def __aenter__(self) -> AsyncioStream:
        loop = asyncio.get_running_loop()
        loop.add_reader(self._transfers.fileno(), self._transfers.run_round, 0)
        self._check_timeouts()
        return self

    async def __aexit__(self, *error: object) -> None:
        asyncio.get_running_loop().remove_reader(self._transfers.fileno())
        self._timer.cancel()
        self._transfers.close()

    def __aiter__(self) -> AsyncioStream:
        return self

    async def __anext__(self) -> bytes:
        piece: bytes | None = None
        while piece is None:
            self._changed.clear()
            if (piece := self.take_received()) is None:
                await self._changed.wait()
        if not piece:
            raise StopAsyncIteration
        # Otherwise a fast server would keep the loop from updating the screen.
        await asyncio.sleep(0)
        return piece

    def _check_timeouts(self) -> None:
        self._transfers.run_round(0)
        self._timer = asyncio.get_running_loop().call_later(LOOK_AT_CLOCKS, self._check_timeouts)
