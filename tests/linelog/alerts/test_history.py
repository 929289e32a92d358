"""When a condition would have been true, by the lines of a store: SQL says the same."""

import random
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest

from logsrv.linelog.alerts.history import find_past_episodes
from logsrv.linelog.query.language.condition import parse_alert
from tests.parts.stores import BEGIN, line, make_store, view_of

# Steps of a second of the minute-long window, and their episodes, as gaps and islands.
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


def episodes(
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
    found = episodes(store, "| count > 20 in 1m by app", -60)
    assert len(found) > 3
    assert found == [(app, float(step)) for app, step in wanted]
    # An episode that goes on at the begin is not one of that time.
    later = episodes(store, "| count > 20 in 1m by app", wanted[1][1] + 1)
    assert later == found[2:]


def test_absence_needs_a_line_before_it_or_the_begin_of_the_store(tmp_path):
    store = store_of(tmp_path / "s", [(0, "a"), (600, "b"), (700, "a"), (760, "a"), (1200, "b")])
    assert episodes(store, "app=a | none in 5m", -86400, 1500) == [("", 305.0), ("", 1065.0)]
    assert episodes(store, "| none in 5m by app", 100, 1500) == [
        ("a", 305.0),
        ("b", 905.0),
        ("a", 1065.0),
    ]
    # Of the day before, the lines are known, although the answer begins later.
    assert episodes(store, "| none in 5m by app", 1063, 1100) == [("a", 1065.0)]


def test_an_empty_store_has_no_episodes(tmp_path):
    store = make_store(tmp_path / "s", [[]])
    assert episodes(store, "| none in 5m", 0) == []


def test_groups_with_and_without_the_field_begin_at_the_same_moment(tmp_path):
    store = make_store(tmp_path / "s", [[line("x"), line("app=(none) n=1")] * 2])
    found = episodes(store, "| count > 1 in 5m by app", -60)
    assert sorted(found) == [("(none)", 0.0), ("None", 0.0)]
