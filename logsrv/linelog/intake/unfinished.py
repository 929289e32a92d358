"""Limit the unfinished records and bodies that all connections of a service keep in memory.

A thousand peers may each begin a record of megabytes and never end it. Above the limit, the connection that
has waited longest for the rest of a record is closed; its client may send it again. HTTP bodies have a
limit of their own: a request without room is refused for the moment.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from logsrv.linelog.lines.bodies import busy_refusal
from logsrv.linelog.store.valve import Producer

log = Logger()


class RecordHolder(Protocol):
    """A connection that keeps the beginning of a record."""

    def give_way(self) -> None:
        """Drop the unfinished record and close the connection."""


# All listeners of a service together keep at most this many times --max-body of unfinished records, and as
# much of bodies.
BODIES = 2
NO_ROOM = "memory"
"""The reason of a refusal for want of room; nothing else tells the operator of it."""


class UnfinishedData:
    """The unfinished records and the bodies of all listeners.

    max_body: returns the longest body in bytes. size: bytes of unfinished records. held: bytes of bodies,
    and of messages that workers parse. asked: number of messages that workers have or wait for them.
    """

    def __init__(self, max_body: Callable[[], int]) -> None:
        self.size = self.held = self.asked = self._asked_bytes = 0
        self._max_body = max_body
        # The holder that has waited longest is the first.
        self._sizes: dict[RecordHolder, int] = {}
        self._waits_for_answer: dict[Producer, None] = {}
        # The answers that are coming, in their order, and the number of those that have room.
        self._answers: dict[Deferred[None], int] = {}
        self._admitted = 0

    @property
    def most_held(self) -> int:
        """The limit in bytes: for `size`, and for `held`."""
        return BODIES * self._max_body()

    def check_room(self, more: int = 0) -> None:
        """Raise RequestRefused (503) if all bodies hold too many bytes, or would with `more` bytes."""
        if self.held + more > self.most_held:
            raise busy_refusal(
                f"all bodies together may have {self.most_held} bytes in memory, {BODIES} times --max-body;"
                " send it again",
                NO_ROOM,
            )

    def admit(self, size: int) -> Deferred[None]:
        """Return a Deferred that fires when a worker's answer of `size` bytes has room, and is held.

        The first answer always has room, the others wait for each other. Give it back by `release`.
        """
        admission: Deferred[None] = Deferred()
        self._answers[admission] = size
        self._admit_answers()
        return admission

    def release(self, admission: Deferred[None]) -> None:
        """Note that an answer is stored, or does not come."""
        size = self._answers.pop(admission)
        if admission.called:
            self._admitted -= 1
            self.held -= size
        self._admit_answers()

    def _admit_answers(self) -> None:
        for admission, size in list(self._answers.items()):
            # One that was admitted before it may have led to its release.
            if admission.called or admission not in self._answers:
                continue
            if self._admitted and self.held + size > self.most_held:
                return
            self._admitted += 1
            self.held += size
            admission.callback(None)

    def are_full(self, workers: int) -> bool:
        """Return whether so many messages, or bytes of them, wait for workers that no more should come."""
        return self.asked > workers + 1 or self._asked_bytes > self.most_held // 2

    def note_question(self, size: int) -> None:
        """Note that a message of `size` bytes waits for a worker."""
        self.asked += 1
        self._asked_bytes += size
        self.held += size

    def note_answer(self, size: int) -> None:
        """Note that a worker has answered it; resume the senders that wait for that."""
        self.asked -= 1
        self._asked_bytes -= size
        self.held -= size
        waiting, self._waits_for_answer = self._waits_for_answer, {}
        for producer in waiting:
            try:
                producer.resumeProducing()
            except Exception:
                # It is not the sender whose message was answered.
                log.failure("a sender cannot be resumed")

    def resume_after_answer(self, producer: Producer) -> None:
        """Resume a paused producer when a worker has answered."""
        self._waits_for_answer[producer] = None

    def note(self, holder: RecordHolder, size: int, received: int = 0) -> None:
        """Note that a holder keeps `size` bytes now, after it received `received` bytes.

        Above the limit, the holders that have waited longest must give way.
        """
        before = self._sizes.get(holder, 0)
        self.size += size - before
        if size < before + received or not size:
            # A record was completed; the wait for the next one begins now.
            self._sizes.pop(holder, None)
        if size:
            self._sizes[holder] = size
        while self.size > self.most_held:
            oldest = next(iter(self._sizes))
            self.forget(oldest)
            try:
                oldest.give_way()
            except Exception:
                # It is not the sender who needs the room.
                log.failure("a sender does not give way")

    def forget(self, holder: RecordHolder) -> None:
        """Note that a holder keeps nothing any more."""
        self.size -= self._sizes.pop(holder, 0)
