"""Lumberjack, version 2: the protocol of Beats and Logstash, events in windows.

Each window is answered with the number of its last event, when it is safe.
"""

from logsrv.linelog.intake.interfaces import InputFormat
from logsrv.linelog.intake.options import BODIES

lumberjack = InputFormat(
    "lumberjack",
    "logsrv.linelog.formats.lumberjack.input:Lumberjack",
    "Beats and Logstash",
    options=BODIES,
)
