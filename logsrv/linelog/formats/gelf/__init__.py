"""GELF, the format of Graylog: a JSON object for each message.

A message ends with NUL on a stream, and may come in chunks in datagrams. Specification:
https://go2docs.graylog.org/current/getting_in_log_data/gelf.html. Nothing is answered.
"""

from logsrv.linelog.intake.interfaces import InputFormat
from logsrv.linelog.intake.options import BODIES

gelf = InputFormat(
    "gelf",
    "logsrv.linelog.formats.gelf.input:Gelf",
    "GELF, of Docker and Graylog's libraries",
    options=BODIES,
)
