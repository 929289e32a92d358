"""Syslog: RFC 5424, RFC 3164 and what devices send instead, over streams and in datagrams.

Streams are framed by RFC 6587 and RFC 5425. Rsyslog, syslog-ng, routers and appliances send it. Nothing is
answered.
"""

from logsrv.linelog.intake.interfaces import InputFormat

syslog = InputFormat(
    "syslog",
    "logsrv.linelog.formats.syslog.input:Syslog",
    "syslog over TCP, TLS, UDP and UNIX sockets, by either framing",
    joins=True,
)
