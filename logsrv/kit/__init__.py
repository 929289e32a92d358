"""The kit: write a protocol, get a server. This is its whole public surface.

    from logsrv.kit import LineProtocol, protocol_plugin

    class Shout(LineProtocol):
        def line_received(self, line):
            self.send_line(line.upper())

    shout = protocol_plugin("shout", Shout, description="shouts back", listen="tcp:7000")

| name | what it is |
| --- | --- |
| `protocol_plugin` | makes the plugin that `twistd` and `twist` load |
| `LineProtocol` | base class: lines in, lines out, over a connection |
| `RequestProtocol`, `RequestError` | base class: one line is a request, one is its answer |
| `FrameProtocol` | base class: frames of bytes in, frames out, over a connection |
| `LengthPrefix`, `Varint`, `Netstring`, `Delimiter`, `FixedSize` | how frames are marked on the wire |
| `Datagrams` | base class: datagrams as bytes |
| `DatagramLines`, `Sender` | base class: lines in datagrams, and who sent them |
| `Connection` | what `async def handle(connection)` gets |
| `LineTooLong`, `EndOfStream`, `PeerTimeout` | what reading from it may raise |
| `PeerCertificate` | the certificate a client has shown: `self.certificate` |
| `Plugin`, `IProtocolPlugin` | what `protocol_plugin` gives, and its interface |
| `RunningService` | the type of `self.service`: settings, state, metrics and clock of the running service |
| `Link`, `Task` | the types of what `service.connect`, and `spawn` and `every`, give |
| `Watchdog` | warns when something blocks the reactor |
| `option`, `tables`, `REQUIRED` | declare options of your own, in a frozen attrs class |
| `TEXT`, `FLAG`, `INTEGER`, `SIZE`, `DURATION`, `DAYS`, `NETWORK` | kinds of values |
| `PATH`, `FILE`, `DIRECTORY` | kinds of paths: any, of a file that is there, of a directory |
| `REMOTE` | the kind of places to connect to, for `service.connect` |
| `integer`, `choice`, `Kind` | kinds of values with bounds, of some words, of your own |
| `Metric`, `Durations`, `exposition` | figures of your own, and all of them as Prometheus reads them |
| `one_line`, `rfc3339`, `read_file` | a stranger's text in a sentence, a time as text, a small file |
| `ConfigurationError`, `PeerError` | raise them for what the operator or the peer did wrong |
| `PeerGone` | a PeerError: what `drain` raises when nobody reads any more |

Names are loaded when they are first used, so that a plugin file costs `twistd --help` next to nothing.
What tests of a plugin need is in `logsrv.kit.testing`.
"""

from logsrv.lazy_names import lazy_names

__getattr__, __dir__ = lazy_names(__name__)
