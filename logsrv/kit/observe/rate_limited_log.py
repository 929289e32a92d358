"""A log of frequent events that cannot be flooded: the first is logged, then one a minute with a number."""

from __future__ import annotations

from collections.abc import Callable

import attrs

QUIET_SECONDS = 60.0
REMEMBERED = 1024
OTHERS = "others"


@attrs.frozen
class LoggedEvent:
    """An event to be logged now.

    subject: the subject of the event, or OTHERS. number: the number of events that it stands for. first:
    true if none about this subject was logged before, as far as is remembered.
    """

    subject: str
    number: int
    first: bool


class RateLimitedLog:
    """Decides which events are logged: one per subject and minute, with the number since the last.

    It remembers `remembered` subjects; all further ones share the subject OTHERS. clock: returns seconds
    that only grow.
    """

    def __init__(self, clock: Callable[[], float], remembered: int = REMEMBERED) -> None:
        self._clock = clock
        self._remembered = remembered
        # For each subject: [the time when it was logged last, events since then]; the oldest time first.
        self._subjects: dict[str, list[float]] = {}

    def count_event(self, subject: str) -> LoggedEvent | None:
        """Count an event. Return the event to log, or None if nothing is to be logged now."""
        now = self._clock()
        if subject not in self._subjects and len(self._subjects) >= self._remembered:
            self._forget_old_subjects(now)
            if len(self._subjects) >= self._remembered:
                subject = OTHERS
        entry = self._subjects.get(subject)
        if entry is None:
            self._subjects[subject] = [now, 0]
            return LoggedEvent(subject, 1, first=True)
        entry[1] += 1
        if now - entry[0] < QUIET_SECONDS:
            return None
        # Moved to the end, to keep the dictionary in the order of these times.
        del self._subjects[subject]
        self._subjects[subject] = [now, 0]
        return LoggedEvent(subject, int(entry[1]), first=False)

    def log_unless_recent(
        self, emit: Callable[..., object], subject: str, format: str, /, **fields: object
    ) -> None:
        """Count an event, and log it by `emit` unless one about its subject was logged just now.

        format: of the event, with {subject}, {number} and `fields` in it.
        """
        noted = self.count_event(subject)
        if noted is not None:
            emit(format, subject=noted.subject, number=noted.number, **fields)

    def _forget_old_subjects(self, now: float) -> None:
        # Without a copy of all of them: a flood of new subjects asks for each event.
        while self._subjects:
            oldest = next(iter(self._subjects))
            if now - self._subjects[oldest][0] < QUIET_SECONDS:
                break
            del self._subjects[oldest]
