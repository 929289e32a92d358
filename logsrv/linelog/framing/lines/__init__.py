"""Lines: bytes cut at LF or counted, bounded, with the time they name.

`LineFramer` is for authors of inputs.
"""

from logsrv.linelog.framing.lines.lines import LineFramer as LineFramer
