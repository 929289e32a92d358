"""The `blocks` input of a centre: blocks of other stores over HTTP, each stored exactly once.

A block is answered when it is on the disk.
"""

from logsrv.errors import ConfigurationError
from logsrv.kit.net.endpoint import Endpoint
from logsrv.linelog.intake.interfaces import InputFormat
from logsrv.linelog.intake.options import OVER_HTTP, InputOptions
from logsrv.linelog.ship.targets.http_plugin import EXPOSES, HttpTargetPlugin
from logsrv.linelog.ship.targets.target_plugin import Scheme, TargetSettings


class BlocksFormat(InputFormat):
    """The plugin of an input that stores what comes unchanged: not anybody may send it."""

    def check_settings(self, text: str, endpoint: Endpoint, options: InputOptions) -> None:
        certificate = (
            endpoint.asks_for_certificates and endpoint.argument("clientcert") != "optional"
        )
        if (options.input_token, options.input_token_file) == (None, None) and not certificate:
            raise ConfigurationError(
                f"--listen {text} would take blocks of anybody: give --input-token-file FILE, or listen on"
                " ssl: with clientca=FILE"
            )


blocks = BlocksFormat(
    "blocks",
    "logsrv.linelog.formats.blocks.input:Blocks",
    "another logsrv that ships its store: --ship https://...",
    options=OVER_HTTP,
    stores_blocks=True,
)


class CentrePlugin(HttpTargetPlugin):
    """The plugin of a centre as a target, which reports its place and stores each block once."""

    def is_exposed(self, settings: TargetSettings) -> bool:
        # A changed block would have other times and sources of lines.
        return True


centre = CentrePlugin(
    name="centre",
    reference="logsrv.linelog.formats.blocks.target:CentreTarget",
    schemes={"http": Scheme(80), "https": Scheme(443, tls=True)},
    takes="blocks",
    path=".*/blocks",
    without_path="the path of a centre ends in /blocks; lines as JSON go by ndjson+{server}",
    parameters=None,
    exposes=EXPOSES,
)
