"""The line at which a target hangs up each time is found, left out and kept; also where it is not well."""

import random
import tempfile
from collections.abc import Set as AbstractSet
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.ship.reports import LinesRefused, TextAcknowledged
from logsrv.linelog.ship.targets.target import ANSWER, LineBatch, RefusedForGood, Unavailable
from logsrv.linelog.store.segment import Position
from tests.parts.ship_targets import LineFarSide, Process
from tests.parts.stores import line, make_store

LINES = [line(str(number), number)[:-1] for number in range(300)]
LINES_SORTED = sorted(LINES)
LONG = 40 * ANSWER


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return make_store(tmp_path / "logs", [[one + b"\n" for one in LINES]])


class Poisoned(LineFarSide):
    """A far side that hangs up on some lines. in_order: it acknowledges those before them."""

    bad: AbstractSet[bytes] = frozenset()
    in_order = False

    def judge_(self, lines: LineBatch) -> Exception | None:
        at = next((at for at, one in enumerate(lines.lines) if one in self.bad), None)
        if at is None:
            return None
        taken = at if self.in_order else 0
        self.lines += lines.lines[:taken]
        return Unavailable("it hangs up", hung_up=True, taken=taken)


def far_side(bad: AbstractSet[int], in_order: bool, **more: Any) -> Poisoned:
    far = Poisoned(**more)
    far.bad, far.in_order = frozenset(LINES[number] for number in bad), in_order
    far.judge = far.judge_
    return far


@pytest.mark.parametrize("ahead", [0, 1])
@pytest.mark.parametrize("in_order", [True, False])
@pytest.mark.parametrize("bad", [{0}, {7}, {99, 100}, {5, 6, 7, 250}])
def test_a_line_that_it_hangs_up_on_is_kept_and_the_rest_goes_on(directory, bad, in_order, ahead):
    far = far_side(bad, in_order, most_lines=100, ahead=ahead)
    process = Process(directory)
    process.lines(far).start()
    process.run(LONG)
    assert sorted(set(far.lines)) == sorted(set(LINES) - far.bad)
    kept = (directory / "ship" / "far.refused").read_bytes().splitlines()
    assert kept == [LINES[number] for number in sorted(bad)]
    refused = process.reports.of(LinesRefused)
    assert [one.lines for one in refused] == [1] * len(bad)
    assert refused[0].why.startswith("it hangs up, each time that this line is sent; kept in ")
    end = process.position
    assert end == Position(1, sum(map(len, LINES)) + len(LINES))
    acknowledged = [one.position for one in process.reports.of(TextAcknowledged) if one.position]
    assert acknowledged == sorted(acknowledged)


@pytest.mark.parametrize(
    ("bad", "sent"),
    [({0}, [100, 100, 100, 6, 1, 1, 1, 5]), ({99, 100}, [100, 1, 1, 1, 100, 1, 99])],
)
def test_lines_are_sent_in_parts_after_three_hang_ups_and_at_once_behind_a_skipped_line(
    directory, bad, sent
):
    """While a line is skipped, nothing is known of the target: each further try delays all lines."""
    far = far_side(bad, True, most_lines=100)
    sizes = []

    def judge(lines: LineBatch) -> Exception | None:
        sizes.append(len(lines.lines))
        return far.judge_(lines)

    far.judge = judge
    process = Process(directory)
    process.lines(far).start()
    process.run(LONG)
    assert sizes[: len(sent)] == sent


def test_hang_ups_with_acknowledgements_between_them_are_no_search(directory):
    """A target that restarts now and then gets whole batches, also after its third restart."""
    restart = Unavailable("it restarts", hung_up=True)
    far = LineFarSide(most_lines=100, script=[restart, None] * 3)
    process = Process(directory)
    process.lines(far).start()
    process.run(LONG)
    assert [len(one.lines) for one in far.sent] == [100] * 6
    assert far.lines == LINES


