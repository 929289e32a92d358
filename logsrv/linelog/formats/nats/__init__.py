"""The `nats` input of a centre: blocks of other stores, fetched from a stream of NATS JetStream.

The client of NATS here serves the target `nats:` too.
"""

from logsrv.kit.net.endpoint import Endpoint
from logsrv.linelog.formats.nats.place import parse_stream_source, without_files
from logsrv.linelog.intake.interfaces import InputFormat
from logsrv.linelog.intake.options import OVER_HTTP


class NatsFormat(InputFormat):
    """The plugin of an input that listens nowhere: its endpoint names servers and a stream."""

    def parse_endpoint(self, text: str) -> Endpoint:
        parse_stream_source(text)
        return Endpoint(text, "fetched")

    def label(self, text: str, endpoint: Endpoint) -> str:
        return without_files(text)


nats = NatsFormat(
    "nats",
    "logsrv.linelog.formats.nats.input:Nats",
    "lines are fetched from NATS JetStream, instead of listening",
    options=OVER_HTTP,
)
