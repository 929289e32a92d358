"""Listening: an endpoint, an input and a guard become a listener that binds, opens and drains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, Self

from twisted.internet.interfaces import IProtocolFactory

from logsrv.errors import ConfigurationError
from logsrv.kit.manager.sockets import KeptSockets
from logsrv.kit.net.datagrams import DatagramListener, DatagramReceiver
from logsrv.kit.net.endpoint import Endpoint
from logsrv.kit.net.guard.guard import GuardPolicy
from logsrv.kit.net.stream_listener import StreamListener
from logsrv.kit.net.twisted.fetched_listener import FetchedListener, FetchingReceiver
from logsrv.kit.observe.metrics import Counts


class Listener(Protocol):
    """A listener, as `listener_for` gives it: checked, bound, opened, applied, drained, in this order."""

    endpoint: Endpoint
    sentence: str
    """How the log says that it listens, with {place} or {url}; may be changed before it is bound."""

    @property
    def address(self) -> str:
        """The place where it listens, as bound: `127.0.0.1:1234`, a path; "" before."""

    @property
    def protocols(self) -> Sequence[Any]:
        """The protocols of those who are connected; none where there are no connections."""

    def bind(self) -> None:
        """Take the place, as root if need be. Raises ListenError with one sentence."""

    def open(self) -> None:
        """Take in what peers send, from the reactor's next turn on."""

    async def stop_listening(self) -> None:
        """Accept who waits, then no more; what takes in datagrams or standard input goes on."""

    async def drain(self, seconds: float) -> int:
        """Take in what has arrived, then end. Gives how many peers were cut off at the deadline."""

    def check(self) -> None:
        """Raise ListenError for what would keep it from being bound, or from going on as it is.

        No peer notices. Nothing is opened, but a UNIX socket anew whose file has gone.
        """

    def apply(self, policy: GuardPolicy) -> None:
        """Go by other rules, and by what its files held when they were checked."""


class OwnReceiver:
    """A factory of protocols that serves a site by itself, whatever its listener is."""

    @property
    def receiver(self) -> Self:
        return self

    def attach(self, listener: Listener) -> None:
        """Do nothing: no listener matters here."""


def listener_for(
    endpoint: Endpoint,
    receiver: IProtocolFactory | DatagramReceiver | FetchingReceiver | None,
    *,
    label: str,
    policy: GuardPolicy,
    reactor: Any,
    metrics: Counts,
    kept: KeptSockets | None = None,
) -> Listener:
    """The listener for an endpoint, which hands to `receiver` what comes.

    receiver: a factory of protocols for streams and standard input, for datagrams a DatagramReceiver, for
    what is fetched a FetchingReceiver.
    label: names the listener in logs and metrics. kept: the sockets that outlive this process.
    Raises ConfigurationError when `receiver` is None: there is none for such an endpoint.
    """
    if receiver is None:
        what = "datagrams" if endpoint.kind == "datagram" else "connections"
        raise ConfigurationError(f"{endpoint}: this input takes no {what}")
    make: Any = {"datagram": DatagramListener, "fetched": FetchedListener}
    listener: Listener = make.get(endpoint.kind, StreamListener)(
        endpoint, receiver, label=label, policy=policy, reactor=reactor, metrics=metrics, kept=kept
    )
    return listener
