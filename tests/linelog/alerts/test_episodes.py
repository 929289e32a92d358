"""Which episodes are due, and what is remembered of them; those of the past are what SQL finds."""

import json
import random
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest

from logsrv.linelog.alerts import episodes
from logsrv.linelog.alerts.episodes import (
    GATHER,
    MOST_ENDED,
    EpisodeMessage,
    Episodes,
    find_past_episodes,
)
from logsrv.linelog.alerts.grammar import parse_alert
from logsrv.linelog.alerts.windows import STEPS, Change, Key
from tests.parts.stores import BEGIN, line, make_store, view_of

A, B = ("a",), ("b",)
EPISODES = """
with counts as (select app, second, count(*) over (
        partition by app order by second range between 59 preceding and current row) as number
    from lines),
steps as (select app, step from (select distinct app from lines), range(0, 4000) as steps(step)),
met as (select steps.app, step from steps join lines on lines.app = steps.app
        and lines.second between step - 59 and step group by steps.app, step having count(*) > $most),
begins as (select app, step, step - lag(step) over (partition by app order by step) as gap from met)
select app, step from begins where gap is null or gap > 61 order by step, app
"""
Told = list[tuple[str, float | None]]


def begin(those: Episodes, key: Key = A, time: float = 0, *, silenced: bool = False) -> None:
    those.add_change(Change(key, True, time, (5,)), silenced=silenced)


def end(those: Episodes, time: float = 60, key: Key = A, *, silenced: bool = False) -> bool:
    return those.add_change(Change(key, False, time, (1,)), silenced=silenced)


def message(
    those: Episodes, now: float, *, with_ends: bool = True, at_once: bool = False
) -> EpisodeMessage:
    found = those.due(now, {A: (7,)}, {A, B}, with_ends=with_ends, at_once=at_once)
    return EpisodeMessage(found, now, those.gap, dropped=those.dropped)


def due(those: Episodes, now: float, **options: bool) -> Told:
    """Let a message arrive; return the groups in it, each with its end, if that is told."""
    found = message(those, now, **options)
    if found.episodes:
        those.mark_reported(found, now, 100)
    return [(str(one.key[0]), one.ended) for one in found.episodes]


def test_an_episode_is_due_at_its_begin_each_interval_and_its_end():
    those = Episodes()
    begin(those)
    assert due(those, 0) == [("a", None)]
    assert due(those, 99) == []
    assert due(those, 100) == [("a", None)]
    end(those, 150)
    assert due(those, 150) == [("a", 150)]
    assert due(those, 1000) == [] and len(those) == 0


def test_other_groups_wait_a_moment_unless_the_process_ends():
    for at_once, waits in ((False, GATHER), (True, 1)):
        those = Episodes()
        begin(those)
        assert due(those, 0)
        begin(those, B, 1)
        assert due(those, waits, at_once=at_once) == [("b", None)]


@pytest.mark.parametrize("back", [0.5, 5, 9, 60, 99, 3600, 86_400, 1e9])
def test_a_clock_that_is_set_back_delays_no_message(back):
    """Neither a new episode nor the repetition waits until the clock is again where it was."""
    those, at = Episodes(), 2e9
    begin(those, A, at)
    assert due(those, at) == [("a", None)]
    begin(those, B, at - back)
    assert due(those, at - back) == [("b", None)]
    assert due(those, at - back + 99) == []
    assert due(those, at - back + 100) == [("a", None), ("b", None)]
    assert due(those, at - 2 * back + 100) == [("a", None), ("b", None)]
    end(those, 0)
    assert due(those, at - 2 * back + 100 + GATHER) == [("a", at)]


def test_the_present_figure_is_reported():
    those = Episodes()
    begin(those)
    assert [one.values for one in message(those, 0).episodes] == [(7,)]
    end(those)
    those.mark_reported(message(those, 0), 0, 100)
    assert [one.values for one in message(those, 60).episodes] == [(1,)]


def test_each_episode_of_a_group_is_told_although_the_next_ones_have_come():
    """One step in a message, and what waited for its group is not held for more."""
    those = Episodes()
    for time in (0, 13, 40):
        begin(those, A, time)
        end(those, time + 5)
    begin(those, A, 60)
    begin(those, B, 61)
    assert due(those, 70) == [("a", None), ("b", None)]
    told = [due(those, 70 + step / 5) for step in range(7)]
    assert told == [[("a", time)] for time in (5, None, 18, None, 45, None)] + [[]]
    end(those, 71, B)
    assert due(those, 72) == [] and due(those, 71 + GATHER) == [("b", 71)]


