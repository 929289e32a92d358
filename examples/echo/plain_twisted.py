"""Echo lines: Twisted, as it comes. Usage: plain_twisted.py ENDPOINT"""

import sys

from twisted.internet import endpoints, reactor
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineReceiver


class Echo(LineReceiver):
    delimiter = b"\n"

    def lineReceived(self, line):
        self.sendLine(line)


endpoints.serverFromString(reactor, sys.argv[1]).listen(Factory.forProtocol(Echo))
reactor.run()
