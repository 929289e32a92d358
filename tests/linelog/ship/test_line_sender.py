"""A shipper of lines: each line at least once, whatever fails; what is refused for good is kept."""

from pathlib import Path
from typing import Any

import pytest

from logsrv.linelog.ship.line_sender import GROW
from logsrv.linelog.ship.progress import size_with_lfs
from logsrv.linelog.ship.reports import (
    AttemptFailed,
    GapFound,
    LinesRefused,
    TargetDown,
    TargetUp,
    TextAcknowledged,
    Trouble,
)
from logsrv.linelog.ship.targets.target import (
    ANSWER,
    LineBatch,
    PartlyRefused,
    RefusedForGood,
    TooMuchAtOnce,
    Unavailable,
)
from logsrv.linelog.store.notes.segment_notes import MissingText
from tests.parts.ship_targets import LineFarSide, Process
from tests.parts.stores import line, make_store, remove_segment

SEGMENTS = [[line(f"{segment} {n}", n) for n in range(300)] for segment in range(2)]
LINES = [one[:-1] for lines in SEGMENTS for one in lines]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return make_store(tmp_path / "logs", SEGMENTS)


def shipped(directory: Path, far: LineFarSide, seconds: float = 2.0, **given: Any) -> Process:
    process = Process(directory)
    process.lines(far, **given).start()
    process.run(seconds)
    return process


def append(directory: Path, *messages: str) -> list[bytes]:
    lines = list(map(line, messages))
    with open(directory / "current.log", "ab") as file:
        file.write(b"".join(lines))
    return [one[:-1] for one in lines]


def test_all_lines_arrive_in_order(directory):
    far = LineFarSide(most_lines=70)
    process = shipped(directory, far)
    assert far.lines == LINES and max(len(one.lines) for one in far.sent) == 70
    acknowledged = process.reports.of(TextAcknowledged)
    assert sum(one.lines for one in acknowledged) == 600
    assert sum(one.bytes or 0 for one in acknowledged) == sum(len(one) + 1 for one in LINES)
    assert process.reports.of(TargetUp)[0].promise == "at least once"
    process.send_loop.stop()
    position = (directory / "ship" / "far").read_text()
    assert f'"position":"{far.sent[-1].end}"' in position and far.closed == 1


def test_a_target_that_refuses_all_lines_is_up(directory):
    """It answers: what it says of the lines is counted."""
    far = LineFarSide(judge=lambda _: RefusedForGood("400"))
    process = shipped(directory, far, ship_from="2:0", seconds=20)
    assert process.reports.of(LinesRefused) and process.reports.kinds[-1] == TargetUp


def test_only_lines_that_match_the_query_are_sent(directory):
    far = LineFarSide()
    process = shipped(directory, far, query='"1 7" OR later')
    wanted = [one for one in LINES if b" 1 7" in one]
    later = append(directory, "sooner", "later", "never")
    process.run(2)
    assert far.lines == wanted + later[1:2]
    process.send_loop.stop()
    # The place is behind what was not asked for.
    assert shipped(directory, LineFarSide(), query="never").reports.kinds == [TargetUp]


def test_the_next_batch_is_sent_before_the_answer_to_the_first(directory):
    far = LineFarSide(most_lines=50, ahead=1, script=["wait"] * 3)
    process = shipped(directory, far)
    assert len(far.held) == 2
    far.answer()
    process.run(1)
    assert len(far.held) == 2 and process.position == far.sent[0].end
    far.answer()
    far.answer()
    process.run(2)
    assert far.lines == LINES and len(process.reports.of(TextAcknowledged)) == 12


@pytest.mark.parametrize("step", [Unavailable("503"), "hang"])
def test_batches_after_a_failed_one_are_sent_again(directory, step):
    far = LineFarSide(most_lines=50, ahead=1, script=[None, step])
    process = shipped(directory, far, 1)
    process.run(ANSWER + 2)
    assert set(far.lines) == set(LINES)
    assert far.lines[-500:] == LINES[-500:]
    assert process.position == far.sent[-1].end


