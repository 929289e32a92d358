"""The address that is checked is the one that is connected to."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IHostnameResolver, IReactorPluggableNameResolver
from twisted.internet.protocol import ClientFactory
from twisted.internet.testing import MemoryReactorClock
from zope.interface import implementer
from zope.interface.verify import verifyObject

from logsrv.gopher.fetch.client import GopherClient
from logsrv.gopher.fetch.connect import IClientReactor
from logsrv.gopher.gateway.checked_reactor import CheckedReactor
from logsrv.gopher.gateway.destinations import Destinations, NotAllowed


@implementer(IHostnameResolver)
class Names:
    """Gives `addresses`, and the next ones when asked again: as a hostile name server would."""

    def __init__(self, *addresses: list[str]) -> None:
        self._addresses = list(addresses)

    def resolveHostName(
        self,
        resolutionReceiver: Any,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Any = None,
        transportSemantics: str = "TCP",
    ) -> Any:
        resolutionReceiver.resolutionBegan(None)
        addresses = self._addresses.pop(0) if len(self._addresses) > 1 else self._addresses[0]
        for address in addresses:
            kind = IPv6Address if ":" in address else IPv4Address
            resolutionReceiver.addressResolved(kind("TCP", address, portNumber))
        resolutionReceiver.resolutionComplete()


def memory_reactor(*addresses: list[str]) -> Any:
    """A reactor that only remembers what it would connect to, with these names."""
    reactor = MemoryReactorClock()
    reactor.nameResolver = Names(*addresses)
    return reactor


def connected(reactor: Any) -> list[tuple[str, int]]:
    return [(client[0], client[1]) for client in reactor.tcpClients]


def test_is_what_the_client_needs() -> None:
    """It can stand for a reactor wherever the client uses one."""
    checked = CheckedReactor(memory_reactor(["8.8.8.8"]), Destinations())
    assert IReactorPluggableNameResolver.providedBy(checked)
    verifyObject(IClientReactor, checked)


def test_refuses() -> None:
    """An address that is not allowed is never connected to."""
    reactor = memory_reactor([])
    checked = CheckedReactor(reactor, Destinations())
    factory: Any = ClientFactory()
    for address in ("127.0.0.1", "0177.0.0.1", "::1", "10.0.0.1"):
        with pytest.raises(NotAllowed):
            checked.connectTCP(address, 70, factory)
    assert connected(reactor) == []
    checked.connectTCP("8.8.8.8", 70, factory)
    assert connected(reactor) == [("8.8.8.8", 70)]


def fetched(client: GopherClient, url: str, reactor: Any) -> list[Any]:
    """What became of a request so far: nothing, or its failure."""
    results: list[Any] = []
    client.menu(url).addBoth(results.append)
    # One address after the other is tried, a moment apart.
    reactor.pump([0.5] * 4)
    return results


def is_refused(results: list[Any]) -> bool:
    return len(results) == 1 and results[0].check(NotAllowed) is not None


def test_name_with_private_address() -> None:
    """A public name that leads into the operator's network is refused."""
    for address in ("127.0.0.1", "192.168.0.1", "::1", "169.254.169.254", "::ffff:10.0.0.1"):
        reactor = memory_reactor([address])
        client = GopherClient(CheckedReactor(reactor, Destinations()), retries=0)
        assert is_refused(fetched(client, "gopher://innocent.example/", reactor))
        assert connected(reactor) == []


def test_name_with_both() -> None:
    """Of a name with a private and a public address only the public one is used."""
    reactor = memory_reactor(["10.0.0.1", "8.8.8.8"])
    client = GopherClient(CheckedReactor(reactor, Destinations()), retries=0)
    assert fetched(client, "gopher://innocent.example/", reactor) == []
    assert connected(reactor) == [("8.8.8.8", 70)]


def test_name_that_changes() -> None:
    """A name that is public when looked at and private a moment later ("rebinding") gains nothing."""
    reactor = memory_reactor(["8.8.8.8"], ["127.0.0.1"])
    client = GopherClient(CheckedReactor(reactor, Destinations()), retries=0)
    assert fetched(client, "gopher://changing.example/", reactor) == []
    assert is_refused(fetched(client, "gopher://changing.example/", reactor))
    assert connected(reactor) == [("8.8.8.8", 70)]


def test_literal_addresses() -> None:
    """Addresses in the URL itself are checked as well, in all their spellings."""
    for host in (
        "127.0.0.1",
        "[::1]",
        "0.0.0.0",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
    ):
        reactor = memory_reactor(["127.0.0.1"])
        client = GopherClient(CheckedReactor(reactor, Destinations()), retries=0)
        assert is_refused(fetched(client, f"gopher://{host}/", reactor)), host
        assert connected(reactor) == []