def test_batches_are_sent_ahead_again_once_a_target_that_hung_up_takes_lines(directory):
    restart = Unavailable("it restarts", hung_up=True)
    far = LineFarSide(most_lines=100, ahead=1, script=[restart, None, "wait", "wait"])
    process = Process(directory)
    process.lines(far).start()
    process.run(ANSWER / 2)
    assert len(far.held) == 2


@pytest.mark.parametrize(("bad", "refused"), [(16, 16), (17, 0)])
def test_a_target_that_hangs_up_at_more_than_sixteen_lines_is_faulty_itself(
    directory, bad, refused
):
    far = far_side(set(range(bad)), True, most_lines=100)
    process = Process(directory)
    process.lines(far).start()
    process.run(LONG)
    assert len(process.reports.of(LinesRefused)) == refused


def test_a_hung_up_last_line_waits_for_the_next_line(directory):
    """Until another line was taken nobody knows whether the target is well."""
    far = far_side({299}, True, most_lines=100)
    process = Process(directory)
    process.lines(far).start()
    process.run(LONG)
    assert not process.reports.of(LinesRefused) and len(far.lines) == 299
    append(directory, "later")
    process.run(LONG)
    assert far.lines[299:] == [line("later")[:-1]]
    assert len(process.reports.of(LinesRefused)) == 1


def selecting(tmp_path: Path, *messages: str) -> tuple[Path, LineFarSide]:
    """A store, and a far side that hangs up at each line with `bad`."""
    directory = make_store(tmp_path / "selected", [[line(one) for one in messages]])
    far = LineFarSide(most_lines=100)

    def judge(lines: LineBatch) -> Exception | None:
        if any(b"bad" in one for one in lines.lines):
            return Unavailable("it hangs up", hung_up=True)
        return None

    far.judge = judge
    return directory, far


def append(directory: Path, *messages: str) -> None:
    with open(directory / "current.log", "ab") as file:
        file.writelines(line(one) for one in messages)


@pytest.mark.parametrize("ahead", [0, 1])
def test_a_hung_up_line_waits_past_lines_that_the_query_does_not_select(tmp_path, ahead):
    """Batches without lines come between it and the line that shows that the target is well."""
    directory, far = selecting(tmp_path, "want good", "want good")
    far.ahead = ahead
    process = Process(directory)
    process.lines(far, "want").start()
    process.run()
    for message in ("want bad", "other", "another"):
        append(directory, message)
        process.run(LONG)
    assert len(far.lines) == 2 and not process.reports.of(LinesRefused)
    append(directory, "want good later", "other")
    process.run(LONG)
    assert far.lines[2:] == [line("want good later")[:-1]]
    assert [one.lines for one in process.reports.of(LinesRefused)] == [1]
    assert process.position == Position(1, (directory / "current.log").stat().st_size)


def test_lines_that_the_query_does_not_select_do_not_move_the_place_past_a_skipped_line(tmp_path):
    """It was not acknowledged: after a kill it is sent again."""
    directory, far = selecting(tmp_path, "want bad", "want refused")
    hangs_up = far.judge

    def judge(lines: LineBatch) -> Exception | str | None:
        if lines.lines == [line("want refused")[:-1]]:
            return RefusedForGood("no")
        return hangs_up(lines)

    far.judge = judge
    process = Process(directory)
    process.lines(far, "want").start()
    process.run(LONG)
    assert [one.lines for one in process.reports.of(LinesRefused)] == [1]
    append(directory, "other")
    process.run(LONG)
    process.kill()
    well = LineFarSide()
    later = Process(directory)
    later.lines(well, "want").start()
    later.run()
    assert line("want bad")[:-1] in well.lines