def test_lines_after_a_refused_line_are_not_sent_again(directory):
    far = LineFarSide(most_lines=50, ahead=1, script=[None, PartlyRefused("no", 1, [0])])
    process = shipped(directory, far)
    assert len(far.sent) == 12 and [one.lines for one in process.reports.of(LinesRefused)] == [1]


def test_the_end_waits_for_all_that_is_under_way(directory):
    far = LineFarSide(most_lines=50, ahead=1, script=["wait"] * 3)
    process = shipped(directory, far)
    assert len(far.held) == 2
    stopped = process.send_loop.stop()
    far.answer()
    process.run(1)
    assert not stopped.called and len(far.sent) == 2
    far.answer()
    assert stopped.called and process.position == far.sent[1].end


@pytest.mark.parametrize("step", [Unavailable("503"), "hang"])
def test_unacknowledged_lines_are_sent_again(directory, step):
    far = LineFarSide(most_lines=100, script=[None, step])
    process = shipped(directory, far, 1)
    assert ("hang" in far.script) is False
    process.run(ANSWER + 1 if step == "hang" else 1)
    assert far.lines == LINES
    assert far.sent[1] == far.sent[2]
    (retry,) = process.reports.of(AttemptFailed)
    assert retry.why == ("503" if step != "hang" else "no answer within 30 s")
    assert process.reports.kinds.count(TargetUp) == 2


def test_after_a_kill_what_was_not_saved_comes_again(directory):
    far = LineFarSide(most_lines=100, script=[None, None, "hang"])
    process = shipped(directory, far, 0.5)
    assert len(far.lines) == 200
    process.kill()
    shipped(directory, far)
    assert far.lines[200:] == LINES
    far.lines.clear()
    assert shipped(directory, far, 1.2).reports.kinds == []


@pytest.mark.parametrize("bad", [{7}, {0, 1, 2, 599}, set(range(590, 600))])
def test_a_line_that_is_refused_for_good_is_kept_and_the_rest_goes_on(directory, bad):
    refused = [LINES[number] for number in sorted(bad)]

    def judge(lines: LineBatch) -> Exception | None:
        return RefusedForGood("400: bad") if set(lines.lines) & set(refused) else None

    far = LineFarSide(most_lines=100, judge=judge)
    process = shipped(directory, far, 10)
    assert far.lines == [one for one in LINES if one not in refused]
    kept = (directory / "ship" / "far.refused").read_bytes()
    assert kept == b"".join(one + b"\n" for one in refused)
    reports = process.reports.of(LinesRefused)
    assert [one.lines for one in reports] == [1] * len(bad)
    assert reports[0].why == f"400: bad; kept in {directory}/ship/far.refused"
    assert not process.reports.of(TargetDown)
    process.send_loop.stop()
    assert shipped(directory, LineFarSide()).reports.kinds == [TargetUp]


@pytest.mark.parametrize("which", [(3, 5), ()])
def test_a_partly_refused_batch_is_acknowledged(directory, which):
    far = LineFarSide(most_lines=1000, script=[PartlyRefused("too far behind", 40, which)])
    process = shipped(directory, far)
    # Not sent again: all others are there.
    assert len(far.sent) == 1
    (refused,) = process.reports.of(LinesRefused)
    assert refused.lines == 40 and refused.why.startswith("too far behind")
    path = directory / "ship" / "far.refused"
    kept = path.read_bytes().splitlines() if path.exists() else []
    assert kept == [LINES[number] for number in which]


def test_what_is_too_large_is_halved_and_grows_again(directory):
    far = LineFarSide(most_lines=10_000, most_bytes=20_000)
    far.script = [TooMuchAtOnce("413"), TooMuchAtOnce("413")]
    process = shipped(directory, far, 5)
    assert far.lines == LINES
    assert [one.reason for one in process.reports.of(AttemptFailed)] == ["too-large"] * 2
    largest = max(len(one.lines) for one in far.sent[2:])
    written = [one for number in range(2 * GROW) for one in append(directory, str(number))]
    for number in range(2 * GROW):
        written += append(directory, f"x{number}")
        process.run(0.3)
    written += append(directory, *map(str, range(2000)))
    process.run(2)
    assert far.lines == LINES + written
    assert len(far.sent[-3].lines) > largest


