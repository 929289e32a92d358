from logsrv.kit.connections._proxy_protocol import ProxiedTransport as ProxiedTransport
from logsrv.kit.connections.client_tls import TLSOptions as TLSOptions
from logsrv.kit.connections.client_tls import tls_connection_creator as tls_connection_creator
