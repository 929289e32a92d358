"""When an alert would have fired: episodes and messages of a store, as a searching process answers."""

import json
from pathlib import Path
from typing import Any

import pytest

from logsrv.kit.text.time import rfc3339
from logsrv.linelog.alerts.page.page_api import WOULD_FIRE
from logsrv.linelog.alerts.page.would_fire import number_of_messages
from logsrv.linelog.alerts.tally import MatchTally
from logsrv.linelog.http.search_child import answer_request
from logsrv.linelog.read.hits import Hit
from logsrv.linelog.store.segment import Position
from tests.leaks import killed
from tests.parts.answer_types import INTERFACES, PATHS
from tests.parts.search_orders import order_of
from tests.parts.stores import BEGIN, line, make_store

TIMES = {"since": rfc3339(BEGIN), "until": rfc3339(BEGIN + 4000)}


def answered(store: Path, alert: str, **values: Any) -> tuple[int, dict[str, Any]]:
    """Return the status and the answer, made in this process."""
    sent: list[bytes] = []
    given = {"alert": alert, "every": 300.0, **TIMES, **values}
    with killed():
        answer_request(order_of(store, WOULD_FIRE, given), sent.append, pytest.fail)
    status, *body = sent
    return int(status), json.loads(b"".join(body))


def test_episodes_of_groups_are_told_with_figures(tmp_path):
    texts = [line(f"app=shop took_ms={100 + n}", n) for n in range(3)]
    texts += [line(f"app=web took_ms={n}", 600 + n) for n in range(2)]
    store = make_store(tmp_path / "s", [texts])
    text = "| avg took_ms, count in 1m by app | where avg_took_ms > 50 count >= 3"
    status, found = answered(store, text)
    assert status == 200, found
    [episode] = found.pop("episodes")
    assert found == {"condition": True, "total": 1, "left_out": False, **TIMES}
    assert episode["group"] == {"app": "shop"}
    assert episode["begin"].startswith(rfc3339(BEGIN + 3)[:18])
    assert episode["end"] > episode["begin"]
    assert episode["figures"] == "avg took_ms 101 ms, count 3"


@pytest.mark.parametrize(
    ("text", "kind"), [("oops | count > 0 in 1s", "PastEpisodes"), ("oops", "PastLines")]
)
def test_the_page_is_checked_with_the_members_of_the_answer(tmp_path, text, kind):
    store = make_store(tmp_path / "s", [[line("oops", 1)]])
    _, found = answered(store, text)
    assert kind in PATHS["/api/would_fire"] and set(found) == set(INTERFACES[kind])
    for episode in found["episodes"]:
        assert set(episode) == set(INTERFACES["Episode"])


def test_of_many_episodes_the_newest_are_told_and_all_are_counted(tmp_path):
    texts = [line("oops", 10 * n) for n in range(150)]
    store = make_store(tmp_path / "s", [texts])
    _, found = answered(store, "oops | count > 0 in 1s", since=rfc3339(BEGIN - 60))
    assert found["total"] == 150 and len(found["episodes"]) == 100
    begun = [one["begin"] for one in found["episodes"]]
    assert begun == sorted(begun) and begun[-1] >= rfc3339(BEGIN + 1489)
    assert {json.dumps(one["group"]) for one in found["episodes"]} == {"{}"}


def test_lines_of_an_alert_without_a_condition_are_counted_and_its_messages(tmp_path):
    store = make_store(tmp_path / "s", [[line("oops", n) for n in (0, 1, 200, 301, 2000)]])
    status, found = answered(store, "oops")
    assert status == 200
    assert found == {
        "condition": False,
        "episodes": [],
        "total": 0,
        "lines": 5,
        "messages": 4,
        **TIMES,
    }
    assert answered(store, "nothing")[1]["messages"] == 0


def test_a_wrong_text_has_its_column(tmp_path):
    store = make_store(tmp_path / "s", [[line("x")]])
    status, found = answered(store, "oops | count > 0 in 1y")
    assert status == 400 and found["at"] == 21


@pytest.mark.parametrize(
    "times",
    [
        [],
        [0.0],
        [0.0, 1.0, 99.0],
        [0.0, 1.0, 150.0, 160.0],
        [0.0, 150.0, 310.0, 320.0, 900.0],
        [float(n) for n in range(0, 1000, 7)],
        [0.0, 99.0, 101.0, 198.0, 350.0],
    ],
)
def test_as_many_messages_are_counted_as_the_tally_would_send(times):
    every, sent = 100.0, 0
    tally = MatchTally(every)
    hit = Hit(Position(1, 0), b"2026-11-20T06:18:42.123456Z tcp:x y")
    for tenth in range(20_000):
        now = tenth / 10
        for time in times:
            if time == now:
                tally.add_matches([hit], 1, hit.line, now)
        sent += tally.take_if_due(now) is not None
    assert abs(number_of_messages(times, every) - sent) <= 0
