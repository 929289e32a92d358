"""The alerts of the small server: what it tells of them, and what readers change."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

Answer = tuple[int, dict[str, Any]]
SHARES = "| count in 5m by app | where count > 100"


class FakeAlerts:
    """What the server tells of alerts, as attributes that a test sets.

    would: the answer of /api/would_fire, or a refusal with its status. wrong: the texts that it refuses,
    each with a sentence and a column. changes: what readers asked for, in order.
    """

    def __init__(self) -> None:
        self.may_change = True
        self.why_not = ""
        self.trouble = ""
        self.since = "2025-11-20T06:00:00Z"
        self.ways = ["webhook"]
        self.alerts: list[dict[str, Any]] = []
        self.silences: list[dict[str, Any]] = []
        self.would: Answer = (200, would_fire())
        self.wrong: dict[str, tuple[str, int]] = {}
        self.changes: list[tuple[str, str, Any]] = []

    def list(self) -> Answer:
        names = ("may_change", "why_not", "trouble", "since", "ways", "alerts", "silences")
        return 200, {name: getattr(self, name) for name in names}

    def count(self, text: str) -> Answer:
        return self._refusal(text) or self.would

    def change(self, method: str, path: str, value: Any) -> Answer:
        self.changes.append((method, path, value))
        kind, _, name = path.removeprefix("/api/").partition("/")
        name = unquote(name)
        if kind == "silences" and method == "POST":
            self.silences.append(silence(**value, id=f"s{len(self.changes)}"))
        elif kind == "silences":
            self.silences = [one for one in self.silences if one["id"] != name]
        elif refusal := self._refusal(value["alert"] if value else ""):
            return refusal
        else:
            self.alerts = [one for one in self.alerts if one["name"] != name]
            if method == "PUT":
                self.alerts.append(alert(name, value["alert"], of="page"))
        return self.list()

    def _refusal(self, text: str) -> Answer | None:
        if text not in self.wrong:
            return None
        sentence, at = self.wrong[text]
        return 400, {"error": sentence, "at": at}


def alert(name: str, text: str = "level>=error", **more: Any) -> dict[str, Any]:
    """Return a quiet alert, as the server tells of it; `more` replaces what is in it."""
    return {
        "name": name,
        "alert": text,
        "of": "configuration",
        "ways": ["webhook"],
        "error": "",
        "state": "quiet" if "|" in text else "lines",
        "groups": [],
        "group_count": len(more.get("groups", ())),
        "last": None,
        "delivery": [{"way": "webhook", "state": "none", "time": None, "why": "", "next": None}],
        **more,
    }


def firing(since: datetime, figures: str = "count 120", **group: Any) -> dict[str, Any]:
    return {"group": group, "since": stamp(since), "figures": figures, "silenced": False}


def delivery(state: str, time: datetime | None, **more: Any) -> dict[str, Any]:
    sent = {"way": "webhook", "state": state, "time": time and stamp(time), "why": "", "next": None}
    return sent | more


def silence(alert: str, **about: Any) -> dict[str, Any]:
    """Return a silence. about: `group`, `reason`, `until` or `for`, as a reader asks for them."""
    hours = {"30m": 0.5, "2h": 2, "8h": 8, "1d": 24}.get(about.pop("for", ""), 2)
    now = datetime.now().astimezone()
    return {
        "id": "s",
        "alert": alert,
        "group": None,
        "until": stamp(now + timedelta(hours=hours)),
        "reason": "",
        "begun": stamp(now),
        **about,
    }


def would_fire(*episodes: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return an answer with these episodes, in order."""
    return {
        "condition": True,
        "episodes": list(episodes),
        "left_out": False,
        "total": len(episodes),
        "lines": 0,
        "messages": 0,
        "since": "2025-11-20T00:00:00Z",
        "until": "2025-11-21T00:00:00Z",
        **more,
    }


def episode(
    begin: datetime, minutes: float | None, figures: str = "count 120", **group: Any
) -> dict[str, Any]:
    """Return an episode of so many minutes; None: it has not ended."""
    end = None if minutes is None else stamp(begin + timedelta(minutes=minutes))
    return {"group": group, "begin": stamp(begin), "end": end, "figures": figures}


def stamp(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")
