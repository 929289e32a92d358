from logsrv.kit.service._client_endpoint import client_endpoint as client_endpoint
from logsrv.kit.service._dials import DialError as DialError
from logsrv.kit.service._dials import DialledConnections as DialledConnections
from logsrv.kit.service._reconnecting import ReconnectingLink as ReconnectingLink
