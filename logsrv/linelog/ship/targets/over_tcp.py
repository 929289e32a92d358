"""Syslog messages over TCP or TLS: `relp:`, each acknowledged, or `syslog:` without acknowledgements.

`relp:` is for rsyslog's imrelp, or our own input; `syslog:` counts the bytes of each message, as RFC 6587
and RFC 5425 say.
"""

from logsrv.linelog.ship.target_plugin import Scheme, TargetPlugin

_TARGETS = "logsrv.linelog.ship.targets"

# The parameters after the ? are passed over.
relp = TargetPlugin(
    name="relp",
    place=f"{_TARGETS}.relp_target:RelpTarget",
    schemes={"relp": Scheme(), "relp+tls": Scheme(tls=True)},
    parameters=None,
)
syslog = TargetPlugin(
    name="syslog",
    place=f"{_TARGETS}.syslog_target:SyslogTarget",
    # RFC 6587 names no port, and 514 is usual. RFC 5425 section 4.1 names 6514.
    schemes={"syslog": Scheme(514), "syslog+tls": Scheme(6514, tls=True)},
    parameters=None,
)
