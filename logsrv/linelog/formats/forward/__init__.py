"""Forward, the protocol of Fluentd and Fluent Bit: events in MessagePack.

Specification: https://github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1.5. A message with an
option `chunk` is answered with its `ack` when it is safe.
"""

from logsrv.linelog.intake.interfaces import InputFormat
from logsrv.linelog.intake.options import BODIES

forward = InputFormat(
    "forward",
    "logsrv.linelog.formats.forward.input:Forward",
    "Fluentd and Fluent Bit",
    options=("shared_key", *BODIES),
)
