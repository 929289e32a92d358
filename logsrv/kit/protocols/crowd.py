"""The senders that wait for one receiver: connections whose author has written to another one's peer.

Who is handled when too much waits for a receiver is given nothing more until that has room. A receiver
that stands still meanwhile is cut off, or nobody who sends to it would ever go on.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, copy_context
from typing import Protocol, TypeVar

from logsrv.kit.net.twisted.transports import unsent
from logsrv.kit.protocols.context import Author
from logsrv.timer import Timer

Result = TypeVar("Result")

# A receiver is looked at so often within its patience.
LOOKS_PER_PATIENCE = 4
# A receiver that takes fewer bytes than this within so many times its patience is cut off as well.
LEAST_TAKEN = 64 * 1024
LEAST_PATIENCES = 6


class Crowded(Protocol):
    """A connection as this module needs it: its author writes to others, and others write to its peer.

    author: says how many bytes may wait for the peer, and how many seconds others wait while it takes
    nothing.
    """

    author: Author

    @property
    def called(self) -> bool:
        """Return true if the author's code is on the stack, and so cannot wait before it returns."""

    @property
    def can_wait(self) -> bool:
        """Return true if the author is given something at all."""

    def crowd(self, crowd: Crowd) -> None:
        """Give the author nothing more until `leave` is called."""

    def leave(self, crowd: Crowd) -> None:
        """Wait for this receiver no longer."""

    def cut(self, sentence: str) -> None:
        """End the connection at once; `sentence` says why in the log."""


# The connection that the author's code is working for: on the stack, and in the coroutines begun there.
handled: ContextVar[Crowded | None] = ContextVar("handled", default=None)


def for_nobody(step: Callable[[], Result]) -> Result:
    """Call `step` as work for no connection, whoever asks for it."""
    context = copy_context()
    context.run(handled.set, None)
    return context.run(step)


class Crowd:
    """The bytes that wait for one receiver whose transport is full, and the senders that do."""

    def __init__(self, receiver: Crowded) -> None:
        self._receiver = receiver
        self._author = receiver.author
        self._clock = receiver.author.factory.service.clock
        # Since the transport was full: bytes that were written, and that it is known to have taken.
        self._written = self._taken = 0
        # In the order in which they came, and go on.
        self._senders: dict[Crowded, None] = {}
        # The bytes that each has sent although too much waits.
        self._more: dict[Crowded, int] = {}
        self._look = Timer(self._clock)
        # When it has taken something last; what it had taken when that began to count, and since when.
        self._moved = self._begun = 0.0
        self._before = 0

    def add(self, number: int) -> bool:
        """Let so many bytes more wait, and their sender as well if they are too many.

        Return whether they may. If not, the receiver has been cut off.
        """
        most = self._author.max_unsent
        if self._written + number - self._taken > most:
            self._recount()
            waiting = self._written + number - self._taken
            if waiting > most and not self._join(handled.get(), number):
                self._receiver.cut(f"more is sent to it than it takes: {waiting} bytes wait for it")
                return False
        self._written += number
        return True

    def clear(self) -> None:
        """Note that nothing waits any more."""
        self._written = self._taken = 0
        self._more.clear()

    def _recount(self) -> None:
        """Note how much it has taken, and when if that is more than before."""
        waiting = unsent(self._author.transport)
        # A transport of another package cannot tell. One that was full of more before has taken less than
        # nothing.
        taken = self._written - waiting if waiting else self._taken
        if taken > self._taken:
            self._moved = self._clock.seconds()
        self._taken = taken

    def _join(self, sender: Crowded | None, number: int) -> bool:
        """Let the connection that is handled wait. Return whether that bounds what it still sends."""
        if sender is None:
            return False
        if not sender.can_wait:
            return sender.called
        if sender is self._receiver or sender in self._senders:
            # A coroutine was told to wait, and does so when it reads or drains next.
            more = self._more[sender] = self._more.get(sender, 0) + number
            return sender.called or more <= self._author.max_unsent
        self._senders[sender] = None
        if not self._look.running:
            self._before = self._taken
            self._moved = self._begun = self._clock.seconds()
            self._arm()
        sender.crowd(self)
        return True

    def forget(self, sender: Crowded) -> None:
        """Hold on to a sender no longer: it is gone."""
        self._senders.pop(sender, None)
        self._more.pop(sender, None)
        if not self._senders:
            self._look.stop()

    def disperse(self) -> None:
        """Let all go on: the receiver has room, or is gone."""
        self._look.stop()
        senders, self._senders = self._senders, {}
        for sender in senders:
            sender.leave(self)

    def _arm(self) -> None:
        self._look.start(self._author.patience / LOOKS_PER_PATIENCE, self._looked)

    def _looked(self) -> None:
        receiver, now = self._receiver, self._clock.seconds()
        self._recount()
        taken = self._taken
        patience = self._author.patience
        slowly = LEAST_PATIENCES * patience
        if now - self._moved >= patience:
            receiver.cut(f"others wait to send to it, and it has taken nothing for {patience:g} s")
        elif now - self._begun < slowly:
            self._arm()
        elif taken - self._before < LEAST_TAKEN:
            took = taken - self._before
            receiver.cut(
                f"others wait to send to it, and it has taken {took} bytes in {slowly:g} s"
            )
        else:
            self._begun, self._before = now, taken
            self._arm()
