"""When the progress of an answer is told, and what of it."""

from typing import Any

from twisted.internet.task import Clock

from logsrv.linelog.read.progress import BYTES_PER_SECOND, COST, EVERY, FIRST, ReadProgress


class Told:
    """A progress, and what it has sent."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.sent: list[tuple[int, int, str, Any]] = []
        self.size = 100
        self.progress = ReadProgress(self.send, self.clock.seconds)

    def send(self, *about: Any) -> int:
        self.sent.append(about)
        return self.size

    def seconds_until_due(self) -> float:
        begin = self.clock.seconds()
        while not self.progress.is_due:
            self.clock.advance(0.01)
        return round(self.clock.seconds() - begin, 1)


def test_it_is_told_after_half_a_second_and_then_each_second():
    told = Told()
    assert told.seconds_until_due() == FIRST
    told.progress.tell()
    assert told.seconds_until_due() == EVERY


def test_a_large_answer_and_one_that_takes_long_are_told_rarely():
    told = Told()
    told.size = 5 * BYTES_PER_SECOND
    told.progress.tell()
    assert told.seconds_until_due() == 5
    told.size = 100

    def find() -> str:
        told.clock.advance(0.5)
        return "found"

    told.progress.answer_of = str.upper
    told.progress.tell("then", find)
    assert told.sent[-1] == (0, 0, "then", "FOUND")
    assert told.seconds_until_due() == 0.5 * COST


def test_what_was_found_is_left_out_if_nobody_makes_an_answer_of_it():
    told = Told()
    told.progress.tell("then", lambda: "found")
    assert told.sent == [(0, 0, "then", None)]


def test_lines_that_come_meanwhile_are_not_more_than_all_and_later_searches_count():
    told = Told()
    told.progress.read, told.progress.of, told.progress.later = 120, 100, 50
    told.progress.tell()
    assert told.sent == [(100, 150, "", None)]


def test_without_memory_for_what_was_found_so_far_the_progress_goes_on_alone():
    def find() -> str:
        raise MemoryError

    told = Told()
    told.progress.answer_of = str.upper
    told.progress.tell("then", find)
    told.progress.tell("then", lambda: "found")
    assert told.sent == [(0, 0, "then", None)] * 2
