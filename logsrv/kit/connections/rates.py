"""Limits of rates: how many lines and bytes each address may send in a second; and a throttle, which slows
peers down to these limits.

Rules and counting need no socket and no timer. A `Throttle` delivers a chunk in parts, and meanwhile
nothing more is read: TCP's own back-pressure slows the sender. While there are limits, `pauseProducing`
and `resumeProducing` of the transport are replaced by the methods of a Throttle, so the protocol can pause
and resume its transport as usual.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import attrs

from logsrv.reactor import Timer

# Buckets that are remembered. With more, the longest unused is forgotten: it is full when its peer returns.
REMEMBERED = 4096
# A peer that waits, waits for this part of what it may send in a second: otherwise each line had a timer.
LEAST_SHARE = 10
# Seconds of a wait at least: a shorter one could end too early, by the rounding of floating-point numbers.
LEAST_WAIT = 0.001


@attrs.define(eq=False)
class TokenBucket:
    """The tokens of one sender. left: how many tokens the sender has. counted: the time when `left` was
    computed.
    """

    left: float
    counted: float


class TokenBuckets:
    """The buckets of several senders, each with a key, such as the address of the sender. If there are too
    many, the longest unused is forgotten.

    A forgotten bucket is full again.
    """

    def __init__(self, clock: Callable[[], float], remembered: int = REMEMBERED) -> None:
        """`clock` returns monotonic seconds. remembered: how many buckets there may be."""
        self._clock = clock
        self._remembered = remembered
        # The one that was used last is at the end.
        self._buckets: OrderedDict[Hashable, TokenBucket] = OrderedDict()

    def filled_bucket(self, key: Hashable, rate: float, most: float) -> TokenBucket:
        """Return a bucket after filling it up to now: with `rate` tokens a second, but with at most `most`
        in all.
        """
        now = self._clock()
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = TokenBucket(most, now)
            if len(self._buckets) > self._remembered:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(key)
            bucket.left = min(most, bucket.left + max(0.0, now - bucket.counted) * rate)
            bucket.counted = now
        return bucket

    def take_token(self, key: Hashable, rate: float, most: float) -> bool:
        """Take one token from a bucket. Return False if there is none."""
        bucket = self.filled_bucket(key, rate, most)
        taken = bucket.left >= 1
        bucket.left -= taken
        return taken


class PeerRateLimits:
    """The limits of one listener, and the buckets of its peers.

    lines, size: messages and bytes a second for each address; None for no limit.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` returns monotonic seconds."""
        self.lines: float | None = None
        self.size: float | None = None
        self._buckets = TokenBuckets(clock)

    def __bool__(self) -> bool:
        return self.lines is not None or self.size is not None

    def apply(self, policy: object) -> None:
        """Use the limits of a policy from now on; a policy without `peer_lines` and `peer_bytes` sets no
        limits.
        """
        self.lines = getattr(policy, "peer_lines", None)
        self.size = getattr(policy, "peer_bytes", None)

    def take_allowed_bytes(self, peer: Hashable, data: bytes) -> tuple[int, float]:
        """Return how many bytes of `data`, a part of a stream, the limits of the peer allow now, and count
        these bytes.

        They are whole lines if the rate of lines is exceeded. If they are 0, the second result is the
        seconds to wait; else it is 0.
        """
        end = len(data)
        if self.size is not None:
            bucket = self._filled_bucket_of(peer, "size", self.size)
            least = min(end, max(1.0, self.size / LEAST_SHARE))
            if bucket.left < least:
                return 0, max(LEAST_WAIT, (least - bucket.left) / self.size)
            end = min(end, int(bucket.left))
        if self.lines is not None:
            bucket = self._filled_bucket_of(peer, "lines", self.lines)
            lines = data.count(b"\n", 0, end)
            least = min(lines, max(1.0, self.lines / LEAST_SHARE))
            if bucket.left < least:
                return 0, max(LEAST_WAIT, (least - bucket.left) / self.lines)
            if lines > bucket.left:
                lines = int(bucket.left)
                end = end_of_lines(data, lines)
            bucket.left -= lines
        if self.size is not None:
            self._filled_bucket_of(peer, "size", self.size).left -= end
        return end, 0.0

    def admit_datagram(self, peer: Hashable, datagram: bytes) -> bool:
        """Count one datagram of a peer. Return False, and count nothing, if it has sent too much."""
        taken = []
        for kind, rate, cost in (("lines", self.lines, 1), ("size", self.size, len(datagram))):
            if rate is not None:
                bucket = self._filled_bucket_of(peer, kind, rate)
                # A datagram larger than a second's worth passes when the bucket is full.
                if bucket.left < min(cost, rate):
                    return False
                taken.append((bucket, cost))
        for bucket, cost in taken:
            bucket.left -= cost
        return True

    def _filled_bucket_of(self, peer: Hashable, kind: str, rate: float) -> TokenBucket:
        return self._buckets.filled_bucket((peer, kind), rate, rate)


def end_of_lines(data: bytes, number: int) -> int:
    """Return the offset in `data` at which the first `number` lines end."""
    end = 0
    for _ in range(number):
        end = data.index(b"\n", end) + 1
    return end


@attrs.define(eq=False)
class Throttle:
    """Passes the data of one peer on to `deliver`, no faster than the limits of the peer allow.

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
        """Take a chunk of data, and deliver as much as the limits allow."""
        self.kept += data
        self._deliver_allowed()

    def pauseProducing(self) -> None:
        self._wanted = False
        self._pause()

    def resumeProducing(self) -> None:
        self._wanted = True
        self._deliver_allowed()

    def deliver_all_and_detach(self) -> None:
        """Deliver all data, and restore the methods of the transport, because the limits were removed or
        the peer has gone.
        """
        self._timer.stop()
        # The protocol may pause its transport during the delivery, and must not be resumed then: the
        # transport gets its methods back afterwards.
        self._giving = True
        try:
            if self.kept:
                data, self.kept = self.kept, b""
                self._deliver(data)
        finally:
            for name in ("pauseProducing", "resumeProducing"):
                vars(self._transport).pop(name, None)
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
