from logsrv.kit.protocols._starting_tls import start_tls as start_tls
