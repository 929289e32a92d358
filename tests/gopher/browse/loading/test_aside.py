"""A disk that does not answer holds nobody."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from logsrv.gopher.browse.loading.aside import aside
from tests.gopher.browse.conftest import run


def test_a_result_and_an_error_come_back() -> None:
    def fail() -> None:
        raise OSError("broken")

    assert run(aside(threading.get_ident)) != threading.get_ident()
    with pytest.raises(OSError, match="broken"):
        run(aside(fail))


def test_what_comes_too_late_is_nobodys() -> None:
    answers, ended = threading.Event(), threading.Event()

    def read() -> None:
        answers.wait()
        ended.set()

    async def scenario() -> None:
        task = asyncio.create_task(aside(read))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(scenario())
    assert not ended.is_set()
    answers.set()
    assert ended.wait(20)


def test_a_program_ends_although_a_disk_is_silent() -> None:
    code = """
import asyncio, threading
from logsrv.gopher.browse.loading.aside import aside

async def main():
    task = asyncio.create_task(aside(threading.Event().wait))
    await asyncio.sleep(0)
    task.cancel()

asyncio.run(main())
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