def test_ends_that_are_not_wanted_are_not_told_but_each_begin_is():
    those = Episodes()
    for time in (0, 10):
        begin(those, A, time)
        end(those, time + 5)
    assert [due(those, now, with_ends=False) for now in (20, 21, 22)] == [
        [("a", None)], [("a", None)], [],
    ]  # fmt: skip
    assert len(those) == 0


@pytest.mark.parametrize(
    ("begins", "ends", "tried", "told"),
    [
        (True, True, False, []),
        (True, False, False, [("a", None), ("a", 60)]),
        (False, True, False, [("a", None), ("a", 60)]),
        (True, True, True, [("a", None), ("a", 60)]),
    ],
)
def test_an_episode_is_never_told_only_if_it_begins_and_ends_in_silence(begins, ends, tried, told):
    """Unless a message has been tried, between two silences: a receiver may know of the begin."""
    those = Episodes()
    begin(those, silenced=begins)
    if tried:
        message(those, 30)
    end(those, silenced=ends)
    assert due(those, 100) + due(those, 101) == told


def test_a_message_under_way_says_nothing_about_the_next_episode():
    those = Episodes()
    begin(those)
    first = message(those, 0)
    end(those)
    begin(those, A, 70)
    those.mark_reported(first, 75, 100)
    assert due(those, 75 + GATHER) + due(those, 76 + GATHER) == [("a", 60), ("a", None)]


def test_no_episode_ends_before_its_begin():
    """A clock was set back meanwhile, by an hour or by what a step lasts; 0 is a time, too."""
    for begun, ended, told in ((3600, 10, 3600), (5, 4.9, 5), (0, -1, 0), (-9, -3, -3)):
        those = Episodes()
        begin(those, A, begun)
        end(those, ended)
        assert due(those, 4000) + due(those, 4001) == [("a", None), ("a", told)]


def test_an_end_without_a_begin_is_nothing():
    those = Episodes()
    assert end(those) and len(those) == 0
    begin(those)
    assert end(those) and end(those, 70)
    assert due(those, 100) + due(those, 101) + due(those, 120) == [("a", None), ("a", 60)]


def test_while_a_receiver_is_away_only_so_many_episodes_wait_and_the_others_are_counted():
    """100,000 groups: those that go on are all told, and what was tried once has its end."""
    those = Episodes()
    begin(those)
    assert message(those, 0).count == 1
    kept = [True] * 1
    for number in range(100_000):
        begin(those, (f"g{number}",), number)
        kept.append(end(those, number, (f"g{number}",)))
        assert number % 10_000 or message(those, number).dropped == those.dropped
    begin(those, B, 100_000)
    assert end(those, 100_000, A)
    assert those.dropped == kept.count(False) == 100_000 - MOST_ENDED
    again = Episodes()
    again.restore(json.loads(json.dumps(those.to_document())))
    told: Told = []
    while (found := message(again, 200_000)).episodes:
        assert found.count <= episodes.MOST_IN_MESSAGE and found.dropped in (0, 98_000)
        told += [(str(one.key[0]), one.ended) for one in found.episodes]
        again.mark_reported(found, 200_000, 1e9)
    assert len(told) == len(set(told)) == 2 * MOST_ENDED + 3
    assert told[0] == ("a", None) and ("a", 100_000) in told and ("b", None) in told


def test_a_gap_is_told_again_if_its_message_fails():
    those = Episodes()
    begin(those)
    those.gap = True
    assert message(those, 0).gap and message(those, 1).gap
    due(those, 2)
    assert not those.gap


def test_a_message_under_way_does_not_tell_of_what_is_lost_meanwhile():
    """Lines that are removed unsearched, and episodes that are dropped: the next message tells of them."""
    those = Episodes()

    def drop(number: int) -> None:
        for _ in range(number):
            begin(those, B)
            assert not end(those, 60, B)

    for number in range(MOST_ENDED):
        begin(those, (str(number),))
        end(those, 60, (str(number),))
    drop(2)
    first = message(those, 100)
    those.gap = True
    drop(3)
    those.mark_reported(first, 101, 100)
    second = message(those, 102)
    assert (first.gap, first.dropped) == (False, 2)
    assert (second.gap, second.dropped) == (True, 3)


