"""The bytes of a page come from servers and from this disk alike."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from logsrv.errors import ConfigurationError
from logsrv.gopher.browse.loading.source import aside, source_of
from logsrv.gopher.fetch.settings import ConnectionOptions
from logsrv.gopher.local.answer import LocalAnswer
from logsrv.gopher.local.fileurl import FileURL
from logsrv.gopher.wire.errors import TooBig
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.testing import wait_until
from tests.gopher.browse.conftest import run
from tests.gopher.conftest import Serve
from tests.gopher.fetch.transfers.test_addresses import open_now


def test_a_file_comes_in_pieces_as_it_is(tmp_path: Path) -> None:
    content = b"..dots\r\n" * 100_000 + b".\r\n"
    (tmp_path / "a.txt").write_bytes(content)
    url = FileURL(os.fsencode(tmp_path), "0", b"/a.txt")

    async def scenario() -> None:
        async with source_of(url, ConnectionOptions()) as source:
            assert not source.begun
            pieces = [piece async for piece in source]
        assert len(pieces) > 1 and b"".join(pieces) == content
        assert source.begun and source.received == source.length == len(content)
        assert source.has_header and not source.cut

    run(scenario())


@pytest.mark.parametrize(("name", "error"), [(b"/missing", ConfigurationError), (b"/big", TooBig)])
def test_what_goes_wrong_on_the_disk_is_raised(
    tmp_path: Path, name: bytes, error: type[Exception]
) -> None:
    (tmp_path / "big").write_bytes(bytes(1_000_000))

    async def scenario() -> None:
        url = FileURL(os.fsencode(tmp_path), "9", name)
        async with source_of(url, ConnectionOptions(), 500_000) as source:
            [piece async for piece in source]

    with pytest.raises(error):
        run(scenario())


def test_a_file_that_is_given_up_is_closed(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(3_000_000))
    url = FileURL(os.fsencode(tmp_path), "9", b"/big")

    async def scenario() -> None:
        async with source_of(url, ConnectionOptions()) as source:
            await anext(aiter(source))

    run(scenario())
    # By the thread that has read of it.
    wait_until(lambda: str(tmp_path / "big") not in open_now(), "its end")


def test_a_slow_disk_stops_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spins = threading.Event()

    def pieces(answer: LocalAnswer) -> Iterator[bytes]:
        assert spins.wait(60)
        yield b"at last"

    monkeypatch.setattr(LocalAnswer, "_pieces", pieces)

    async def scenario() -> None:
        async with source_of(FileURL(os.fsencode(tmp_path)), ConnectionOptions()) as source:
            asyncio.get_running_loop().call_soon(spins.set)
            assert [piece async for piece in source] == [b"at last"]

    run(scenario())


def test_an_answer_of_a_server_is_one_too(serve: Serve) -> None:
    url = GopherURL.parse(serve(b"hello\r\n.\r\n").url("/0/x"))

    async def scenario() -> None:
        async with asyncio.timeout(20), source_of(url, ConnectionOptions()) as source:
            pieces = [piece async for piece in source]
        assert b"".join(pieces) == b"hello\r\n.\r\n"
        assert source.begun and not source.has_header and source.received == 10
        assert source.length is None

    run(scenario())


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
    assert ended.wait(60)


def test_a_program_ends_although_a_disk_is_silent() -> None:
    code = """
import asyncio, threading
from logsrv.gopher.browse.loading.source import aside

async def main():
    task = asyncio.create_task(aside(threading.Event().wait))
    await asyncio.sleep(0)
    task.cancel()

asyncio.run(main())
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
