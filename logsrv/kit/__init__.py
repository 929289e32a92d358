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
| `TEXT`, `FLAG`, `INTEGER`, `SIZE`, `DURATION`, `DAYS`, `PATH`, `DIRECTORY`, `NETWORK` | kinds of values |
| `REMOTE` | the kind of places to connect to, for `service.connect` |
| `integer`, `choice`, `Kind` | kinds of values with bounds, of some words, of your own |
| `Metric`, `Durations`, `exposition` | figures of your own, and all of them as Prometheus reads them |
| `one_line`, `rfc3339`, `read_file` | a stranger's text in a sentence, a time as text, a small file |
| `ConfigurationError`, `PeerError` | raise them for what the operator or the peer did wrong |
| `PeerGone` | a PeerError: what `drain` raises when nobody reads any more |

Names are loaded when they are first used, so that a plugin file costs `twistd --help` next to nothing.
What tests of a plugin need is in `logsrv.kit.testing`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from logsrv.errors import ConfigurationError as ConfigurationError
    from logsrv.errors import PeerError as PeerError
    from logsrv.kit.framing.frames import Delimiter as Delimiter
    from logsrv.kit.framing.frames import FixedSize as FixedSize
    from logsrv.kit.framing.frames import LengthPrefix as LengthPrefix
    from logsrv.kit.framing.frames import Netstring as Netstring
    from logsrv.kit.framing.frames import Varint as Varint
    from logsrv.kit.framing.incoming import LineTooLong as LineTooLong
    from logsrv.kit.net.remote import REMOTE as REMOTE
    from logsrv.kit.net.source import Sender as Sender
    from logsrv.kit.net.tls.peer_certificate import PeerCertificate as PeerCertificate
    from logsrv.kit.observe.durations import Durations as Durations
    from logsrv.kit.observe.metrics import Metric as Metric
    from logsrv.kit.observe.prometheus import exposition as exposition
    from logsrv.kit.observe.watchdog import Watchdog as Watchdog
    from logsrv.kit.options.declare import REQUIRED as REQUIRED
    from logsrv.kit.options.declare import option as option
    from logsrv.kit.options.declare import tables as tables
    from logsrv.kit.options.files import read_file as read_file
    from logsrv.kit.options.kinds import DAYS as DAYS
    from logsrv.kit.options.kinds import DIRECTORY as DIRECTORY
    from logsrv.kit.options.kinds import DURATION as DURATION
    from logsrv.kit.options.kinds import FLAG as FLAG
    from logsrv.kit.options.kinds import INTEGER as INTEGER
    from logsrv.kit.options.kinds import NETWORK as NETWORK
    from logsrv.kit.options.kinds import PATH as PATH
    from logsrv.kit.options.kinds import SIZE as SIZE
    from logsrv.kit.options.kinds import TEXT as TEXT
    from logsrv.kit.options.kinds import Kind as Kind
    from logsrv.kit.options.kinds import choice as choice
    from logsrv.kit.options.kinds import integer as integer
    from logsrv.kit.protocols.connection.context import Link as Link
    from logsrv.kit.protocols.connection.context import RunningService as RunningService
    from logsrv.kit.protocols.connection.context import Task as Task
    from logsrv.kit.protocols.connection.faults import EndOfStream as EndOfStream
    from logsrv.kit.protocols.connection.faults import PeerGone as PeerGone
    from logsrv.kit.protocols.connection.faults import PeerTimeout as PeerTimeout
    from logsrv.kit.protocols.datagram_lines import DatagramLines as DatagramLines
    from logsrv.kit.protocols.datagrams import Datagrams as Datagrams
    from logsrv.kit.protocols.frames import FrameProtocol as FrameProtocol
    from logsrv.kit.protocols.lines import LineProtocol as LineProtocol
    from logsrv.kit.protocols.requests import RequestError as RequestError
    from logsrv.kit.protocols.requests import RequestProtocol as RequestProtocol
    from logsrv.kit.protocols.stream import Connection as Connection
    from logsrv.kit.service.plugin import IProtocolPlugin as IProtocolPlugin
    from logsrv.kit.service.plugin import Plugin as Plugin
    from logsrv.kit.service.plugin import protocol_plugin as protocol_plugin
    from logsrv.kit.text.escape import one_line as one_line
    from logsrv.kit.text.time import rfc3339 as rfc3339

_MODULES = {
    "logsrv.errors": "ConfigurationError PeerError",
    "logsrv.kit.net.tls.peer_certificate": "PeerCertificate",
    "logsrv.kit.net.remote": "REMOTE",
    "logsrv.kit.net.source": "Sender",
    "logsrv.kit.observe.durations": "Durations",
    "logsrv.kit.observe.metrics": "Metric",
    "logsrv.kit.observe.prometheus": "exposition",
    "logsrv.kit.observe.watchdog": "Watchdog",
    "logsrv.kit.options.declare": "REQUIRED option tables",
    "logsrv.kit.options.files": "read_file",
    "logsrv.kit.options.kinds": (
        "DAYS DIRECTORY DURATION FLAG INTEGER NETWORK PATH SIZE TEXT Kind choice integer"
    ),
    "logsrv.kit.framing.frames": "Delimiter FixedSize LengthPrefix Netstring Varint",
    "logsrv.kit.framing.incoming": "LineTooLong",
    "logsrv.kit.protocols.connection.context": "Link RunningService Task",
    "logsrv.kit.protocols.datagram_lines": "DatagramLines",
    "logsrv.kit.protocols.datagrams": "Datagrams",
    "logsrv.kit.protocols.connection.faults": "EndOfStream PeerGone PeerTimeout",
    "logsrv.kit.protocols.frames": "FrameProtocol",
    "logsrv.kit.protocols.lines": "LineProtocol",
    "logsrv.kit.protocols.requests": "RequestError RequestProtocol",
    "logsrv.kit.protocols.stream": "Connection",
    "logsrv.kit.service.plugin": "IProtocolPlugin Plugin protocol_plugin",
    "logsrv.kit.text.escape": "one_line",
    "logsrv.kit.text.time": "rfc3339",
}
_HOME = {name: module for module, names in _MODULES.items() for name in names.split()}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(__import__(_HOME[name], fromlist=[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    # And no `__all__`: with one, `help(logsrv.kit)` shows everything about each of these.
    return sorted(_HOME)
