"""Numbers of several nodes: added, and never taken as they come."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.http.nodes.answer import Body, NodeFailure
from logsrv.linelog.http.searching import gathered
from logsrv.linelog.http.searching.gathered import OwnStoreNode, counts_of_nodes
from tests.parts.stores import line, make_store, view_of

SCOPE = {"q": "", "since": "", "until": "", "source": ""}
LINES = [line(f"level={level} user=ann", number) for number, level in enumerate(("info", "error"))]


class Strange(OwnStoreNode):
    """A node that answers with this."""

    name = "strange"
    answer: Any = None

    def answer_pieces(self, endpoint: str, asked: Mapping[str, Any]) -> Body:
        if endpoint == "stats":
            yield from super().answer_pieces(endpoint, asked)
            return
        if self.answer is None:
            raise NodeFailure("it cannot be reached: no route to host")
        yield json.dumps(self.answer).encode()


class Second(OwnStoreNode):
    name = "second"


@pytest.fixture
def stores(tmp_path: Path) -> list[OwnStoreNode]:
    """Two with the same lines."""
    return [
        kind(view_of(make_store(tmp_path / kind.name, [LINES]))) for kind in (OwnStoreNode, Second)
    ]


def asked(nodes: list[OwnStoreNode], endpoint: str, **values: Any) -> dict[str, Any]:
    return counts_of_nodes(nodes, endpoint, {**SCOPE, **values}, PATIENCE)


def counts(found: dict[str, Any]) -> list[int]:
    return [one["count"] for one in found["buckets"] if one["count"]]


def test_bars_are_added_and_it_is_said(stores):
    found = asked(stores, "histogram", buckets=50)
    assert counts(found) == [2, 2] and found["added"]
    assert [one["levels"] for one in found["buckets"] if one["count"]] == [
        {"info": 2}, {"error": 2}
    ]  # fmt: skip
    tenths = asked(
        stores, "histogram", buckets=50,
        since="2026-11-20T06:00:00.000000Z", until="2026-11-20T06:00:02.000000Z",
    )  # fmt: skip
    assert counts(tenths) == [2, 2] and tenths["step"] < 1
    alone = asked(stores[:1], "histogram", buckets=50)
    assert counts(alone) == [1, 1] and not alone["added"]


@pytest.mark.parametrize("step", [0, -1, "nan", "inf", 77, 10**400])
def test_a_node_of_another_step_is_missing(stores, tmp_path, step):
    strange = Strange(view_of(tmp_path / "second"))
    bar = {"time": "2026-11-20T06:00:00.000000Z", "count": 1, "levels": {}}
    strange.answer = {"step": step, "buckets": [bar]}
    span = {"since": "2026-11-20T06:00:00.000000Z", "until": "2026-11-20T06:01:00.000000Z"}
    found = asked([strange, *stores], "histogram", buckets=50, **span)
    assert sum(counts(found)) == 4 and found["step"] < 60
    assert [one["node"] for one in found["missing"]] == ["strange"]


def test_an_empty_span_has_no_bars(tmp_path):
    empty = OwnStoreNode(view_of(make_store(tmp_path / "empty", [[]])))
    found = asked([empty, empty], "histogram", buckets=5)
    assert found["buckets"] == [] and found["since"] is None


def test_values_fields_and_sources_of_nodes_are_added(stores):
    found = asked(stores, "top", field="user", limit=1)
    assert found == {
        "field": "user", "total": 4, "missed": 0, "values": [{"value": "ann", "count": 4}],
        "added": True, "missing": [],
    }  # fmt: skip
    assert len(asked(stores, "top", field="level", limit=1)["values"]) == 1
    assert asked(stores, "fields") == {
        "fields": [{"name": "level", "lines": 4}, {"name": "user", "lines": 4}],
        "sampled": 4, "added": True, "missing": [],
    }  # fmt: skip
    (source,) = asked(stores, "sources")["sources"]
    assert source["lines"] == 4 and source["last"].startswith("2026-11-20T06:00:01")


@pytest.mark.parametrize(
    "answer",
    [
        None, {}, {"buckets": 7}, {"buckets": [{"time": "now", "count": 1, "levels": {}}], "step": 1},
        {"buckets": [{"time": "2026-11-20T06:00:00.000000Z", "count": -1, "levels": {}}], "step": 1},
        {"buckets": [{"time": "2026-11-20T06:00:00.000000Z", "count": 1e9, "levels": {}}], "step": 1},
        {"buckets": [{"time": "2026-11-20T06:00:00.000000Z", "count": 1, "levels": []}], "step": 1},
        {"buckets": [], "step": "long"}, {"buckets": [], "step": 77},
    ],
)  # fmt: skip
def test_a_wrong_answer_of_a_node_is_left_out_and_reported(stores, tmp_path, answer):
    strange = Strange(view_of(tmp_path / "second"))
    strange.answer = answer
    found = asked([stores[0], strange], "histogram", buckets=50)
    assert [one["node"] for one in found["missing"]] == ["strange"]
    assert found["missing"][0]["error"].endswith("its lines are missing")
    assert counts(found) == [1, 1] and not found["added"]


@pytest.mark.parametrize(
    ("endpoint", "answer"),
    [
        ("top", {"total": 1, "values": [{"value": 7, "count": 1}]}),
        ("top", {"total": True, "values": []}),
        ("sources", {"sources": [{"source": "x", "lines": 1 << 60, "last": None}]}),
    ],
)
def test_a_wrong_answer_with_values_is_left_out_and_reported(stores, tmp_path, endpoint, answer):
    strange = Strange(view_of(tmp_path / "second"))
    strange.answer = answer
    found = asked([stores[0], strange], endpoint, field="level", limit=5)
    assert [one["error"] for one in found["missing"]] == [
        "its answer does not have the expected numbers; its lines are missing"
    ]


@pytest.mark.parametrize(
    ("lists", "missed"),
    [
        ([([5, 3], 0), ([4], 0)], 0),
        ([([5, 3], 2), ([4], 0)], 2),
        ([([5, 3], 2), ([4], 7)], 9),
        ([([5, 3, 2], 0), ([4], 0)], 2),
        ([([5, 3, 2], 1), ([4, 4, 4], 1), ([1], 1)], 9),
        ([([5, 3, 2], 0)], 0),
        ([([5, 3, 2], 6)], 6),
        ([([], 0), ([], 3)], 3),
    ],
)
def test_counts_of_nodes_say_by_how_much_they_may_be_too_low(lists, missed, monkeypatch):
    """A value may also be one that a node has, and has not listed."""
    monkeypatch.setattr(gathered, "LARGEST", 3)
    answers = [
        {"missed": own, "values": [{"value": "x", "count": count} for count in counts_]}
        for counts_, own in lists
    ]
    assert gathered.most_missed(answers) == missed
