"""Lines, ended by LF or CR LF, over streams and in datagrams: what `nc` and most programs send.

Nothing is answered, except Telnet commands. The framer is `linelog/lines/framer.py`, the connection
`linelog/intake/line_receiver.py`: other inputs are made of them too.
"""

from logsrv.linelog.intake.interfaces import InputFormat

lines = InputFormat(
    "lines",
    "logsrv.linelog.formats.lines.input:Lines",
    "lines that end with LF or CR LF; taken without a word",
    joins=True,
)
