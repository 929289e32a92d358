"""The kit: write a protocol, get a server with limits, reloads, metrics and TLS.

A plugin needs only the names below. A program beside a plugin, such as a command or a child process,
imports from the public modules of the folders. A module that begins with `_` is the kit's own.

    from logsrv.kit import LineProtocol, protocol_plugin

    class Shout(LineProtocol):
        def line_received(self, line):
            self.send_line(line.upper())

    shout = protocol_plugin("shout", Shout, description="shouts back", listen="tcp:7000")

| name | what it is |
| --- | --- |
| `protocol_plugin` | returns the plugin that `twistd` and `twist` load |
| `LineProtocol` | base class: lines in, lines out, over a connection |
| `RequestProtocol`, `RequestError` | base class: each line is a request, and gets one line as its answer |
| `FrameProtocol` | base class: frames of bytes in, frames out, over a connection |
| `LengthPrefix`, `Varint`, `Netstring`, `Delimiter`, `FixedSize` | kinds of marks around frames |
| `Datagrams` | base class: datagrams as bytes |
| `DatagramLines`, `Sender` | base class: lines in datagrams, and their sender |
| `Connection` | the argument of `async def handle(connection)` |
| `LineTooLong`, `EndOfStream`, `PeerTimeout` | errors of reading from a connection |
| `deadline`, `DeadlineExceeded` | ends a block of awaits that takes too long, and its error |
| `PeerCertificate` | the certificate that a client has shown: `self.certificate` |
| `Plugin`, `IProtocolPlugin` | the result of `protocol_plugin`, and its interface |
| `RunningService` | the type of `self.service`: settings, state, metrics and clock of the running service |
| `Link`, `Task` | the results of `service.connect`, and of `spawn` and `every` |
| `DialError`, `relay` | the error of `service.dial`; copies between two connections, as proxies do |
| `Watchdog` | warns when something blocks the reactor |
| `option`, `tables`, `REQUIRED` | declare options of your own, in a frozen attrs class |
| `TEXT`, `FLAG`, `INTEGER`, `SIZE`, `DURATION`, `DAYS`, `NETWORK` | kinds of values |
| `PATH`, `FILE`, `NEW_FILE`, `DIRECTORY` | kinds of paths: any, a file to read, one to write, a directory |
| `REMOTE`, `LISTEN` | the kinds of addresses to connect to, for `service.connect`, and to listen at |
| `integer`, `choice`, `Kind` | make kinds of values: a number with bounds, one of some words, your own |
| `Metric`, `Durations`, `exposition` | figures of your own, and the text that Prometheus reads |
| `one_line`, `read_file` | a peer's text made printable, a small file |
| `time_of_day`, `rfc3339` | the time, by a clock of tests too; a time as text |
| `ConfigurationError`, `PeerError` | raise them for a mistake of the operator or the peer |
| `PeerGone` | a PeerError: `drain` raises it when the peer has gone |

A name is loaded when it is first used, so that a plugin file costs `twistd --help` next to nothing.
The helpers for tests of a plugin are in `logsrv.kit.testing`.
"""

import os

from logsrv.lazy_names import lazy_names

__getattr__, __dir__ = lazy_names(__name__)

# At import, Twisted's endpoints make a list of LISTEN_FDS numbers, which fails for twenty digits.
# `inherited_descriptors` still reports it: it reads the environment that the process began with.
if len(os.environ.get("LISTEN_FDS", "")) > 6:
    del os.environ["LISTEN_FDS"]
