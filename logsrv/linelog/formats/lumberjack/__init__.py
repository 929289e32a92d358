"""Lumberjack, version 2: the protocol of Beats and Logstash, events in windows.

Each window is answered with the number of its last event, when it is safe.
"""

from logsrv.linelog.intake.interfaces import InputPlugin
from logsrv.linelog.intake.options import BODIES

lumberjack = InputPlugin(
    "lumberjack", "logsrv.linelog.formats.lumberjack.input:Lumberjack", options=BODIES
)
