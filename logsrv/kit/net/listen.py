"""Makes a listener from an endpoint, a receiver and the rules of a guard; the listener can bind, open and
drain.

A listener may also fetch: nobody connects to it, and its receiver gets data from another server.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocolFactory

from logsrv.errors import ConfigurationError
from logsrv.kit.connections.guard import GuardPolicy
from logsrv.kit.net._stream_listener import StreamListener
from logsrv.kit.net.bind import ListenError
from logsrv.kit.net.endpoint import Endpoint
from logsrv.kit.net.kept_sockets import KeptSockets
from logsrv.kit.observe.metrics import Counts
from logsrv.lazy_names import later_module

if TYPE_CHECKING:
    from logsrv.kit.net import datagrams
    from logsrv.kit.net.datagrams import DatagramReceiver
else:
    datagrams = later_module("logsrv.kit.net.datagrams")


class Listener(Protocol):
    """A listener, as `listener_for` returns it. Its life: a check, `bind`, `open`, any number of `apply`,
    `drain`.
    """

    endpoint: Endpoint
    sentence: str
    """The log line for its start, with {place} or {url}; may be changed before `bind`."""

    @property
    def address(self) -> str:
        """The address where it listens, such as `127.0.0.1:1234` or a path; "" before `bind`."""

    @property
    def protocols(self) -> Sequence[Any]:
        """The protocols of connected peers; empty for endpoints without connections."""

    def bind(self) -> None:
        """Bind the address, with the rights of root if this is necessary. Raises ListenError with one
        sentence.
        """

    def open(self) -> None:
        """Begin to read the data of peers, in the next turn of the reactor."""

    async def stop_listening(self) -> None:
        """Accept the connections that wait now, then no more; datagrams and standard input are still
        read.
        """

    async def drain(self, seconds: float) -> int:
        """Read the data that has arrived, then end the listener. Return how many peers were cut off after
        `seconds`.
        """

    def check_and_reload(self) -> None:
        """Raise ListenError if the listener cannot be bound now, or if a bound listener cannot continue
        with its files.

        No peer notices. Nothing is opened, except a UNIX socket whose file is gone: it is made again.
        """

    def apply(self, policy: GuardPolicy) -> None:
        """Use other rules, and use the contents of the listener's files as `check_and_reload` has read
        them.
        """


class ServerAndReceiver:
    """A base class for a factory of protocols that is both the server of a site and the receiver of its
    data.
    """

    @property
    def receiver(self) -> Self:
        return self

    def attach(self, listener: Listener) -> None:
        """Do nothing: this factory does not need its listener."""


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
    """Return the listener for an endpoint; the listener passes the data of its peers to `receiver`.

    receiver: a factory of protocols for streams and standard input, a DatagramReceiver for datagrams, a
    FetchingReceiver for `fetched`.
    label: names the listener in logs and metrics. kept: the sockets that outlive this process.
    Raises ConfigurationError if `receiver` is None: the input does not take this kind of endpoint.
    """
    if receiver is None:
        what = "datagrams" if endpoint.kind == "datagram" else "connections"
        raise ConfigurationError(f"{endpoint}: this input takes no {what}")
    make: Any = StreamListener
    if endpoint.kind == "datagram":
        make = datagrams.DatagramListener
    elif endpoint.kind == "fetched":
        make = FetchedListener
    listener: Listener = make(
        endpoint, receiver, label=label, policy=policy, reactor=reactor, metrics=metrics, kept=kept
    )
    return listener


class FetchingReceiver(Protocol):
    """A receiver that itself fetches its data from another server, so that no peer connects."""

    def check_endpoint(self, endpoint: Endpoint) -> None:
        """Check an endpoint's options and the files that they name. Raises ConfigurationError."""

    def begin_fetching(self, endpoint: Endpoint) -> None:
        """Begin to fetch, from the address that the endpoint's text names."""

    def stop_fetching(self) -> Deferred[None]:
        """Stop fetching; the Deferred fires when the fetched data is processed or given up."""


class FetchedListener:
    """A listener without peers: its receiver fetches data, from `open` to `drain`."""

    address = ""
    # Nobody can connect, so the log does not say that it listens.
    sentence = ""
    protocols: ClassVar[Sequence[Any]] = ()

    def __init__(
        self, endpoint: Endpoint, receiver: FetchingReceiver, *, reactor: Any, **unused: object
    ) -> None:
        """`unused`: what `listener_for` gives to listeners with peers."""
        self.endpoint = endpoint
        self._receiver = receiver
        self._reactor = reactor
        self._open = False

    def check_and_reload(self) -> None:
        try:
            self._receiver.check_endpoint(self.endpoint)
        except ConfigurationError as error:
            raise ListenError(f"{self.endpoint}: {error}") from None

    def bind(self) -> None:
        """Only check the endpoint, because there is no address to bind."""
        self.check_and_reload()

    def open(self) -> None:
        self._open = True
        self._receiver.begin_fetching(self.endpoint)

    def apply(self, policy: object) -> None:
        """Do nothing: there are no peers to admit."""

    async def stop_listening(self) -> None:
        """Do nothing: `drain` ends the fetching."""

    async def drain(self, seconds: float) -> int:
        """Process the data that has arrived, then end the listener. Return 1 if that was cut off after
        `seconds`.
        """
        if not self._open:
            return 0
        self._open = False
        cut: list[bool] = []
        ending = self._receiver.stop_fetching().addTimeout(
            seconds, self._reactor, onTimeoutCancel=lambda *_: cut.append(True)
        )
        await ending
        return len(cut)
