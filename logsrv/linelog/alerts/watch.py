"""Watching for alerts: one `Watch` per alert counts what matches, and the `Watcher` feeds them all.

The store is followed as `tail -f` follows it: a look a few times a second, a piece of at most a MiB at
a time, and the reactor's turn between two pieces.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred, DeferredList

from logsrv.linelog.alerts import command, message, webhook
from logsrv.linelog.alerts.message import Undelivered
from logsrv.linelog.alerts.reports import Progress, Report
from logsrv.linelog.alerts.settings import AlertSettings
from logsrv.linelog.alerts.tally import SHOWN, Counted, Tally
from logsrv.linelog.query.match import compile
from logsrv.linelog.query.parse import parse
from logsrv.linelog.read.follow import Follower, News
from logsrv.linelog.read.search import Hit
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import Position

LOOK = 0.2
"""Seconds between two looks at a store in which nothing new was."""
TELL = 1.0
"""Seconds between two reports of how far an alert has come."""
LAST = 4.0
"""Seconds in which the last messages may be delivered."""

Deliver = Callable[[AlertSettings, Counted], Mapping[str, Deferred[None]]]
"""A sender of a message: gives what fires, by way, when it has arrived; fails with Undelivered."""


def deliver_by(reactor: Any, *, test: bool = False) -> Deliver:
    """Return what sends a message by command and webhook, as the alert's settings say.

    test: somebody waits for the result; the message says so, and nothing is tried twice.
    """
    pauses = () if test else webhook.PAUSES

    def deliver(alert: AlertSettings, counted: Counted) -> Mapping[str, Deferred[None]]:
        ways = {}
        if alert.alert_command is not None:
            text = message.text(alert, counted, test=test)
            environment = command.passed(os.environ, alert.alert_variable)
            environment |= message.variables(alert, counted)
            ways["command"] = Deferred.fromCoroutine(
                command.run(alert.alert_command, text, environment, reactor=reactor)
            )
        if alert.alert_webhook is not None:
            body = message.json(alert, counted, test=test)
            ways["webhook"] = Deferred.fromCoroutine(
                webhook.post(alert.alert_webhook, body, reactor=reactor, pauses=pauses)
            )
        return ways

    return deliver


class Watch:
    """An alert at work: counts what matches from a position on, sends one message at a time."""

    def __init__(
        self,
        label: str,
        alert: AlertSettings,
        progress: Progress,
        *,
        deliver: Deliver,
        report: Callable[[Report], object],
    ) -> None:
        self.position = progress.position
        self._label = label
        self._alert = alert
        self._matcher = compile(parse(alert.alert))
        self._tally = Tally(alert.alert_every, progress.due)
        self._deliver = deliver
        self._report = report
        self._sending: Counted | None = None
        self._ways: Mapping[str, Deferred[None]] = {}

    @property
    def busy(self) -> bool:
        """Return whether a message is under way."""
        return self._sending is not None

    @property
    def progress(self) -> Progress:
        """The place where a successor has to begin: before the first line that nobody was told of."""
        if self._sending is not None:
            return Progress(self._sending.begin)
        if self._tally.counted.count:
            return Progress(self._tally.counted.begin, self._tally.due)
        return Progress(self.position, self._tally.due)

    def look(self, news: News, now: float) -> None:
        """Count the lines of a piece that match, but for those before where it begins."""
        segment, offset = news.position
        if news.gap and news.position > self.position:
            self._tally.missed()
        end = Position(segment, offset + len(news.text))
        if end <= self.position:
            return
        skipped = self.position.offset - offset if self.position.segment == segment else 0
        begin = max(0, skipped)
        text = news.text[begin:] if begin else news.text
        found = self._matcher.find(text, (segment, offset + begin))
        first = list(islice(found, SHOWN))
        self.position = end
        if not first:
            return
        count, last = len(first), first[-1]
        for place in found:
            count, last = count + 1, place
        hits = [Hit(Position(segment, offset + begin + at), text[at:to]) for at, to in first]
        self._tally.add(hits, count, text[slice(*last)], now)

    def send_if_due(self, now: float, *, at_once: bool = False) -> None:
        """Send a message if it is time for one, and none is under way."""
        if self.busy or (taken := self._tally.take(now, at_once=at_once)) is None:
            return
        self._sending = taken
        ways = dict(self._deliver(self._alert, taken))
        self._ways = ways
        for way, done in ways.items():
            done.addCallbacks(self._sent, self._failed, (way,), {}, (way,))
        DeferredList(list(ways.values())).addCallback(self._arrived)

    def give_up(self) -> None:
        """End what is under way."""
        for done in self._ways.values():
            done.cancel()

    def _sent(self, _: None, way: str) -> None:
        self._report(Report("sent", self._label, way))

    def _failed(self, failure: Any, way: str) -> None:
        why = "it was given up, because the service ends"
        if not failure.check(CancelledError):
            why = str(failure.value)
            if not failure.check(Undelivered):
                why = f"{type(failure.value).__name__}: {why}"
        self._report(Report("failed", self._label, way, why))

    def _arrived(self, _: object) -> None:
        self._sending, self._ways = None, {}
        self._report(Report("come", self._label, progress=self.progress))


class Clock(Protocol):
    """The part of `IReactorTime` that a watcher uses."""

    def callLater(self, delay: float, function: Callable[..., Any], /, *args: Any) -> Any: ...


class Watcher:
    """Follows a store for some watches, from `start` to the end of `finish`.

    clock: for waiting. now: seconds that only grow. failed: is called in the exception that ended it.
    """

    def __init__(
        self,
        view: View,
        watches: Mapping[str, Watch],
        *,
        clock: Clock,
        now: Callable[[], float],
        report: Callable[[Report], object],
        failed: Callable[[], object],
    ) -> None:
        self._watches = watches
        self._follower = Follower(view, min(watch.position for watch in watches.values()))
        self._clock = clock
        self._now = now
        self._report = report
        self._failed = failed
        self._told: dict[str, Progress] = {}
        self._tell_at = 0.0
        self._next: Any = None
        self._finished: Deferred[None] | None = None
        self._last = 0.0
        self._hand_over = False

    def start(self) -> None:
        """Begin to look."""
        self._look()

    def finish(self, *, hand_over: bool) -> Deferred[None]:
        """Look once more, tell of what is counted unless a successor does, and end.

        Fires when that is done, after LAST seconds at the latest.
        """
        if self._finished is None:
            self._finished = Deferred()
            self._hand_over = hand_over
            self._last = self._now() + LAST
            self._again(0)
        # There is no successor if the service stops meanwhile.
        self._hand_over = self._hand_over and hand_over
        return self._finished

    def _again(self, seconds: float) -> None:
        if self._next is not None and self._next.active():
            self._next.cancel()
        self._next = self._clock.callLater(seconds, self._look)

    def _look(self) -> None:
        try:
            self._work()
        except Exception:
            self._failed()

    def _work(self) -> None:
        now = self._now()
        news = None if self._hand_over else self._follower.read()
        if news is not None:
            if news.gap:
                self._report(Report("gap"))
            for watch in self._watches.values():
                watch.look(news, now)
        if not self._hand_over:
            # In a flood the end of the store is never reached.
            ending = self._finished is not None and (news is None or now > self._last - LAST / 2)
            for watch in self._watches.values():
                watch.send_if_due(now, at_once=ending)
        if now >= self._tell_at:
            self._tell_at = now + TELL
            self._tell()
        if self._finished is None:
            self._again(LOOK if news is None else 0)
        else:
            self._end(now, idle=news is None)

    def _end(self, now: float, *, idle: bool) -> None:
        busy = any(watch.busy for watch in self._watches.values())
        if now >= self._last:
            for watch in self._watches.values():
                watch.give_up()
        elif busy or not idle:
            self._again(LOOK / 10 if idle else 0)
            return
        self._tell()
        self._follower.close()
        assert self._finished is not None
        self._finished.callback(None)

    def _tell(self) -> None:
        for label, watch in self._watches.items():
            progress = watch.progress
            if self._told.get(label) != progress:
                self._told[label] = progress
                self._report(Report("come", label, progress=progress))
