"""Slowing down a connection whose peer sends more than it may.

What came in one chunk is handed on bit by bit, and meanwhile nothing more is read: so the sender feels
TCP's own back-pressure. The protocol pauses and resumes its transport as ever; the transport's methods
for that are this object's for as long as there are limits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from logsrv.kit.net.guard.rates import Rates
from logsrv.timer import Timer


@attrs.define(eq=False)
class Throttle:
    """Hands on to `deliver` what the `peer` of a transport sends, as fast as it may.

    slowed: called when the peer has to wait. kept: what has come and was not handed on yet.
    """

    _rates: Rates
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
        """Take a chunk, and hand on what may be."""
        self.kept += data
        self._give()

    def pauseProducing(self) -> None:
        self._wanted = False
        self._pause()

    def resumeProducing(self) -> None:
        self._wanted = True
        self._give()

    def end(self) -> None:
        """Hand on all there is, and leave the transport to its protocol: limits or peer are gone."""
        self._timer.stop()
        for name in ("pauseProducing", "resumeProducing"):
            vars(self._transport).pop(name, None)
        if self.kept:
            data, self.kept = self.kept, b""
            self._deliver(data)
        if self._wanted:
            self._resume()

    def _give(self) -> None:
        if self._giving or self._timer.running:
            return
        self._giving = True
        try:
            while self.kept and self._wanted:
                end, wait = self._rates.share(self._peer, self.kept)
                if not end:
                    self._pause()
                    self._slowed()
                    self._timer.start(wait, self._give)
                    return
                data, self.kept = self.kept[:end], self.kept[end:]
                self._deliver(data)
        finally:
            self._giving = False
        if self._wanted and not self.kept:
            self._resume()
