"""`bare.py PORT`: a minimal Twisted server, to compare the memory of an idle connection with."""

from __future__ import annotations

import sys
from typing import cast

from twisted.internet.interfaces import IReactorCore, IReactorTCP
from twisted.internet.protocol import Protocol, ServerFactory


class Forget(Protocol):
    """Receives bytes and drops them."""

    def dataReceived(self, data: bytes) -> None:
        pass


def main(port: int) -> None:
    """Listen on `port` of 127.0.0.1 until SIGTERM."""
    from twisted.internet import reactor

    factory = ServerFactory()
    factory.protocol = Forget
    cast(IReactorTCP, reactor).listenTCP(port, factory, backlog=1024, interface="127.0.0.1")
    cast(IReactorCore, reactor).run()


if __name__ == "__main__":
    main(int(sys.argv[1]))
