"""Which episodes are due, and what is remembered of them."""

from __future__ import annotations

import json

from logsrv.linelog.alerts.episodes import GATHER, Episodes
from logsrv.linelog.alerts.windows import Change

A, B = ("a",), ("b",)


def begin(those: Episodes, key: tuple[str, ...] = A, time: float = 0) -> None:
    those.add_change(Change(key, True, time, 5), silenced=False, with_end=True)


def end(
    those: Episodes, time: float = 60, *, silenced: bool = False, with_end: bool = True
) -> None:
    those.add_change(Change(A, False, time, 1), silenced=silenced, with_end=with_end)


def due(those: Episodes, now: float, *, at_once: bool = False) -> list[tuple[str, bool]]:
    found = those.due(now, {A: 7}, {A, B}, at_once=at_once)
    if found:
        those.mark_reported(found, now, 100)
    return [(str(one.key[0]), one.ended is None) for one in found]


def test_an_episode_is_due_at_its_begin_each_interval_and_its_end() -> None:
    those = Episodes()
    begin(those)
    assert due(those, 0) == [("a", True)]
    assert due(those, 99) == []
    assert due(those, 100) == [("a", True)]
    end(those, 150)
    assert due(those, 150) == [("a", False)]
    assert due(those, 1000) == [] and len(those) == 0


def test_other_groups_wait_a_moment_unless_the_process_ends() -> None:
    for at_once, waits in ((False, GATHER), (True, 1)):
        those = Episodes()
        begin(those)
        assert due(those, 0)
        begin(those, B, 1)
        assert due(those, waits, at_once=at_once) == [("b", True)]


def test_the_present_figure_is_reported() -> None:
    those = Episodes()
    begin(those)
    assert [one.value for one in those.due(0, {A: 7}, {A}, at_once=False)] == [7]
    end(those)
    assert [one.value for one in those.due(60, {}, set(), at_once=False)] == [1]


def test_an_end_is_not_reported_if_it_is_not_wanted_or_if_nobody_heard_of_the_begin() -> None:
    unwanted, silenced, unheard = Episodes(), Episodes(), Episodes()
    begin(unwanted)
    assert due(unwanted, 0)
    end(unwanted, with_end=False)
    begin(silenced)
    end(silenced, silenced=True)
    assert due(unwanted, 1000) == due(silenced, 1000) == []
    # Its message could not be delivered until now.
    begin(unheard)
    end(unheard, with_end=False)
    assert due(unheard, 1000) == [("a", False)]


def test_a_message_about_an_earlier_episode_says_nothing_about_the_present_one() -> None:
    those = Episodes()
    begin(those)
    first = those.due(0, {}, set(), at_once=False)
    end(those, 60)
    begin(those, A, 70)
    those.mark_reported(first, 75, 100)
    assert due(those, 75 + GATHER) == [("a", True)]


def test_an_end_without_a_begin_is_nothing() -> None:
    those = Episodes()
    end(those)
    assert len(those) == 0


def test_episodes_survive_as_json() -> None:
    those, again = Episodes(), Episodes()
    begin(those)
    assert due(those, 0)
    begin(those, B, 5)
    again.restore(json.loads(json.dumps(those.to_document())))
    assert again.to_document() == those.to_document()
    assert due(again, 20) == [("b", True)]
