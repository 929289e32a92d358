"""`https:`: blocks over HTTP to a centre, which reports its place and stores each block once."""

from logsrv.linelog.ship.target_plugin import Scheme, TargetSettings
from logsrv.linelog.ship.targets.over_http import HttpTargetPlugin

BLOCKS = "/blocks"
"""The end of every URL path that accepts blocks over HTTP."""


class CentrePlugin(HttpTargetPlugin):
    """The plugin of a centre."""

    def check_path(self, server: str, path: str) -> None:
        if not path.endswith(BLOCKS):
            word = server.partition(":")[0]
            raise ValueError(
                f"the path of a centre ends in {BLOCKS}; lines as JSON go by ndjson+{word}://…"
            )

    def is_exposed(self, settings: TargetSettings) -> bool:
        # A changed block would have other times and sources of lines.
        return True


centre = CentrePlugin(
    name="centre",
    place="logsrv.linelog.ship.targets.centre_target:CentreTarget",
    schemes={"http": Scheme(80), "https": Scheme(443, tls=True)},
    takes="blocks",
    parameters=None,
    exposes="lines and the token",
)
