"""The parts of a trial: a service of the tested plugin, in which nothing may fail, and conversations."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import attrs
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from zope.interface import provider

from logsrv.kit.testing._difference import difference, short_repr
from logsrv.kit.testing._memory import MemoryService
from logsrv.kit.testing._memory_peers import MemoryPeer

# Seconds of the clock in memory: an answer is complete when nothing more has come for so long.
ANSWER_SECONDS = 5.0
# After this many such waits, the answer of a plugin that goes on sending by itself counts as complete.
MOST_ANSWERS = 100
HOUR = 3600.0
# The ends of the sentence of a failure: the argument of `conformance` for plugins that are meant to do so.
SAME = "same=False, if its answers differ each time"
APART = "apart=False, if its peers hear of each other"
AT_STOP = 'at_stop=b"…", if `stopping` of its state sends these bytes'
# The most offsets at which a conversation is cut: each cut needs a new service. Of a long one, some are
# drawn.
MOST_CUTS = 100
FAILED = ("connections_failed_total", "requests_failed_total", "datagrams_failed_total")


@attrs.frozen
class Trial:
    """The tested plugin. start: makes a service of it. same, apart: as in `conformance`.

    cuts: the most offsets at which a conversation is cut. at_stop: as in `conformance`.
    """

    start: Callable[[], MemoryService]
    name: str
    same: bool
    apart: bool
    cuts: int = MOST_CUTS
    at_stop: bytes = b""

    @contextmanager
    def new_service(self, doing: str) -> Iterator[MemoryService]:
        """Give a new service; raise AssertionError if anything failed in it. doing: for the error."""
        failures: list[str] = []

        @provider(ILogObserver)
        def observe(event: LogEvent) -> None:
            if "log_failure" in event:
                failure = event["log_failure"]
                failures.append(f"{failure.type.__name__}: {failure.getErrorMessage()}"[:200])

        globalLogPublisher.addObserver(observe)
        try:
            with warnings.catch_warnings(record=True) as warned:
                warnings.simplefilter("always")
                service = self.start()
                yield service
                # Also when the test is done: the state may clean up, and fail in that.
                for peer in service.peers:
                    peer.disconnect()
                if service.service.running:
                    service.stop()
        finally:
            globalLogPublisher.removeObserver(observe)
        forgotten = [str(one.message) for one in warned if "never awaited" in str(one.message)]
        failed = sum(service.service.metrics.value(name) for name in FAILED)
        wrong = [*failures, *forgotten] or (["it is counted as failed"] if failed else [])
        if wrong:
            raise AssertionError(f"{self.name} fails {doing}: {wrong[0]}")

    def expect_same(self, wanted: object, came: object, sentence: str, excuse: str = SAME) -> None:
        """Raise AssertionError unless both are equal. Nothing is compared unless `same` is true.

        excuse: the argument of `conformance` for a plugin that is meant to do so.
        """
        if self.same and wanted != came:
            raise AssertionError(
                f"{self.name} {sentence}: {difference(wanted, came)}; pass {excuse}"
            )

    def cut_offsets(self, talk: bytes) -> list[int]:
        """Return where to cut a conversation: everywhere, or else at its beginning and at random."""
        every = range(1, len(talk))
        if len(every) <= self.cuts:
            return list(every)
        begins = self.cuts // 2
        # The same in each run, so that a failure comes again.
        drawn = random.Random(7).sample(every[begins:], self.cuts - begins)  # noqa: S311 (no secret)
        return [*every[:begins], *sorted(drawn)]

    def expect_begin(
        self, talk: bytes, whole: bytes, came: bytes, when: str, excuse: str = SAME
    ) -> None:
        """Raise AssertionError unless the answer to `talk` begins with `whole`, if `same` is true."""
        if self.same and not came.startswith(whole):
            raise AssertionError(
                f"{self.name} answers {short_repr(talk)} with {difference(whole, came)} {when}; "
                f"pass {excuse}"
            )

    def answer(self, *pieces: bytes, doing: str = "", most: int = MOST_ANSWERS) -> bytes:
        """Return the answer of a new service to a peer that sends these pieces. doing: for an error."""
        with self.new_service(doing or f"on {short_repr(b''.join(pieces))}") as service:
            return answer_to_pieces(service, pieces, most)

    def answer_and_stored(self, *pieces: bytes, doing: str = "") -> tuple[bytes, bytes]:
        """Return the answer as `answer` does, and the lines that an input has stored by its end."""
        with self.new_service(doing or f"on {short_repr(b''.join(pieces))}") as service:
            peer = service.connect()
            for piece in pieces:
                peer.feed(piece)
            came = remaining_answer(service, peer)
            peer.disconnect()
            return came, service.stored


def answer_to_pieces(
    service: MemoryService, pieces: Iterable[bytes], most: int = MOST_ANSWERS
) -> bytes:
    peer = service.connect()
    for piece in pieces:
        peer.feed(piece)
    return remaining_answer(service, peer, most)


def remaining_answer(service: MemoryService, peer: MemoryPeer, most: int = MOST_ANSWERS) -> bytes:
    """Return what the peer gets until nothing comes for ANSWER_SECONDS, or after `most` such waits."""
    came = peer.received()
    for _ in range(most):
        service.clock.advance(ANSWER_SECONDS)
        more = peer.received()
        if not more:
            break
        came += more
    return came


def answers_to_datagram(service: MemoryService, datagram: bytes) -> list[bytes]:
    sender = service.sender()
    sender.send(datagram)
    service.clock.advance(ANSWER_SECONDS)
    return sender.received()
