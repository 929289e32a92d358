"""The `nats` input of a centre: blocks of other stores, fetched from a stream of NATS JetStream.

The client of NATS here serves the target `nats:` too.
"""

from logsrv.linelog.intake.interfaces import InputFormat
from logsrv.linelog.intake.options import OVER_HTTP

nats = InputFormat(
    "nats",
    "logsrv.linelog.formats.nats.input:Nats",
    "lines are fetched from NATS JetStream, instead of listening",
    options=OVER_HTTP,
)
