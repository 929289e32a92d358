"""RELP, the Reliable Event Logging Protocol of rsyslog: each message is acknowledged by its number.

Specification: https://github.com/rsyslog/librelp/blob/master/doc/relp.html. A message is answered when it
is safe.
"""

from logsrv.linelog.intake.interfaces import InputFormat

relp = InputFormat(
    "relp",
    "logsrv.linelog.formats.relp.input:Relp",
    "RELP, as rsyslog sends it: acknowledged",
)
