"""`syslog:`: counted syslog messages over TCP (RFC 6587) or TLS (RFC 5425), without acknowledgements."""

from logsrv.linelog.ship.target_plugin import Scheme, TargetPlugin

syslog = TargetPlugin(
    name="syslog",
    place="logsrv.linelog.ship.targets.syslog_target:SyslogTarget",
    # RFC 6587 names no port, and 514 is usual. RFC 5425 section 4.1 names 6514.
    schemes={"syslog": Scheme(514), "syslog+tls": Scheme(6514, tls=True)},
    # Those after the ? are passed over.
    parameters=None,
)
