"""The time of day as far as it can be believed: what is removed because of it does not come back."""

from __future__ import annotations

import attrs

from logsrv.linelog.store.policy import DAY


@attrs.frozen
class Reading:
    """A look at two clocks: the time of day, and one that never jumps."""

    time: float
    monotonic: float

    def at(self, monotonic: float) -> float:
        """Return the time of day that `monotonic` would be, had nobody set the clock."""
        return self.time + monotonic - self.monotonic


@attrs.define
class BelievedTime:
    """The time of day, but for jumps that have not lasted.

    The rule: a clock that is more than a day away from where it should be by now is believed when
    that has lasted for a day of running. Until then the earlier of the two times counts.

    believed: what was believed last; a start goes on from what the last run believed. So a server
    that was off for a month waits for a day before it removes by age, and so does one that starts
    with a wrong clock.
    """

    believed: Reading
    doubted: Reading | None = None

    def believe(self, time: float, monotonic: float) -> float:
        """Return the time of day to go by; `time` is what the clock says."""
        now, expected = Reading(time, monotonic), self.believed.at(monotonic)
        if abs(time - expected) > DAY:
            if self.doubted is None or abs(time - self.doubted.at(monotonic)) > DAY:
                self.doubted = now
            if monotonic - self.doubted.monotonic < DAY:
                return min(time, expected)
        self.believed, self.doubted = now, None
        return time
