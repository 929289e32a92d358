"""The `http` input: the server, whose routes are those of the formats over HTTP (`HttpFormat`).

A request is answered when its records are safe. A connection has one request at a time; large bodies are
parsed by plain functions, large ones in workers.
"""

from logsrv.kit.net.endpoint import Endpoint
from logsrv.kit.plugins import load_object
from logsrv.linelog.intake.interfaces import InputFormat
from logsrv.linelog.intake.options import OVER_HTTP, InputOptions


class HttpInput(InputFormat):
    """The plugin of the input; it does not listen while two formats take the same requests."""

    def check_settings(self, text: str, endpoint: Endpoint, options: InputOptions) -> None:
        load_object("logsrv.linelog.intake.over_http.installed_routes:require_distinct_paths")()


http = HttpInput(
    "http",
    "logsrv.linelog.intake.over_http.input:Http",
    "over HTTP, each format at its own paths:",
    options=OVER_HTTP,
)
