"""The listener for datagrams from UDP and UNIX sockets; it counts the datagrams that the kernel drops."""

from __future__ import annotations

import socket
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Protocol, Self

from twisted.internet.interfaces import IAddress, ILoggingContext, IReadDescriptor
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.kit.connections._drain import LOOK_SECONDS
from logsrv.kit.connections._senders import GuardedSenders
from logsrv.kit.connections.guard import GuardPolicy
from logsrv.kit.connections.source import host_text
from logsrv.kit.connections.transports import unread_bytes
from logsrv.kit.net._kernel_datagrams import (
    DatagramReader,
    Group,
    KernelDropWatch,
    RecvmmsgReader,
    RecvmsgReader,
)
from logsrv.kit.net._listener_address import ListenerAddress
from logsrv.kit.net.bind import bound_socket, check_can_bind, listen_error
from logsrv.kit.net.endpoint import LISTENING, Endpoint, log_listening
from logsrv.kit.net.kept_sockets import KeptSockets
from logsrv.kit.observe.metrics import Counts
from logsrv.kit.observe.rate_limited_log import Failures
from logsrv.kit.text.words import counted
from logsrv.reactor import NextTurnCall

log = Logger()

# The most bytes in one call of a receiver, unless one datagram has more; after each call it may pause us.
MOST_AT_ONCE = 256 * 1024
# Reads per event, each of up to 64 messages; then other descriptors get their turn.
READS_PER_EVENT = 4
# Seconds of delivery until other descriptors get their turn: some datagrams take long to process.
SLICE = 0.005
# Reads at the end of a drain, which drop and count the rest. The limit is for a sender that goes on.
MOST_DISCARDED_READS = 4096


class DatagramReceiver(Protocol):
    """The part of an input that takes datagrams.

    A receiver whose datagrams take long to process may have `most_at_once`, which replaces MOST_AT_ONCE.
    """

    def datagrams_received(self, payloads: Sequence[bytes], source: IAddress) -> None:
        """Take consecutive datagrams of one sender. `source` is a `Sender`."""


