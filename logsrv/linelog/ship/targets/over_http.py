"""Over HTTP: lines by `loki+https:`, `otlp+https:`, `es+https:` and `ndjson+https:`; blocks by `https:`."""

from logsrv.linelog.ship.target_plugin import Scheme, ShipURL, TargetPlugin, TargetSettings

_TARGETS = "logsrv.linelog.ship.targets"
_EXPOSES = "lines and the token"


class HttpTargetPlugin(TargetPlugin):
    """A target that gets requests. The parameters after the `?` of its URL are sent with each."""

    def advice_without_tls(self, url: ShipURL) -> str:
        return f"{url.scheme}s://, for {url.scheme}:// is for this machine only"


class CentrePlugin(HttpTargetPlugin):
    """The plugin of a centre, which reports its place and stores each block once."""

    def is_exposed(self, settings: TargetSettings) -> bool:
        # A changed block would have other times and sources of lines.
        return True


def _named(
    name: str, word: str, target: str, path: str = ".*", without_path: str = ""
) -> TargetPlugin:
    return HttpTargetPlugin(
        name=name,
        place=f"{_TARGETS}.over_http_target:{target}",
        schemes={f"{word}+http": Scheme(80), f"{word}+https": Scheme(443, tls=True)},
        path=path,
        without_path=without_path,
        parameters=None,
        exposes=_EXPOSES,
    )


loki = _named("loki", "loki", "LokiTarget")
otlp = _named("otlp", "otlp", "OtlpTarget")
elasticsearch = _named(
    "elasticsearch",
    "es",
    "ElasticsearchTarget",
    path="/*(?!_bulk/*$)[^/].*",
    without_path="names no index, such as {server}/logs-logsrv-default",
)
ndjson = _named("ndjson", "ndjson", "NdjsonTarget")
centre = CentrePlugin(
    name="centre",
    place=f"{_TARGETS}.centre_target:CentreTarget",
    schemes={"http": Scheme(80), "https": Scheme(443, tls=True)},
    takes="blocks",
    path=".*/blocks",
    without_path="the path of a centre ends in /blocks; lines as JSON go by ndjson+{server}",
    parameters=None,
    exposes=_EXPOSES,
)