def test_episodes_survive_as_json():
    those, again = Episodes(), Episodes()
    begin(those)
    assert due(those, 0)
    end(those, 3)
    begin(those, A, 4)
    begin(those, B, 5, silenced=True)
    again.restore(json.loads(json.dumps(those.to_document())))
    assert again.to_document() == those.to_document()
    assert due(again, 20) + due(again, 21) == [("a", 3), ("b", None), ("a", None)]


# Steps of a second of the minute-long window, and their episodes, as gaps and islands.


def past_episodes(
    directory: Path, text: str, since: float, until: float = 4000
) -> list[tuple[str, float]]:
    found = find_past_episodes(view_of(directory), parse_alert(text), BEGIN + since, BEGIN + until)
    return [(",".join(map(str, one.key)), one.begun - BEGIN) for one in found.episodes]


def bursts(seed: int) -> list[tuple[int, str]]:
    chosen = random.Random(seed)
    lines = [(chosen.randrange(3600), app) for app in "abc" for _ in range(400)]
    for app in "ab":
        for begin in chosen.sample(range(3000), 3):
            lines += [(begin + chosen.randrange(40), app) for _ in range(50)]
    return sorted(lines)


def store_of(directory: Path, lines: Sequence[tuple[int, str]]) -> Path:
    third = len(lines) // 3
    parts = [lines[:third], lines[third : 2 * third], lines[2 * third :]]
    return make_store(
        directory, [[line(f"app={app} n=1", second) for second, app in part] for part in parts]
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_episodes_of_a_store_are_those_that_sql_finds(tmp_path, seed):
    lines = bursts(seed)
    store = store_of(tmp_path / "s", lines)
    database = duckdb.connect()
    database.execute("create table lines (second bigint, app text)")
    database.execute(
        "insert into lines select unnest(?), unnest(?)", list(zip(*lines, strict=True))
    )
    wanted = database.execute(EPISODES, {"most": 20}).fetchall()
    found = past_episodes(store, "| count > 20 in 1m by app", -60)
    assert len(found) > 3
    assert found == [(app, float(step)) for app, step in wanted]
    # An episode that goes on at the begin is not one of that time.
    later = past_episodes(store, "| count > 20 in 1m by app", wanted[1][1] + 1)
    assert later == found[2:]


def test_absence_needs_a_line_before_it_or_the_begin_of_the_store(tmp_path):
    store = store_of(tmp_path / "s", [(0, "a"), (600, "b"), (700, "a"), (760, "a"), (1200, "b")])
    assert past_episodes(store, "app=a | none in 5m", -86400, 1500) == [("", 305.0), ("", 1065.0)]
    assert past_episodes(store, "| none in 5m by app", 100, 1500) == [
        ("a", 305.0),
        ("b", 905.0),
        ("a", 1065.0),
    ]
    # Of the day before, the lines are known, although the answer begins later.
    assert past_episodes(store, "| none in 5m by app", 1063, 1100) == [("a", 1065.0)]


@pytest.mark.parametrize("days", [0.5, 1, 2, 7])
def test_a_group_that_was_last_seen_a_window_before_is_missed(tmp_path, days):
    """Also where a window is longer than the day of which the lines before are read anyway."""
    window = round(days * 86400)
    store = store_of(tmp_path / "s", [(0, "a"), *((n * window // 5, "b") for n in range(7))])
    found = past_episodes(store, f"| none in {window}s by app", 0.9 * window, 1.2 * window)
    [(app, begun)] = found
    assert app == "a" and begun == pytest.approx(window, abs=2 * window / STEPS)


def test_an_empty_store_has_no_episodes(tmp_path):
    store = make_store(tmp_path / "s", [[]])
    assert past_episodes(store, "| none in 5m", 0) == []


def test_groups_with_and_without_the_field_begin_at_the_same_moment(tmp_path):
    store = make_store(tmp_path / "s", [[line("x"), line("app=(none) n=1")] * 2])
    found = past_episodes(store, "| count > 1 in 5m by app", -60)
    assert sorted(found) == [("(none)", 0.0), ("None", 0.0)]
