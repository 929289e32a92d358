from logsrv.kit._protocol_plugin.dials import DialError as DialError
from logsrv.kit._protocol_plugin.dials import DialledConnections as DialledConnections
from logsrv.kit._protocol_plugin.endpoints import client_endpoint as client_endpoint
from logsrv.kit._protocol_plugin.reconnecting import ReconnectingLink as ReconnectingLink
