"""Connecting: a target becomes a peer."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from socket import SOCK_DGRAM, gaierror, getaddrinfo
from typing import Any

from twisted.internet import error
from twisted.internet.endpoints import clientFromString, connectProtocol
from twisted.internet.interfaces import (
    IStreamClientEndpoint,
)
from twisted.internet.threads import deferToThreadPool

from logsrv.cli.client.display import Display
from logsrv.cli.client.failures import connection_failed
from logsrv.cli.client.peer import DatagramPeer, Peer, Show, StreamPeer
from logsrv.cli.client.target import Target
from logsrv.errors import ConfigurationError, LogsrvError
from logsrv.kit.net.remote import Remote, remote_endpoint
from logsrv.kit.net.tls.client_tls import TLSOptions
from logsrv.kit.net.twisted.transports import undelayed
from logsrv.kit.text.words import shown

ANY_IPV6 = "::"
LONGEST = 256 * 1024
"""Bytes of a datagram; a UNIX socket's may be longer than those of UDP."""


async def connect_peer(
    target: Target, options: TLSOptions, display: Display, show: Show, timeout: float, reactor: Any
) -> Peer:
    """Connect, within `timeout` seconds. Raises ConfigurationError or ConnectionFailed."""
    if options.given and target.scheme != "tls":
        raise ConfigurationError(
            f"{shown(target.text)} is not encrypted; certificates go with tls:HOST:PORT"
        )
    try:
        if target.is_datagram:
            return await _datagrams(
                target, DatagramPeer(target, display, show, reactor), timeout, reactor
            )
        endpoint = _endpoint(target, options, timeout, reactor)
        stream = StreamPeer(target, display, show, timeout)
        # In one clock: name, connection and TLS together are what one waits for.
        undelayed(await connectProtocol(endpoint, stream).addTimeout(timeout, reactor))
        stream.established.addTimeout(timeout, reactor)
        try:
            return await stream.established
        except BaseException:
            stream.transport.abortConnection()
            raise
    except LogsrvError:
        raise
    except Exception as failed:
        raise connection_failed(failed, target, timeout) from failed


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
    remote = Remote(
        target.text, scheme, host=target.host, port=target.port, path=target.path, tls=options
    )
    return remote_endpoint(remote, reactor, timeout)


async def _datagrams(
    target: Target, datagrams: DatagramPeer, timeout: float, reactor: Any
) -> DatagramPeer:
    if target.scheme == "unixgram":
        # Bound to a path of its own: else the peer could not answer.
        directory = tempfile.mkdtemp(prefix="logsrv-connect-")
        datagrams.path = Path(directory, "socket")
        try:
            reactor.connectUNIXDatagram(
                target.path, datagrams, maxPacketSize=LONGEST, bindAddress=str(datagrams.path)
            )
        except BaseException:
            datagrams.path.unlink(missing_ok=True)
            os.rmdir(directory)
            raise
        if datagrams.failure is not None:
            raise datagrams.failure
        return datagrams
    address = await _resolved(target, timeout, reactor)
    port = reactor.listenUDP(
        0, datagrams, interface=ANY_IPV6 if ":" in address else "", maxPacketSize=LONGEST
    )
    try:
        datagrams.transport.connect(address, target.port)
    except BaseException:
        await port.stopListening()
        raise
    return datagrams


async def _resolved(target: Target, timeout: float, reactor: Any) -> str:
    looking = deferToThreadPool(
        reactor, reactor.getThreadPool(), getaddrinfo, target.host, target.port, type=SOCK_DGRAM
    )
    try:
        found = await looking.addTimeout(timeout, reactor)
    except gaierror:
        raise error.DNSLookupError(target.host) from None
    # A service on this machine is more often bound to 127.0.0.1 alone than to ::1 alone.
    addresses = [str(entry[4][0]) for entry in found]
    return min(addresses, key=lambda address: ":" in address)
