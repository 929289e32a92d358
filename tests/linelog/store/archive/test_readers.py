"""Reads of archives, several at once."""

import threading

import pytest

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.store.archive.objects import ArchiveError
from logsrv.linelog.store.archive.readers import AT_ONCE, ReaderThreads


def test_all_reads_are_under_way_at_once():
    together = threading.Barrier(AT_ONCE)
    readers = ReaderThreads()
    found = readers.read_all([lambda: together.wait(PATIENCE)] * AT_ONCE)
    assert sorted(one.result() for one in found) == list(range(AT_ONCE))
    readers.close()


def test_further_reads_wait_for_a_free_thread():
    readers = ReaderThreads()
    found = readers.read_all([lambda of=number: of * 2 for number in range(200)])  # type: ignore[misc]
    assert [one.result() for one in found] == list(range(0, 400, 2))
    readers.close()


def test_the_error_of_a_read_is_raised_to_its_caller():
    def fail() -> bytes:
        raise ArchiveError("gone")

    readers = ReaderThreads()
    one = readers.start(fail)
    with pytest.raises(ArchiveError, match="gone"):
        one.result()
    readers.close()


def test_a_panic_in_a_read_is_raised_to_its_caller():
    class Panic(BaseException):
        pass

    def fail() -> bytes:
        raise Panic

    readers = ReaderThreads()
    with pytest.raises(Panic):
        readers.start(fail).result()
    readers.close()


def test_no_waiting_read_is_begun_after_close():
    readers = ReaderThreads()
    hold, begun = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        hold.wait(PATIENCE)

    held = [readers.start(wait) for _ in range(AT_ONCE)]
    late: list[int] = []
    waiting = readers.start(lambda: late.append(1))
    begun.wait(PATIENCE)
    readers.close()
    hold.set()
    held[0].result()
    assert late == [] and waiting is not None
