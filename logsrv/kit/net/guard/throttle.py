"""Slows down a connection whose peer sends more than it may.

A chunk is delivered in parts, and meanwhile nothing more is read: TCP's own back-pressure slows the sender.
While there are limits, `pauseProducing` and `resumeProducing` of the transport are replaced by the methods
of a Throttle, so the protocol can pause and resume its transport as usual.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from logsrv.kit.net.guard.rates import PeerRateLimits
from logsrv.timer import Timer


@attrs.define(eq=False)
class Throttle:
    """Passes the data of a transport's peer on to `deliver`, as fast as its rates allow.

    slowed: called when the peer has to wait. kept: data that has come and was not delivered yet.
    """

    _rates: PeerRateLimits
    _peer: Any
    _transport: Any
    _timer: Timer
    _deliver: Callable[[bytes], None]
    _slowed: Callable[[], None]
    kept: bytes = attrs.field(init=False, default=b"")
    # The protocol reads: it has not paused its transport.
    _wanted: bool = True
    _giving: bool = False
    _pause: Callable[[], None] = attrs.field(init=False)
    _resume: Callable[[], None] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        transport = self._transport
        self._pause, self._resume = transport.pauseProducing, transport.resumeProducing
        transport.pauseProducing = self.pauseProducing
        transport.resumeProducing = self.resumeProducing

    def received(self, data: bytes) -> None:
        """Take a chunk, and deliver as much as the rates allow."""
        self.kept += data
        self._deliver_allowed()

    def pauseProducing(self) -> None:
        self._wanted = False
        self._pause()

    def resumeProducing(self) -> None:
        self._wanted = True
        self._deliver_allowed()

    def deliver_all_and_detach(self) -> None:
        """Deliver all data, and give the transport its own methods back: limits, or the peer, are gone."""
        self._timer.stop()
        for name in ("pauseProducing", "resumeProducing"):
            vars(self._transport).pop(name, None)
        if self.kept:
            data, self.kept = self.kept, b""
            self._deliver(data)
        if self._wanted:
            self._resume()

    def _deliver_allowed(self) -> None:
        if self._giving or self._timer.running:
            return
        self._giving = True
        try:
            while self.kept and self._wanted:
                end, wait = self._rates.take_allowed_bytes(self._peer, self.kept)
                if not end:
                    self._pause()
                    self._slowed()
                    self._timer.start(wait, self._deliver_allowed)
                    return
                data, self.kept = self.kept[:end], self.kept[end:]
                self._deliver(data)
        finally:
            self._giving = False
        if self._wanted and not self.kept:
            self._resume()
