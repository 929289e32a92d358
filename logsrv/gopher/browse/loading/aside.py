"""Disk work that may never end, in a thread that nothing waits for, not even the end of the process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Result = TypeVar("Result")


async def aside(work: Callable[[], Result]) -> Result:
    """Return what `work` returns, or raise what it raises.

    `asyncio.to_thread` would make the loop wait for it when all else has ended: a directory of a server
    that is gone would keep the browser, and its terminal, for ever.
    """
    done: Future[Result] = Future()
    # Work that runs cannot be cancelled; a result that nobody waits for is dropped.
    done.set_running_or_notify_cancel()

    def run() -> None:
        try:
            result = work()
        except BaseException as error:
            done.set_exception(error)
        else:
            done.set_result(result)

    threading.Thread(target=run, name="disk", daemon=True).start()
    return await asyncio.wrap_future(done)
