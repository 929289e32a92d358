"""Numbers of several nodes: those of each are added, so a line that two of them have counts twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

from logsrv.linelog.http.nodes.answer import (
    AskedNode,
    NodeFailure,
    moment_of,
    node_object,
    time_of,
)
from logsrv.linelog.http.nodes.gather import AskedNodes

LARGEST = 1000
"""Values that each node is asked for: one that is rare in one of them may be frequent in all."""
_KEYS = {
    "histogram": ("buckets", "time", "count"),
    "top": ("values", "value", "count"),
    "fields": ("fields", "name", "lines"),
    "sources": ("sources", "source", "lines"),
}
"""The list in the answer of an endpoint, what is counted there, and its number."""
_WHOLE = {"top": "total", "fields": "sampled"}
"""The number beside the list."""


def numbers(
    nodes: Sequence[AskedNode], endpoint: str, values: Mapping[str, Any], seconds: float
) -> dict[str, Any]:
    """Return the answer of an endpoint that counts, for all nodes; with those that failed, and why."""
    missing: dict[str, str] = {}
    asking = AskedNodes(nodes, missing.__setitem__, seconds)
    asked = {**values, "limit": LARGEST} if endpoint == "top" else dict(values)
    found: dict[str, Any] = {}
    if endpoint == "histogram":
        if not (asked["since"] and asked["until"]):
            oldest, newest = asking.times()
            asked["since"] = asked["since"] or oldest
            # A span of time is without its end.
            asked["until"] = asked["until"] or (newest and time_of(moment_of(newest) + 1))
        found = {"since": asked["since"] or None, "until": asked["until"] or None}
        if not "" < asked["since"] <= asked["until"]:
            asking.nodes = ()
    answers = asking.each(lambda node: _checked(endpoint, node_object(node, endpoint, asked)))
    if endpoint == "histogram":
        # All cut the same span in the same way, unless one is of another version, or says anything.
        steps = Counter(answer["step"] for answer in answers.values()).most_common(1)
        found["step"] = steps[0][0] if steps else 1.0
        for name in [name for name in answers if answers[name]["step"] != found["step"]]:
            missing[name] = "it counts in other steps of time; its lines are missing"
            del answers[name]
    if endpoint == "top":
        found["field"] = values["field"]
    if whole := _WHOLE.get(endpoint):
        found[whole] = sum(answer[whole] for answer in answers.values())
    rows = _added(endpoint, list(answers.values()))
    found[_KEYS[endpoint][0]] = rows[: values["limit"]] if endpoint == "top" else rows
    failed = [{"node": name, "error": why} for name, why in missing.items()]
    return {**found, "added": len(answers) > 1, "missing": failed}


def _added(endpoint: str, answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of all answers: by time, or those with most lines first."""
    rows_of, key, number = _KEYS[endpoint]
    rows: dict[str, dict[str, Any]] = {}
    for one in [row for answer in answers for row in answer[rows_of]]:
        row = rows.setdefault(one[key], {key: one[key], number: 0})
        row[number] += one[number]
        if endpoint == "histogram":
            row["levels"] = dict(Counter(row.get("levels", {})) + Counter(one["levels"]))
        if endpoint == "sources":
            row["last"] = max(row.get("last") or "", one["last"] or "") or None
    if endpoint == "histogram":
        return sorted(rows.values(), key=lambda row: row["time"])
    return sorted(rows.values(), key=lambda row: (-row[number], row[key]))


def _checked(endpoint: str, found: dict[str, Any]) -> dict[str, Any]:
    """Return an answer with numbers. Raises NodeFailure if it is a strange one."""
    rows_of, key, number = _KEYS[endpoint]
    try:
        for row in found[rows_of]:
            _require_text(row[key])
            _require_count(row[number])
            if endpoint == "histogram":
                moment_of(row["time"])
                for lines in row["levels"].values():
                    _require_count(lines)
            if endpoint == "sources" and row["last"] is not None:
                _require_text(row["last"])
        if endpoint in _WHOLE:
            _require_count(found[_WHOLE[endpoint]])
        if endpoint == "histogram":
            found["step"] = float(found["step"])
            if not 0 < found["step"] < inf:
                raise ValueError
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        raise NodeFailure("it answers with something that are no such numbers") from None
    return found


def _require_count(number: Any) -> None:
    if type(number) is not int or not 0 <= number < 1 << 53:
        raise ValueError(number)


def _require_text(value: Any) -> None:
    if not isinstance(value, str):
        raise ValueError(value)
