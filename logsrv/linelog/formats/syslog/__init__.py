"""Syslog: RFC 5424, RFC 3164 and what devices send instead, over streams and in datagrams.

Streams are framed by RFC 6587 and RFC 5425. Rsyslog, syslog-ng, routers and appliances send it. Nothing is
answered.
"""

from logsrv.linelog.intake.interfaces import InputFormat
from logsrv.linelog.ship.targets.target_plugin import Scheme, TargetPlugin

syslog = InputFormat(
    "syslog",
    "logsrv.linelog.formats.syslog.input:Syslog",
    "syslog over TCP, TLS, UDP and UNIX sockets, by either framing",
    joins=True,
)
syslog_target = TargetPlugin(
    name="syslog",
    reference="logsrv.linelog.formats.syslog.target:SyslogTarget",
    # RFC 6587 names no port, and 514 is usual. RFC 5425 section 4.1 names 6514.
    schemes={"syslog": Scheme(514), "syslog+tls": Scheme(6514, tls=True)},
    # They are passed over.
    parameters=None,
)
