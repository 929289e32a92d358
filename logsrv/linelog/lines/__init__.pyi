from logsrv.linelog.lines.framer import LineFramer as LineFramer
