"""The connected peers of a service.

They come from the registers of connections that the listeners' guards keep.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from twisted.internet.protocol import BaseProtocol

from logsrv.kit.connections.transports import bytes_to_slow_peer
from logsrv.kit.framing._own_framing import OwnFraming
from logsrv.kit.protocols.faults import wrong_value_text


class Peers:
    """The connected peers, in no order, as a collection: iteration, `len` and `in`.

    A peer is its protocol object, or for `async def handle(connection)` its Connection. It is in the
    collection from before `connection_made` until `connection_lost` is called.
    """

    def __init__(
        self,
        protocols: Callable[[], Sequence[Any]],
        count_skipped: Callable[[Any], None] = lambda peer: None,
    ) -> None:
        """protocols: returns those of the connections. count_skipped: counts a message to a slow peer."""
        self._protocols, self._count_skipped = protocols, count_skipped

    def __iter__(self) -> Iterator[Any]:
        return iter(self._protocols())

    def __contains__(self, peer: object) -> bool:
        return any(each is peer for each in self)

    def __len__(self) -> int:
        return len(self._protocols())

    def broadcast(
        self,
        text: Any,
        but: object = None,
        *,
        to: Iterable[Any] | None = None,
        drop_above: int | None = None,
    ) -> None:
        """Send `text` to peers, except `but` and those whose connection is closing or gone.

        to: the peers, each once; by default all of listeners without a name. drop_above: peers for which
        more bytes wait are left out, and counted; the sender never waits for them. str is sent as a line;
        bytes as a frame to a FrameProtocol, unchanged to others; a framing of an author's own takes any
        object as a frame. Raises TypeError for anything else, and for peers that have no method to send it;
        ValueError for a drop_above below 0.
        """
        if drop_above is not None and (type(drop_above) is not int or drop_above < 0):
            raise ValueError(f"drop_above is {drop_above!r:.80}; it has to be 0 bytes or more")
        if but is not None and not isinstance(but, BaseProtocol):
            raise TypeError(f"but takes a peer, not {wrong_value_text(but)}")
        if to is None:
            to = [one for one in self._protocols() if not one.factory.listener_name]
        else:
            # An author's protocol may have no hash.
            to = {id(one): one for one in ([to] if isinstance(to, str) else to)}.values()
            for one in to:
                if not isinstance(one, BaseProtocol):
                    raise TypeError(f"to= takes peers, not {wrong_value_text(one)}")
        # First the method of each peer is found: if one cannot be sent `text`, this raises before any peer
        # has got it. And while the text is sent, peers may leave, and change the author's set.
        receivers: Iterable[Any] = to
        senders = [
            (peer, send_method_of(peer, text))
            for peer in receivers
            if peer is not but and not is_leaving(peer)
        ]
        for peer, send in senders:
            if (
                drop_above is not None
                and bytes_to_slow_peer(peer.transport, drop_above) > drop_above
            ):
                self._count_skipped(peer)
            else:
                send(text)


def is_leaving(peer: Any) -> bool:
    """Return true for a peer that has gone, or is being closed, by a stop for instance.

    Such peers get no broadcast: at the stop of a chat each leave is told to all others, and to tell it to
    2,000 peers that leave as well took 19 seconds.
    """
    if not getattr(peer, "connected", True):
        return True
    return bool(getattr(getattr(peer, "transport", None), "disconnecting", False))


def send_method_of(peer: Any, text: object) -> Callable[[Any], object]:
    """Return the peer's method that sends a line, bytes or a frame. Raises TypeError if it has none."""
    if isinstance(getattr(peer, "framing", None), OwnFraming):
        sender: Callable[[Any], object] = peer.send_frame
        return sender
    if not isinstance(text, str | bytes):
        raise TypeError(f"broadcast takes str or bytes, not {wrong_value_text(text)}")
    for name in ("send_line",) if isinstance(text, str) else ("send_frame", "write"):
        method: Callable[[Any], object] | None = getattr(peer, name, None)
        if method is not None:
            return method
    raise TypeError(f"{type(peer).__name__} has no way to send {type(text).__name__}")