@implementer(IReadDescriptor, ILoggingContext)
class DatagramListener:
    """A listener for an endpoint `udp:` or `unixgram:`. As a producer it can be paused; then the kernel's
    buffer fills, and the datagrams that it drops are counted.

    received: datagrams taken from the kernel, refused ones included.
    """

    sentence = LISTENING

    def __init__(
        self,
        endpoint: Endpoint,
        receiver: DatagramReceiver,
        *,
        label: str,
        policy: GuardPolicy,
        reactor: Any,
        metrics: Counts,
        kept: KeptSockets | None = None,
    ) -> None:
        """`kept`: the sockets that outlive this process."""
        self.endpoint = endpoint
        # Datagrams have no connections.
        self.protocols: Sequence[Any] = ()
        self.received = 0
        self._receiver = receiver
        self._label = label
        self._reactor = reactor
        self._metrics = metrics
        self._senders = GuardedSenders(label, policy, reactor.seconds, metrics)
        self._failures = Failures(label, reactor.seconds)
        self._socket: socket.socket | None = None
        self._address = ListenerAddress(self, kept, reactor)
        self._receive: DatagramReader | None = None
        self._paused = self._opened = False
        self._next_turn = NextTurnCall(reactor, self._deliver_kept_now)
        # Datagrams that were read, but not delivered yet: we were paused, or others had their turn.
        self._kept: deque[Group] = deque()
        self._losses = KernelDropWatch(label, reactor)
        metrics.watch("datagrams_total", lambda: self.received, listener=label)
        metrics.watch("datagrams_lost_total", lambda: self._losses.lost, listener=label)
        metrics.watch(
            "dropped_bytes_total",
            lambda: self._receive.cut_bytes if self._receive else 0,
            listener=label,
            reason="datagram_too_long",
        )

    @property
    def address(self) -> str:
        if self._socket is None:
            return ""
        return self.endpoint.path or host_text(*self._socket.getsockname()[:2])

    def check_and_reload(self) -> None:
        if self._socket is None:
            check_can_bind(self.endpoint, self._address.kept)
        else:
            self._address.restore_if_missing()

    def apply(self, policy: GuardPolicy) -> None:
        self._senders.apply(policy)

    def bind(self) -> None:
        taken = self._address.take_kept_socket()
        try:
            self._socket = bound_socket(self.endpoint, taken)
        except OSError as error:
            raise listen_error(error, self.endpoint, self._address.kept) from error
        self._address.note_bound()
        reader = RecvmmsgReader if RecvmmsgReader.available else RecvmsgReader
        self._receive = reader(self._socket)
        self._losses.watch_socket(self._socket)
        log_listening(self.sentence, self.endpoint, self.address)

    def open(self) -> None:
        self._opened = True
        if not self._paused:
            self._reactor.addReader(self)
        self._address.note_open(self.fileno())

    def _split_by_receiver(self, group: Group) -> Sequence[Group]:
        return split_group(group, getattr(self._receiver, "most_at_once", MOST_AT_ONCE))

    def drain_old_socket(self) -> Self:
        """Read the datagrams that wait in the old socket, and shut it down, so that its senders connect to
        the new one.

        Returns this object, which the reactor watches.
        """
        assert self._socket is not None and self._receive is not None
        self._socket.shutdown(socket.SHUT_RD)
        for groups, _ in iter(self._receive.read, ([], False)):
            self._kept += [part for group in groups for part in self._split_by_receiver(group)]
        self._deliver_kept_later()
        return self

    def fileno(self) -> int:
        return -1 if self._socket is None else self._socket.fileno()

    def logPrefix(self) -> str:
        return self._label

    def connectionLost(self, reason: Failure) -> None:
        """End because the reactor closes everything; otherwise `drain` ends this listener."""
        if self._kept:
            self._discard_undelivered()
        self._close()

    def pauseProducing(self) -> None:
        if not self._paused:
            self._paused = True
            self._reactor.removeReader(self)
            self._losses.always = True
            self._losses.check_soon()

    def resumeProducing(self) -> None:
        if self._paused:
            self._paused = False
            self._losses.always = False
            if self._opened and self._socket is not None:
                self._reactor.addReader(self)
            # In another turn: the receiver, whose code calls this, may pause us again for the kept
            # datagrams.
            self._deliver_kept_later()

    def doRead(self) -> None:
        self._receive_some()
        self._losses.check_soon()

    def _receive_some(self) -> bool:
        """Take in waiting datagrams, within bounds. Return whether there may be more."""
        assert self._receive is not None
        began = self._reactor.seconds()
        self._deliver_kept(began)
        for _ in range(READS_PER_EVENT):
            if self._kept or self._paused:
                return True
            groups, more = self._receive.read()
            for group in groups:
                self._kept += self._split_by_receiver(group)
            self._deliver_kept(began)
            if not more:
                return bool(self._kept)
        return True

    def _deliver_kept(self, began: float) -> None:
        """Deliver until nothing is left, the receiver pauses us, or SLICE is over."""
        while self._kept and not self._paused:
            self._deliver(self._kept.popleft())
            if self._reactor.seconds() - began >= SLICE:
                self._deliver_kept_later()
                return

    def _deliver_kept_later(self) -> None:
        if self._kept:
            self._next_turn.schedule()

    def _deliver_kept_now(self) -> None:
        self._deliver_kept(self._reactor.seconds())

    def _deliver(self, group: Group) -> None:
        payloads, key = group
        assert self._receive is not None
        self.received += len(payloads)
        sender = self._senders.known_sender(key, self._receive.address)
        payloads = self._senders.admit_datagrams(sender, payloads)
        if not payloads:
            return
        try:
            self._receiver.datagrams_received(payloads, sender)
        except (Exception, SystemExit):
            # There is no connection to close, and the other senders must go on: the reactor would forget
            # this listener.
            self._failures.report_failure("taking in datagrams", sender.source, Failure())
            lost = sum(map(len, payloads))
            self._metrics.count("dropped_bytes_total", lost, listener=self._label, reason="failed")

    async def stop_listening(self) -> None:
        """Do nothing, because there are no connections to accept; `drain` ends this listener."""

    async def drain(self, seconds: float) -> int:
        """Read the datagrams that wait in the kernel, then close. Return 1 if some were dropped after
        `seconds`.

        A socket that outlives this process keeps them for the next one.
        """
        deadline = self._reactor.seconds() + seconds
        self._reactor.removeReader(self)
        # If it was never opened, the start has failed, and nobody would take the datagrams.
        while (
            self._opened
            and self._socket is not None
            and (self._paused or self._receive_some() or unread_bytes(self))
        ):
            if self._reactor.seconds() >= deadline:
                break
            await deferLater(self._reactor, LOOK_SECONDS if self._paused else 0)
        cut_off = self._socket is not None and bool(self._kept or unread_bytes(self))
        left = self._discard_undelivered() if cut_off else 0
        self._close()
        return int(left > 0)

    def _discard_undelivered(self) -> int:
        """Count, and drop, the datagrams that there is no time left for; return how many."""
        assert self._receive is not None
        left = sum(len(payloads) for payloads, _ in self._kept)
        self._kept.clear()
        # A socket that outlives this process keeps its datagrams for the next one.
        for _ in range(0 if self._address.outlives else MOST_DISCARDED_READS):
            groups, more = self._receive.read()
            left += sum(len(payloads) for payloads, _ in groups)
            if not more:
                break
        self._losses.lost += left
        if left:
            log.warn(
                "{listener} has stopped and did not read {number}",
                listener=self._label,
                number=counted(left, "datagram"),
            )
        return left

    def _close(self) -> None:
        if self._socket is not None:
            self._reactor.removeReader(self)
            self._losses.log_last_and_stop()
            self._address.stop_watching()
            if not self._address.outlives:
                self._address.leave()
            self._socket.close()
            self._socket = None


def split_group(group: Group, most: int = MOST_AT_ONCE) -> Sequence[Group]:
    """Split `group` into groups of at most `most` bytes; a datagram that is larger is a group of its
    own.
    """
    payloads, key = group
    if sum(map(len, payloads)) <= most:
        return (group,)
    ends = [0, *accumulate(map(len, payloads))]
    parts = []
    done = 0
    while done < len(payloads):
        stop = max(done + 1, bisect_right(ends, ends[done] + most) - 1)
        parts.append((payloads[done:stop], key))
        done = stop
    return parts
