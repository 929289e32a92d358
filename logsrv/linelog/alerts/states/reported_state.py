"""The state of an alert with a condition, as its watch reports it to the daemon, for readers.

What begins or ends is reported within a second, new figures of what fires every ten. Of many groups the
first are reported, and their number.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from logsrv.kit.text.time import rfc3339
from logsrv.linelog.alerts.condition import Condition
from logsrv.linelog.alerts.message import group_of, values_in_words
from logsrv.linelog.alerts.windows import Change, Key, Windows

MOST_GROUPS = 100
LONGEST_FIGURES = 400
"""Characters of the figures of a group; the rest is cut off."""
SOON, FIGURES = 1.0, 10.0
"""Seconds between two reports, if anything began or ended, and else while something fires."""


class ReportedState:
    """The state of an alert. text: its text. last: the last episode: key, begin, end; None without one."""

    def __init__(self, text: str, condition: Condition) -> None:
        self._text = text
        self._condition = condition
        self.last: list[Any] | None = None
        self._is_changed = True
        self._fires = False
        self._reported_at: float | None = None

    def restore(self, last: list[Any] | None) -> None:
        """Continue with the last episode that an earlier process has saved."""
        self.last = last

    @property
    def keys(self) -> list[Key]:
        """The groups that it knows."""
        return [] if self.last is None else [tuple(self.last[0])]

    def forget_groups(self, keys: Set[Key]) -> None:
        """Forget some groups, and report it soon."""
        if keys & {*self.keys}:
            self.last = None
        self._is_changed = True

    def report_soon(self) -> None:
        """Note that nobody knows the state by the present name."""
        self._is_changed = True

    def note_change(self, change: Change) -> None:
        """Note the begin or the end of an episode."""
        self._is_changed = True
        if change.begins:
            self.last = [list(change.key), change.time, None]
        elif self.last is not None and self.last[0] == list(change.key):
            self.last = [*self.last[:2], max(change.time, self.last[1])]

    def document_if_due(self, now: float, windows: Windows) -> dict[str, Any] | None:
        """Return the state if it is to be reported; None if not. now: by the monotonic clock."""
        pause = SOON if self._is_changed else FIGURES
        if not self._is_changed and not self._fires:
            return None
        if self._reported_at is not None and 0 <= now - self._reported_at < pause:
            return None
        self._reported_at = now
        firing = sorted(windows.firing_groups(), key=lambda one: one[1])
        self._fires = bool(firing)
        # Until the window is read again, its figures are too low.
        self._is_changed = self._fires and not windows.is_known
        return {
            "alert": self._text,
            "groups": [
                {
                    "group": group_of(self._condition, key),
                    "since": rfc3339(begun),
                    "figures": self._figures(values) if windows.is_known else "",
                }
                for key, begun, values in firing[:MOST_GROUPS]
            ],
            "count": len(firing),
            "last": self._last_document(),
        }

    def _figures(self, values: Any) -> str:
        return values_in_words(self._condition, values)[:LONGEST_FIGURES]

    def _last_document(self) -> dict[str, Any] | None:
        if self.last is None:
            return None
        key, begun, ended = self.last
        return {
            "group": group_of(self._condition, tuple(key)),
            "begin": rfc3339(begun),
            "end": None if ended is None else rfc3339(ended),
        }
