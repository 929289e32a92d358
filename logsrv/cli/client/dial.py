"""Connecting: a target becomes a peer."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import clientFromString, connectProtocol
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.threads import deferToThreadPool

from logsrv.cli.client.conversation import LineConversation
from logsrv.cli.client.failures import connection_failed
from logsrv.cli.client.peer import DatagramPeer, StreamPeer
from logsrv.cli.client.target import Target
from logsrv.errors import ConfigurationError, LogsrvError
from logsrv.kit.net.remote import RemotePlace, remote_endpoint
from logsrv.kit.net.twisted.client_tls import TLSOptions
from logsrv.kit.net.twisted.transports import with_no_delay
from logsrv.kit.text.words import shown


async def dial(
    target: Target, options: TLSOptions, talk: LineConversation, timeout: float, reactor: Any
) -> StreamPeer | DatagramPeer:
    """Connect, within `timeout` seconds. Raises ConfigurationError or ConnectionFailed."""
    if options.any_given and target.scheme != "tls":
        raise ConfigurationError(
            f"{shown(target.text)} is not encrypted; certificates go with tls:HOST:PORT"
        )
    try:
        if target.is_datagram:
            # In a thread, because looking up a name blocks.
            opening = deferToThreadPool(
                reactor, reactor.getThreadPool(), _connected_datagram_socket, target
            ).addTimeout(timeout, reactor)
            made, place = await opening
            return DatagramPeer(made, place, talk.show_received, talk.end_conversation, reactor)
        # One time limit for all: looking up the name, connecting, and TLS.
        endpoint = _endpoint(target, options, timeout, reactor)
        connecting = Deferred.fromCoroutine(_connect(target, endpoint, talk))
        return await connecting.addTimeout(timeout, reactor)
    except LogsrvError:
        raise
    except Exception as failed:
        raise connection_failed(failed, target, timeout) from failed


async def _connect(
    target: Target, endpoint: IStreamClientEndpoint, talk: LineConversation
) -> StreamPeer:
    encrypted = target.scheme == "tls"
    peer = StreamPeer(talk.show_received, talk.end_conversation, encrypted=encrypted)
    with_no_delay(await connectProtocol(endpoint, peer))
    try:
        await peer.established
    except BaseException:
        peer.transport.abortConnection()
        raise
    return peer


def _endpoint(
    target: Target, options: TLSOptions, timeout: float, reactor: Any
) -> IStreamClientEndpoint:
    if target.scheme == "twisted":
        try:
            endpoint: IStreamClientEndpoint = clientFromString(reactor, target.text)
            return endpoint
        except Exception as wrong:
            sentence = shown(str(wrong) or type(wrong).__name__)
            raise ConfigurationError(f"{shown(target.text)}: {sentence}") from None
    scheme = "ssl" if target.scheme == "tls" else target.scheme
    remote = RemotePlace(
        target.text, scheme, host=target.host, port=target.port, path=target.path, tls=options
    )
    return remote_endpoint(remote, reactor, timeout)


def _connected_datagram_socket(target: Target) -> tuple[socket.socket, ExitStack]:
    """Return a connected socket, and the resources to close after it."""
    family, address = _look_up_address(target)
    made = socket.socket(family, socket.SOCK_DGRAM)
    with ExitStack() as place:
        place.callback(made.close)
        made.setblocking(False)
        if target.path:
            # Bind the socket to a path of its own: the peer sends its answers there.
            directory = place.enter_context(TemporaryDirectory(prefix="logsrv-connect-"))
            made.bind(str(Path(directory, "socket")))
        made.connect(address)
        return made, place.pop_all()


def _look_up_address(target: Target) -> tuple[int, Any]:
    if target.path:
        return socket.AF_UNIX, target.path
    found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_DGRAM)
    # Prefer IPv4: a service on this machine listens more often on 127.0.0.1 alone than on ::1 alone.
    family, *_, address = min(found, key=lambda entry: entry[0] == socket.AF_INET6)
    return family, address
