"""The episodes of an alert with a condition: which of them have to be reported, and when.

An episode is reported when it begins, again every `--alert-every` while the condition is true, and when it
is over; then it is forgotten. There is no clock here: the caller gives the time of day.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import attrs

from logsrv.linelog.alerts.windows import Change, Key

GATHER = 10.0
"""Seconds between a message and the next one about other groups."""


@attrs.frozen
class Episode:
    """The time for which a group fulfils the condition.

    begun, ended: seconds since 1970; ended: None while it goes on. value: the newest figure that is known.
    is_reported: whether a message about its begin has arrived.
    """

    key: Key
    begun: float
    value: float | None = None
    ended: float | None = None
    is_reported: bool = False


@attrs.frozen
class EpisodeMessage:
    """A message about episodes, made at `time`, in seconds since 1970.

    gap: whether lines were removed unsearched. left_out: whether there are more groups than are kept.
    is_removed: whether the episodes end because the alert was removed, or has another query.
    """

    episodes: tuple[Episode, ...]
    time: float
    gap: bool = False
    left_out: bool = False
    is_removed: bool = False

    @property
    def count(self) -> int:
        return len(self.episodes)

    @property
    def state(self) -> str:
        """`firing` if an episode goes on."""
        return "resolved" if all(one.ended for one in self.episodes) else "firing"


class Episodes:
    """The episodes that go on, or whose end is not reported yet.

    sent_at: when the last message has arrived; repeat_at: when episodes that go on are reported again.
    """

    def __init__(self) -> None:
        self._all: dict[Key, Episode] = {}
        self.sent_at, self.repeat_at = -GATHER, 0.0

    def __len__(self) -> int:
        return len(self._all)

    @property
    def going_on(self) -> list[Key]:
        """The groups whose episodes go on."""
        return [key for key, one in self._all.items() if one.ended is None]

    def add_change(self, change: Change, *, silenced: bool, with_end: bool) -> None:
        """Begin or end an episode. with_end: whether to report the ends of episodes.

        The end is always reported if the begin has not been; but neither is after an episode in a silence.
        """
        if change.begins:
            self._all[change.key] = Episode(change.key, change.time, change.value)
            return
        known = self._all.get(change.key)
        if known is None:
            return
        if (not with_end) if known.is_reported else silenced:
            del self._all[change.key]
        else:
            ended = attrs.evolve(known, ended=change.time, value=change.value)
            self._all[change.key] = ended

    def due(
        self,
        now: float,
        values: Mapping[Key, float | None],
        true_now: Collection[Key],
        *,
        at_once: bool,
    ) -> tuple[Episode, ...]:
        """Return the episodes to report now.

        values: the present figures. true_now: the groups that fulfil the condition. at_once: whether the
        process is about to end.
        """
        new = [one for one in self._all.values() if one.ended or not one.is_reported]
        if new:
            waits = self.sent_at <= now < self.sent_at + GATHER and not at_once
            chosen: Sequence[Episode] = () if waits else new
        else:
            is_early = at_once or now < self.repeat_at
            chosen = () if is_early else [self._all[key] for key in self._all if key in true_now]
        return tuple(
            one if one.ended else attrs.evolve(one, value=values.get(one.key, one.value))
            for one in chosen
        )

    def mark_reported(self, episodes: Sequence[Episode], now: float, every: float) -> None:
        """Note that a message has arrived. every: seconds until they are reported again."""
        for one in episodes:
            known = self._all.get(one.key)
            if known is None or known.begun != one.begun:
                continue
            if one.ended:
                del self._all[one.key]
            else:
                self._all[one.key] = attrs.evolve(known, is_reported=True)
        self.sent_at, self.repeat_at = now, now + every

    def to_document(self) -> dict[str, Any]:
        """Return the episodes as JSON can represent them."""
        return {
            "sent": self.sent_at,
            "repeat": self.repeat_at,
            "episodes": [attrs.astuple(one) for one in self._all.values()],
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """Continue with what `to_document` has returned."""
        self.sent_at, self.repeat_at = document["sent"], document["repeat"]
        for key, *others in document["episodes"]:
            self._all[tuple(key)] = Episode(tuple(key), *others)
