"""The records of Python's `SocketHandler` and `DatagramHandler`: pickles, read as data only.

Nothing in a pickle is called, and nothing is answered.
"""

from logsrv.linelog.intake.interfaces import InputFormat
from logsrv.linelog.intake.options import BODIES

python = InputFormat(
    "python",
    "logsrv.linelog.formats.python.input:Python",
    "the SocketHandler of Python's logging; nothing is unpickled",
    options=BODIES,
)
