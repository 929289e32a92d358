"""RELP, the Reliable Event Logging Protocol of rsyslog: each message is acknowledged by its number.

Specification: https://github.com/rsyslog/librelp/blob/master/doc/relp.html. A message is answered when it
is safe.
"""

from logsrv.linelog.intake.interfaces import InputFormat
from logsrv.linelog.ship.targets.target_plugin import Scheme, TargetPlugin

relp = InputFormat(
    "relp",
    "logsrv.linelog.formats.relp.input:Relp",
    "RELP, as rsyslog sends it: acknowledged",
)
# The parameters after the ? are passed over.
relp_target = TargetPlugin(
    name="relp",
    reference="logsrv.linelog.formats.relp.target:RelpTarget",
    schemes={"relp": Scheme(), "relp+tls": Scheme(tls=True)},
    parameters=None,
)
