"""Inputs of lines: `lines` and `syslog`.

`LineReceiver` and `LineDatagrams` are for authors of inputs.
"""

from logsrv.linelog.inputs.lines.lines import LineDatagrams as LineDatagrams
from logsrv.linelog.inputs.lines.lines import LineReceiver as LineReceiver
