"""The senders that wait for one receiver: connections whose author has written to the peer of another.

When too many bytes wait for a receiver, the connection whose handler wrote them gets no further input until
the receiver has room. A receiver that takes nothing meanwhile is cut off, or its senders would never go on.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, copy_context
from typing import Any, Protocol, TypeVar

from logsrv.kit.connections.transports import unsent_bytes
from logsrv.kit.protocols.awaiting import use_clock
from logsrv.kit.protocols.context import AuthorProtocol
from logsrv.kit.protocols.states import OPEN, State
from logsrv.timer import Timer

Result = TypeVar("Result")

# While senders wait, their receiver is checked this many times within its patience.
LOOKS_PER_PATIENCE = 4
# A receiver that takes fewer bytes than this within LEAST_PATIENCES times its patience is cut off as well.
LEAST_TAKEN = 64 * 1024
LEAST_PATIENCES = 6


class CrowdMember(Protocol):
    """The interface of a connection that this module needs, as a sender and as a receiver.

    author: the plugin's protocol on this connection. Its `max_unsent` is the bytes that may wait for the
    peer, its `patience` the seconds that senders wait while the peer takes nothing. state: its state in the
    tables. lines: None unless the author's code is on the stack, and so cannot wait before it returns.
    """

    author: AuthorProtocol
    state: State
    lines: list[Any] | None

    def join_crowd(self, crowd: SenderCrowd) -> None:
        """Give the protocol no more input until `leave_crowd` is called."""

    def leave_crowd(self, crowd: SenderCrowd) -> None:
        """Stop waiting for this receiver."""

    def cut_off(self, sentence: str) -> None:
        """Abort the connection; `sentence` is the reason in the log."""


# The connection that the author's code works for: on the stack, and in the coroutines started there.
handled: ContextVar[CrowdMember | None] = ContextVar("handled", default=None)


def call_without_connection(clock: object, step: Callable[[], Result]) -> Result:
    """Call `step` as work for no connection, even if the caller works for one. clock: the service's."""
    context = copy_context()
    context.run(handled.set, None)
    context.run(use_clock, clock)
    return context.run(step)


class SenderCrowd:
    """The bytes and the senders that wait for one receiver whose transport is full."""

    def __init__(self, receiver: CrowdMember) -> None:
        self._receiver = receiver
        self._author = receiver.author
        self._clock = receiver.author.factory.service.clock
        # Bytes since the transport was full: those that were written, and those that it certainly took.
        self._written = self._taken = 0
        # A dict for its order: senders continue in the order in which they came.
        self._senders: dict[CrowdMember, None] = {}
        # The bytes that each sender has written although too many wait already.
        self._more: dict[CrowdMember, int] = {}
        self._timer = Timer(self._clock)
        # The time when the receiver last took something. The start of the count that finds a slow receiver,
        # and the bytes taken by then.
        self._last_progress = self._count_start = 0.0
        self._taken_at_start = 0

    def add_bytes(self, number: int) -> bool:
        """Add bytes that wait; if they are too many, their sender waits as well.

        Return False if the receiver has been cut off instead.
        """
        most = self._author.max_unsent
        if self._written + number - self._taken > most:
            self._update_taken_bytes()
            waiting = self._written + number - self._taken
            if waiting > most and not self._let_sender_wait(handled.get(), number):
                self._receiver.cut_off(
                    f"more is sent to it than it takes: {waiting} bytes wait for it"
                )
                return False
        self._written += number
        return True

    def clear_waiting_bytes(self) -> None:
        """Note that no bytes wait any more."""
        self._written = self._taken = 0
        self._more.clear()

    def _update_taken_bytes(self) -> None:
        """Update the bytes that the receiver has taken, and the time of its last progress."""
        waiting = unsent_bytes(self._author.transport)
        # A transport of another package cannot tell how much waits: then nothing more counts as taken.
        # Bytes that waited before this count can make the number negative.
        taken = self._written - waiting if waiting else self._taken
        if taken > self._taken:
            self._last_progress = self._clock.seconds()
        self._taken = taken

    def _let_sender_wait(self, sender: CrowdMember | None, number: int) -> bool:
        """Let `sender` wait. Return False if there is none, or if it still writes too much."""
        if sender is None:
            return False
        runs = sender.lines is not None
        if sender.state.sending is not OPEN:
            # The protocol gets no more input, which could be held back.
            return runs
        if sender is self._receiver or sender in self._senders:
            # A coroutine that runs already waits only when it reads or drains next.
            more = self._more[sender] = self._more.get(sender, 0) + number
            return runs or more <= self._author.max_unsent
        self._senders[sender] = None
        if not self._timer.running:
            self._taken_at_start = self._taken
            self._last_progress = self._count_start = self._clock.seconds()
            self._start_timer()
        sender.join_crowd(self)
        return True

    def forget_sender(self, sender: CrowdMember) -> None:
        """Forget a sender whose connection is gone."""
        self._senders.pop(sender, None)
        self._more.pop(sender, None)
        if not self._senders:
            self._timer.stop()

    def release_senders(self) -> None:
        """Let all senders continue: the receiver has room, or is gone."""
        self._timer.stop()
        senders, self._senders = self._senders, {}
        for sender in senders:
            sender.leave_crowd(self)

    def _start_timer(self) -> None:
        self._timer.start(self._author.patience / LOOKS_PER_PATIENCE, self._check_progress)

    def _check_progress(self) -> None:
        receiver, now = self._receiver, self._clock.seconds()
        self._update_taken_bytes()
        taken = self._taken
        patience = self._author.patience
        slowly = LEAST_PATIENCES * patience
        if now - self._last_progress >= patience:
            receiver.cut_off(
                f"others wait to send to it, and it has taken nothing for {patience:g} s"
            )
        elif now - self._count_start < slowly:
            self._start_timer()
        elif taken - self._taken_at_start < LEAST_TAKEN:
            took = taken - self._taken_at_start
            receiver.cut_off(
                f"others wait to send to it, and it has taken {took} bytes in {slowly:g} s"
            )
        else:
            self._count_start, self._taken_at_start = now, taken
            self._start_timer()
