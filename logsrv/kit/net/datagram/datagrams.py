"""A service that takes in datagrams, from UDP and UNIX sockets, and says what the kernel lost."""

from __future__ import annotations

import socket
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from itertools import accumulate
from typing import Any, Protocol

import attrs
from twisted.internet.interfaces import IAddress, ILoggingContext, IReadDescriptor
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.kit.net.bind import (
    bind_datagrams,
    check_place,
    file_of_socket,
    reason_of,
    remove_socket,
)
from logsrv.kit.net.datagram.kernel_drops import Losses
from logsrv.kit.net.datagram.recvmmsg import Group, Receive, Recvmmsg, Recvmsg
from logsrv.kit.net.drain import LOOK_SECONDS, unread
from logsrv.kit.net.endpoints.endpoint import Endpoint
from logsrv.kit.net.guard.guard import Guard, GuardPolicy, Refusal
from logsrv.kit.net.guard.rates import Rates
from logsrv.kit.net.guard.refusals import log_refusal
from logsrv.kit.net.source import Sender, canonical, host_text, inet_source, unix_source
from logsrv.kit.net.twisted.turns import NextTurn
from logsrv.kit.observe.metrics import Counts
from logsrv.kit.observe.seldom import Seldom

log = Logger()

# Payload that a receiver gets at once, if it is more than one datagram: it may be paused upon that.
MOST_AT_ONCE = 256 * 1024
# Reads per event: others have their turn after at most this many times 64 messages.
READS_PER_EVENT = 4
# Seconds for which datagrams are delivered, then others have their turn: some take long to be taken in.
SLICE = 0.005
REMEMBERED_SENDERS = 4096
# At the end of a drain what is left is counted; a sender that goes on cannot hold us here.
MOST_DISCARDED_READS = 4096


class DatagramReceiver(Protocol):
    """The part of an input that takes datagrams."""

    def datagrams_received(self, payloads: Sequence[bytes], source: IAddress) -> None:
        """Consecutive datagrams of one sender. `source` is a `logsrv.kit.net.source.Sender`."""


@attrs.frozen
class _Peer:
    sender: Sender
    refusal: Refusal | None