@pytest.mark.slow
@pytest.mark.parametrize("hung_up", [True, False])
def test_no_line_is_refused_for_a_target_that_takes_nothing(directory, hung_up):
    """It may be about to stop, or be behind a balancer: no line is refused for that."""
    far = LineFarSide(most_lines=100, judge=lambda _: Unavailable("no", hung_up=hung_up))
    process = Process(directory)
    process.lines(far).start()
    process.run(10 * LONG)
    assert not process.reports.of(LinesRefused) and not far.lines
    far.judge = lambda _: None
    process.run(LONG)
    # Those that were passed by come later.
    assert sorted(far.lines) == LINES_SORTED and far.lines[20:] == LINES[20:]


def test_a_line_that_is_refused_behind_one_that_was_passed_by_does_not_move_the_place(directory):
    """The one before it is nowhere yet."""
    far = LineFarSide(most_lines=2)
    behind = False

    def judge(lines: LineBatch) -> Exception | None:
        if LINES[0] in lines.lines:
            return Unavailable("it hangs up", hung_up=True)
        if LINES[1] in lines.lines:
            return RefusedForGood("no")
        return None if behind else Unavailable("it is away")

    far.judge = judge
    process = Process(directory)
    process.lines(far).start()
    process.run(LONG)
    assert [one.lines for one in process.reports.of(LinesRefused)] == [1]
    assert process.position == Position(1, 0)
    behind = True
    process.run(LONG)
    assert far.lines == LINES[2:]
    assert (directory / "ship" / "far.refused").read_bytes().splitlines() == [LINES[1], LINES[0]]


def test_a_line_that_is_refused_at_its_last_try_leaves_the_next_ones_their_tries(directory):
    far = LineFarSide(most_lines=100)
    hang_ups = 0

    def judge(lines: LineBatch) -> Exception | None:
        nonlocal hang_ups
        if LINES[0] in lines.lines:
            if far.lines:
                return RefusedForGood("no")
            return Unavailable("it hangs up", hung_up=True)
        if LINES[50] in lines.lines and far.lines and not hang_ups:
            hang_ups += 1
            return Unavailable("it restarts", hung_up=True)
        return None

    far.judge = judge
    process = Process(directory)
    process.lines(far).start()
    process.run(LONG)
    assert hang_ups
    assert sorted(far.lines) == sorted(LINES[1:])
    assert [one.lines for one in process.reports.of(LinesRefused)] == [1]


def test_a_line_after_a_refused_one_has_tries_of_its_own(directory):
    """The hang-ups before the refusal were at another line: one more is no reason to skip a line."""
    hang_up = Unavailable("it restarts", hung_up=True)
    far = LineFarSide(most_lines=1, script=[hang_up, hang_up, RefusedForGood("no"), hang_up])
    process = Process(directory)
    process.lines(far).start()
    process.run(LONG)
    assert far.lines == LINES[1:]


@pytest.mark.slow
@given(st.integers(0, 1000), st.floats(0.1, 0.9), st.sets(st.integers(0, 299), max_size=4))
def test_random_hang_ups_lose_no_good_line(seed, share, bad):
    """No line is missing that is not kept; whoever is ill now and then refuses nothing that is well."""
    ill = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        directory = make_store(Path(folder) / "logs", [[one + b"\n" for one in LINES]])
        far = far_side(bad, ill.random() < 0.5, most_lines=40, ahead=1)
        well = far.judge_

        def judge(lines: LineBatch) -> Exception | None:
            if ill.random() < share and process.clock.seconds() < LONG:
                return Unavailable("it restarts", hung_up=ill.random() < 0.5)
            return well(lines)

        far.judge = judge
        process = Process(directory)
        process.lines(far).start()
        process.run(3 * LONG)
        kept = directory / "ship" / "far.refused"
        refused = kept.read_bytes().splitlines() if kept.exists() else []
        process.kill()
    # The last lines, if it hangs up on all of them, wait for one behind them.
    last = set(takewhile(far.bad.__contains__, reversed(LINES)))
    assert set(far.lines) | set(refused) | last == set(LINES)
