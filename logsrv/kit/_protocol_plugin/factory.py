"""The protocols of a plugin, and the factory that builds them for one listener or link."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cached_property, partial
from inspect import signature
from typing import TYPE_CHECKING, Any, TypeGuard

import attrs
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import AbstractDatagramProtocol, Factory
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.python.failure import Failure

from logsrv.errors import ConfigurationError
from logsrv.kit._protocol_plugin.arguments import NO_FACTORY, is_factory
from logsrv.kit._protocol_plugin.class_checks import check_protocol_class
from logsrv.kit._protocol_plugin.service_settings import (
    DEFAULTS,
    Limits,
    UnsetLimit,
    extends_frame_protocol,
    limits_of,
)
from logsrv.kit.connections.source import source_of
from logsrv.kit.framing._line_format import LineFormat
from logsrv.kit.net.listen import Listener, ServerAndReceiver
from logsrv.kit.observe.metrics import Counts
from logsrv.kit.protocols._context import ListenerContext, RunningService
from logsrv.kit.protocols._datagrams import Datagrams
from logsrv.kit.protocols._line_protocol import LineProtocol
from logsrv.kit.protocols._plain_twisted import (
    TwistedDatagrams,
    check_not_async,
    error_counting_subclass,
)
from logsrv.kit.protocols._protocol import PeerProtocol
from logsrv.kit.protocols._stream import Connection
from logsrv.lazy_names import later_module

if TYPE_CHECKING:
    from logsrv.kit.connections import client_tls
else:
    client_tls = later_module("logsrv.kit.connections.client_tls")


@attrs.frozen
class PluginProtocols:
    """The protocols of a plugin.

    stream: builds the protocol of a connection; None if the plugin takes no connections.
    datagrams: builds the receiver of a listener; None if the plugin takes no datagrams.
    make_line_format: returns the format of lines for the operator's --max-line.
    limits: the limits of the classes. starts_tls: whether they begin TLS on connections in plain text.
    refuses_tls: whether a TLS handshake is certainly a mistake, as in protocols of lines.
    sends_text: whether a refused peer may be told why in a line.
    resource: a Resource class of twisted.web, instead of `stream`.
    """

    stream: Callable[[], TwistedProtocol] | None
    datagrams: Callable[[], Datagrams] | None
    make_line_format: Callable[[int], LineFormat]
    limits: Limits = attrs.field(factory=dict)
    starts_tls: bool = False
    refuses_tls: bool = False
    sends_text: bool = True
    resource: Callable[..., Any] | None = None

    def line_format(self, settings: object) -> LineFormat:
        """Return the format of lines for these settings. Raises ConfigurationError."""
        try:
            return self.make_line_format(self.limit("max_line", settings))
        except ValueError as error:
            raise ConfigurationError(str(error)) from None

    def limit(self, name: str, settings: object) -> int:
        """Return the limit `name` in bytes: that of these settings, and at most that of the class."""
        asked: int = getattr(settings, name, DEFAULTS[name])
        own = self.limits.get(name)
        if isinstance(asked, UnsetLimit):
            return DEFAULTS[name] if own is None else own
        return asked if own is None else min(asked, own)


def protocols_of(stream: object, datagrams: object) -> PluginProtocols:
    """Return the protocols that a plugin names.

    stream: a Protocol or Datagrams class, a function that takes a Connection, or None. datagrams: a
    Datagrams or Twisted DatagramProtocol class, or None. Raises ConfigurationError for anything else.
    """
    if is_web_resource_class(stream):
        return PluginProtocols(None, None, LineFormat, resource=stream)
    if isinstance(stream, type) and issubclass(stream, Datagrams | AbstractDatagramProtocol):
        stream, datagrams = None, datagrams or stream
    receiver: Callable[[], Datagrams] | None = None
    if isinstance(datagrams, type) and issubclass(datagrams, Datagrams):
        check_protocol_class(datagrams)
        receiver = datagrams
    elif isinstance(datagrams, type) and issubclass(datagrams, AbstractDatagramProtocol):
        receiver = partial(TwistedDatagrams, datagrams)
    elif datagrams is not None:
        raise ConfigurationError(f"{datagrams!r:.80} is no subclass of Datagrams or DatagramLines")
    make_line_format: Callable[[int], LineFormat] = LineFormat
    build: Callable[[], TwistedProtocol] | None = None
    if (
        isinstance(stream, type)
        and issubclass(stream, TwistedProtocol)
        and not issubclass(stream, Connection)
    ):
        check_not_async(stream)
        check_protocol_class(stream)
        build = stream if issubclass(stream, PeerProtocol) else error_counting_subclass(stream)
        if issubclass(stream, LineProtocol):
            make_line_format = stream.make_line_format
    elif is_factory(stream):
        raise ConfigurationError(f"{stream!r:.80} is {NO_FACTORY}")
    elif callable(stream) and not isinstance(stream, type):
        _check_takes_connection(stream)
        build = partial(Connection, stream)
    elif stream is not None:
        raise ConfigurationError(
            f"{stream!r:.80} is neither a Protocol class nor a function that takes a connection"
        )
    return PluginProtocols(
        build,
        receiver,
        make_line_format,
        limits_of(stream, datagrams),
        refuses_tls=isinstance(stream, type) and issubclass(stream, LineProtocol),
        sends_text=not (isinstance(stream, type) and extends_frame_protocol(stream)),
    )


def _check_takes_connection(handle: Callable[..., Any]) -> None:
    """Raise ConfigurationError for a function that cannot be called with a connection alone."""
    try:
        parameters = signature(handle)
    except ValueError:
        # A function in C, which does not tell.
        return
    try:
        parameters.bind(None)
    except TypeError:
        name = getattr(handle, "__name__", repr(handle))
        hint = ""
        if len(parameters.parameters) == 2:
            hint = (
                "; it is the reader and the writer at once: `await connection.read_line()`, "
                "`connection.send_line(…)`"
            )
        raise ConfigurationError(
            f"{name:.80}{parameters!s:.80} has to take one argument, the connection{hint}"
        ) from None


def is_web_resource_class(served: object) -> TypeGuard[Callable[..., Any]]:
    """Return whether `served` is a Resource class of twisted.web.

    It does not load twisted.web, which would be slow: if nobody has loaded it, `served` cannot be one.
    """
    web = sys.modules.get("twisted.web.resource")
    return web is not None and isinstance(served, type) and web.IResource.implementedBy(served)


class PluginFactory(ServerAndReceiver, ListenerContext, Factory):
    """Builds the protocols of one stream listener, or of one link.

    starts_tls, refuses_tls, sends_text: as in `served`. server_name: the host that the certificate has to
    name when TLS begins on a link; else empty.
    """

    noisy = False
    server_name = ""
    _listener: Listener | None = None

    def __init__(
        self,
        service: RunningService[Any, Any],
        label: str,
        served: PluginProtocols,
        metrics: Counts | None = None,
    ) -> None:
        """`served`: takes connections."""
        super().__init__(service, label, metrics, served.line_format)
        self._served = served
        self.starts_tls = served.starts_tls
        self.refuses_tls = served.refuses_tls
        self.sends_text = served.sends_text

    def apply_limits(self, settings: Any) -> None:
        super().apply_limits(settings)
        self.max_frame = self._served.limit("max_frame", settings)

    def attach(self, listener: Listener) -> None:
        self._listener = listener

    @property
    def certificate(self) -> object | None:
        if self.server_name:
            return self._link_tls_creator
        return getattr(self._listener, "certificate", None)

    @cached_property
    def _link_tls_creator(self) -> object:
        options = client_tls.TLSOptions()
        return client_tls.tls_connection_creator(options, self.server_name)

    @property
    def no_certificate(self) -> str:
        if self.connects:
            return super().no_certificate
        if not self.starts_tls:
            return (
                f"{self.label} has no certificate: start_tls needs "
                "protocol_plugin(…, start_tls=True), or start_tls(certificate)"
            )
        return (
            f"{self.label} has no certificate, so TLS cannot be begun: give it one, as in "
            "tcp:25:privateKey=key.pem:certKey=cert.pem; a protocol asks can_start_tls before"
        )

    def refusal_words(self, reason: str) -> bytes:
        """Return the protocol's own words for a refused peer, as they are sent; b"" for none."""
        served: Any = self._served.stream
        if not isinstance(served, type) or not issubclass(served, PeerProtocol):
            return b""
        try:
            words = served.refusal_words(reason)
            return b"" if words is None else served.encoded_words(words)
        except Exception:
            self.log_failure("refusal_words", "a refused peer", Failure())
            return b""

    def buildProtocol(self, addr: IAddress | None) -> TwistedProtocol | None:
        assert self._served.stream is not None
        try:
            protocol = self._served.stream()
        except Exception:
            self.log_failure("the constructor", source_of(addr), Failure())
            return None
        protocol.factory = self
        return protocol