@implementer(IReadDescriptor, ILoggingContext)
class DatagramListener:
    """Listens on `udp:` or `unixgram:`. As a producer it can be paused; then the kernel's buffer
    fills, and what it drops is counted.

    received: datagrams taken from the kernel, refused ones too.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        receiver: DatagramReceiver,
        *,
        label: str,
        policy: GuardPolicy,
        reactor: Any,
        metrics: Counts,
        receive: Callable[[socket.socket], Receive] | None = None,
    ) -> None:
        """`receive` is the way to read the socket; by default the fastest that is there."""
        self.endpoint = endpoint
        # Nobody is connected here.
        self.protocols: Sequence[Any] = ()
        self.received = 0
        self._receiver = receiver
        self._label = label
        self._reactor = reactor
        self._metrics = metrics
        self._make_receive = receive or (Recvmmsg if Recvmmsg.available else Recvmsg)
        self._guard = Guard(policy)
        self._rates = Rates(reactor.seconds)
        self._limited = Seldom(reactor.seconds)
        self._rates.apply(policy)
        self._refusals = Seldom(reactor.seconds)
        self._peers: dict[Hashable, _Peer] = {}
        self._socket: socket.socket | None = None
        self._file: tuple[int, int] | None = None
        self._receive: Receive | None = None
        self._paused = self._opened = False
        self._next_turn = NextTurn(reactor, self._go_on)
        # Received, and not delivered because we were paused meanwhile; empty while we are not.
        self._kept: deque[Group] = deque()
        self._losses = Losses(label, reactor)
        metrics.watch("datagrams_total", lambda: self.received, listener=label)
        metrics.watch("datagrams_lost_total", lambda: self.lost, listener=label)
        metrics.watch(
            "dropped_bytes_total",
            lambda: self._receive.cut_bytes if self._receive else 0,
            listener=label,
            reason="datagram_too_long",
        )
        # An alert sees the first increase only if the counter was there before it, at 0.
        metrics.count("datagrams_refused_total", 0, listener=label)

    @property
    def address(self) -> str:
        if self._socket is None:
            return ""
        return self.endpoint.path or host_text(*self._socket.getsockname()[:2])

    def check(self) -> None:
        if self._socket is None:
            check_place(self.endpoint)

    def apply(self, policy: GuardPolicy) -> None:
        self._guard.policy = policy
        self._rates.apply(policy)
        self._peers.clear()

    def bind(self) -> None:
        try:
            self._socket = bind_datagrams(self.endpoint)
        except OSError as error:
            raise reason_of(error, self.endpoint) from error
        self._file = file_of_socket(self.endpoint.path or "")
        self._receive = self._make_receive(self._socket)
        self._losses.begin(self._socket)
        log.info(
            "listening on {endpoint} at {address}",
            endpoint=str(self.endpoint),
            address=self.address,
        )

    def open(self) -> None:
        self._opened = True
        if not self._paused:
            self._reactor.addReader(self)

    def fileno(self) -> int:
        return -1 if self._socket is None else self._socket.fileno()

    def logPrefix(self) -> str:
        return self._label

    def connectionLost(self, reason: Failure) -> None:
        """End because the reactor closes all it has; `drain` is how this ends otherwise."""
        if self._kept:
            self._discard()
        self._close()

    def pauseProducing(self) -> None:
        if not self._paused:
            self._paused = True
            self._reactor.removeReader(self)
            self._losses.always = True
            self._losses.watch()

    def resumeProducing(self) -> None:
        if self._paused:
            self._paused = False
            self._losses.always = False
            if self._opened and self._socket is not None:
                self._reactor.addReader(self)
            # Not before others were heard: what is kept may be enough to be paused again.
            self._go_on_later()

    @property
    def lost(self) -> int:
        """Datagrams dropped by the kernel."""
        return self._losses.lost

    def doRead(self) -> None:
        self._read()
        self._losses.watch()

    def _read(self) -> bool:
        """Take in what waits, within bounds. Gives whether there may be more."""
        assert self._receive is not None
        began = self._reactor.seconds()
        self._deliver_kept(began)
        for _ in range(READS_PER_EVENT):
            if self._kept or self._paused:
                return True
            groups, more = self._receive.read()
            for group in groups:
                self._kept += portions(group)
            self._deliver_kept(began)
            if not more:
                return bool(self._kept)
        return True

    def _deliver_kept(self, began: float) -> None:
        """Deliver until there is nothing more, we are paused upon it, or it is the turn of others."""
        while self._kept and not self._paused:
            self._deliver(self._kept.popleft())
            # The clock is the wall's, which may be set back.
            if not 0 <= self._reactor.seconds() - began < SLICE:
                self._go_on_later()
                return

    def _go_on_later(self) -> None:
        if self._kept:
            self._next_turn.ask()

    def _go_on(self) -> None:
        self._deliver_kept(self._reactor.seconds())

    def _deliver(self, group: Group) -> None:
        payloads, key = group
        peer = self._peers.get(key) or self._meet(key)
        self.received += len(payloads)
        if peer.refusal is not None:
            self._refuse(peer.sender, peer.refusal, len(payloads))
            return
        if self._rates:
            payloads = self._within_rates(peer.sender, payloads)
            if not payloads:
                return
        try:
            self._receiver.datagrams_received(payloads, peer.sender)
        except Exception:
            # There is no connection to close, and the other senders are to go on.
            log.failure("{listener}: an input failed on datagrams", listener=self._label)
            lost = sum(map(len, payloads))
            self._metrics.count("dropped_bytes_total", lost, listener=self._label, reason="failed")

    def _within_rates(self, sender: Sender, payloads: Sequence[bytes]) -> list[bytes]:
        """Return those that the sender may send; the others are counted."""
        name = sender.host or sender.source
        admitted = [payload for payload in payloads if self._rates.admit(name, payload)]
        dropped = len(payloads) - len(admitted)
        if dropped:
            self._metrics.count("datagrams_limited_total", dropped, listener=self._label)
            noted = self._limited.note(name)
            if noted is not None:
                log.warn(
                    "{listener} drops datagrams of {peer}, which sends more than it may",
                    listener=self._label,
                    peer=noted.subject,
                )
        return admitted

    def _meet(self, key: Hashable) -> _Peer:
        assert self._receive is not None
        sender = sender_at(self._receive.address(key))
        peer = _Peer(sender, self._guard.screen(sender.host))
        if len(self._peers) >= REMEMBERED_SENDERS:
            self._peers.clear()
        self._peers[key] = peer
        return peer

    def _refuse(self, sender: Sender, refusal: Refusal, number: int) -> None:
        self._metrics.count("datagrams_refused_total", number, listener=self._label)
        log_refusal(self._refusals, self._label, sender.host or sender.source, refusal)

    async def stop_listening(self) -> None:
        """Do nothing: nobody has to be accepted here, and `drain` does it all."""

    async def drain(self, seconds: float) -> int:
        """Take in what the kernel holds, then close. Gives 1 if something was left after `seconds`."""
        deadline = self._reactor.seconds() + seconds
        self._reactor.removeReader(self)
        while self._socket is not None and (self._paused or self._read()):
            if self._reactor.seconds() >= deadline:
                break
            await deferLater(self._reactor, LOOK_SECONDS if self._paused else 0)
        cut_off = self._socket is not None and bool(self._kept or unread(self))
        left = self._discard() if cut_off else 0
        self._close()
        return int(left > 0)

    def _discard(self) -> int:
        """Count what there is no time left to take in."""
        assert self._receive is not None
        left = sum(len(payloads) for payloads, _ in self._kept)
        self._kept.clear()
        for _ in range(MOST_DISCARDED_READS):
            groups, more = self._receive.read()
            left += sum(len(payloads) for payloads, _ in groups)
            if not more:
                break
        self._losses.lost += left
        log.warn("{listener} left {number} datagrams unread", listener=self._label, number=left)
        return left

    def _close(self) -> None:
        if self._socket is not None:
            self._reactor.removeReader(self)
            self._losses.end()
            remove_socket(self.endpoint, self._file)
            self._socket.close()
            self._socket = None


def portions(group: Group) -> Sequence[Group]:
    """The datagrams of `group` in groups of at most MOST_AT_ONCE bytes, or of one datagram."""
    payloads, key = group
    if sum(map(len, payloads)) <= MOST_AT_ONCE:
        return (group,)
    ends = [0, *accumulate(map(len, payloads))]
    parts = []
    done = 0
    while done < len(payloads):
        stop = max(done + 1, bisect_right(ends, ends[done] + MOST_AT_ONCE) - 1)
        parts.append((payloads[done:stop], key))
        done = stop
    return parts


def sender_at(address: Any) -> Sender:
    """The sender at an address as the socket module writes it."""
    if isinstance(address, bytes):
        return Sender(None, unix_source(address))
    host, port, *rest = address
    if len(rest) == 2 and rest[1]:
        host = f"{host.partition('%')[0]}%{_interface_name(rest[1])}"
    return Sender(canonical(host), inet_source("udp", host, port))


def _interface_name(index: int) -> str:
    try:
        return socket.if_indextoname(index)
    except OSError:
        return str(index)
