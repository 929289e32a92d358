"""`relay` copies between two connections, as proxies do."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, FirstError, gatherResults

from logsrv.kit.protocols.awaiting import CANCELLED, start_coroutine
from logsrv.kit.protocols.faults import PeerGone
from logsrv.kit.protocols.stream import Connection


async def relay(one: Connection, other: Connection) -> tuple[int, int]:
    """Copy what each of two connections sends to the other, until both have ended; then close both.

    Return the numbers of bytes that were copied, from `one` and from `other`. A side is read no faster than
    the other takes it, and read even while it takes nothing itself: else two servers that send before they
    read would wait for each other. The end of one direction is passed on alone; if it cannot be, as over
    TLS, that side is closed when the other direction has ended, too. A side that is gone ends both, after
    what had come from it is sent.
    """
    counts = [0, 0]
    one.read_always()
    other.read_always()
    copies = [
        start_coroutine(_copy(one, other, counts, 0)),
        start_coroutine(_copy(other, one, counts, 1)),
    ]
    try:
        await gatherResults(copies, consumeErrors=True)
    except FirstError as first:
        failure = first.subFailure
        if failure.check(*CANCELLED):
            raise CancelledError from None
        if not failure.check(PeerGone):
            failure.raiseException()
    finally:
        for at, (source, target) in enumerate(((one, other), (other, one))):
            if source.closed and (rest := source.take_rest()):
                counts[at] += len(rest)
                target.write(rest)
        one.close()
        other.close()
    return counts[0], counts[1]


async def _copy(source: Connection, target: Connection, counts: list[int], at: int) -> None:
    while data := await source.read_some():
        counts[at] += len(data)
        target.write(data)
        await target.drain()
        if target.closed:
            raise PeerGone(f"{target.peer} has gone")
    await target.end_output()
