"""`relp:`: syslog messages, each acknowledged; by rsyslog's imrelp, or our own input."""

from logsrv.linelog.ship.target_plugin import Scheme, TargetPlugin

relp = TargetPlugin(
    name="relp",
    place="logsrv.linelog.ship.targets.relp_target:RelpTarget",
    schemes={"relp": Scheme(), "relp+tls": Scheme(tls=True)},
    # Those after the ? are passed over.
    parameters=None,
)
