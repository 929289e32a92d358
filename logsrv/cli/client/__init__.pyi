from asyncio import new_event_loop as new_event_loop
from asyncio import set_event_loop as set_event_loop

from twisted.internet import reactor as reactor
from twisted.internet.asyncioreactor import install as install
from twisted.internet.defer import Deferred as Deferred
from twisted.logger import globalLogBeginner as globalLogBeginner

from logsrv.cli.client.dial import connect_peer as connect_peer
from logsrv.cli.client.dial import plugin_prefixes as plugin_prefixes
from logsrv.cli.client.display import DatagramDisplay as DatagramDisplay
from logsrv.cli.client.display import Display as Display
from logsrv.cli.client.display import HexDisplay as HexDisplay
from logsrv.cli.client.display import TextDisplay as TextDisplay
from logsrv.cli.client.script import Script as Script
from logsrv.cli.client.target import Target as Target
from logsrv.cli.client.target import parse_target as parse_target
from logsrv.cli.client.terminal import Terminal as Terminal
from logsrv.cli.client.wire import DatagramWire as DatagramWire
from logsrv.cli.client.wire import StreamWire as StreamWire
from logsrv.kit.net.tls.client_tls import TLSOptions as TLSOptions
