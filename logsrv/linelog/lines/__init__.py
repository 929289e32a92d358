"""Lines from bytes in any pieces: split, limited in length, cleaned; and records, made of lines (no I/O).

`LineFramer` is for authors of inputs.
"""

from logsrv.linelog.lines.framer import LineFramer as LineFramer
