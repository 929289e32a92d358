"""Framers of lines: split bytes at LF or by counts, limit the length of lines, read their times.

`LineFramer` is for authors of inputs.
"""

from logsrv.linelog.framing.lines.lines import LineFramer as LineFramer