def test_a_line_that_is_too_large_alone_is_kept(tmp_path):
    long = line("x" * 5000)
    directory = make_store(tmp_path / "logs", [[line("a"), long, line("b")]])
    far = LineFarSide(
        judge=lambda lines: TooMuchAtOnce("413") if sum(map(len, lines.lines)) > 1000 else None
    )
    shipped(directory, far)
    assert far.lines == [line("a")[:-1], line("b")[:-1]]
    assert (directory / "ship" / "far.refused").read_bytes() == long


def test_a_full_disk_does_not_stop_what_is_refused(directory, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("logsrv.linelog.ship.ship_place.RefusedLinesFile.add", full)
    far = LineFarSide(most_lines=600, script=[PartlyRefused("no", 1, [0])])
    process = shipped(directory, far)
    assert process.reports.of(LinesRefused)[0].lines == 1
    assert process.reports.of(Trouble)[0].why.endswith(
        "far.refused cannot be written: No space left on device"
    )
    assert len(process.reports.of(TextAcknowledged)) == 1


def test_lines_removed_before_they_were_sent_are_counted(directory):
    far = LineFarSide(script=[Unavailable("503")])
    process = shipped(directory, far, ship_from="1:0")
    process.kill()
    (directory / "ship" / "far").unlink()
    next(directory.glob("0000000001-*.zst")).unlink()
    again = LineFarSide()
    assert shipped(directory, again, ship_from="1:0").reports.of(GapFound)[0].bytes is None
    assert again.lines == LINES[300:]


def test_a_gap_that_grows_after_a_kill_is_not_counted_twice(tmp_path):
    """The first process had read past the gap, and counted it; its lines were not taken."""
    store = [[line(f"{segment} {n}", n) for n in range(300)] for segment in range(4)]
    directory = make_store(tmp_path / "logs", store)
    sizes = [sum(map(len, lines)) for lines in store]
    far = LineFarSide(most_lines=300, script=[None, *[Unavailable("away")] * 9])
    process = shipped(directory, far)
    process.kill()
    assert process.kept.gone == MissingText(0)
    remove_segment(directory, 2, sizes[1], 300)
    process = shipped(directory, LineFarSide(script=[Unavailable("away")] * 9))
    assert process.kept.gone == MissingText(sizes[1], 300)
    process.kill()
    remove_segment(directory, 3, sizes[2], 300)
    far.script.clear()
    process = shipped(directory, far)
    assert far.lines == [one[:-1] for lines in (store[0], store[3]) for one in lines]
    assert process.kept.gone == MissingText(sizes[1] + sizes[2], 600)


def test_a_counted_gap_is_known_after_a_kill_in_the_same_moment(tmp_path):
    """Also if all text before the gap was taken and saved long before: the place is still the same."""
    store = [[line(f"{segment} {n}", n) for n in range(300)] for segment in range(3)]
    directory = make_store(tmp_path / "logs", store[:1])
    process = shipped(directory, far := LineFarSide())
    assert len(far.lines) == 300
    (directory / "current.log").unlink()
    make_store(directory, store)
    removed = MissingText(sum(map(len, store[1])), 300)
    remove_segment(directory, 2, removed.bytes, removed.lines)
    far.script.append(Unavailable("away"))
    while not process.reports.of(GapFound):
        process.run(0.05)
    process.kill()
    again = shipped(directory, far)
    assert far.lines == [one[:-1] for lines in (store[0], store[2]) for one in lines]
    assert again.kept.gone == removed and not again.reports.of(GapFound)


def test_batches_become_smaller_on_a_slow_link(tmp_path):
    lines = [line("x" * 1000, n) for n in range(600)]
    far = LineFarSide(
        most_bytes=1 << 19, judge=lambda one: "hang" if size_with_lfs(one.lines) > 100_000 else None
    )
    process = Process(make_store(tmp_path / "logs", [lines]))
    process.lines(far).start()
    process.run(3 * ANSWER + 20)
    assert b"".join(one + b"\n" for one in far.lines) == b"".join(lines)
    assert [one.reason for one in process.reports.of(AttemptFailed)] == ["unavailable"] * 3
    assert not process.reports.of(LinesRefused)
