"""Lines over HTTP: `loki+https:`, `otlp+https:`, `es+https:` and `ndjson+https:`."""

from logsrv.linelog.ship.target_plugin import Scheme, ShipURL, TargetPlugin

_TARGETS = "logsrv.linelog.ship.targets.over_http_target"


class HttpTargetPlugin(TargetPlugin):
    """A target that gets requests. The parameters after the `?` of its URL are sent with each."""

    def advice_without_tls(self, url: ShipURL) -> str:
        return f"{url.scheme}s://, for {url.scheme}:// is for this machine only"


class _IndexPlugin(HttpTargetPlugin):
    def check_path(self, server: str, path: str) -> None:
        if not path.strip("/"):
            raise ValueError(f"names no index, such as {server}/logs-logsrv-default")


def _named(name: str, word: str, target: str, kind: type[TargetPlugin]) -> TargetPlugin:
    return kind(
        name=name,
        place=f"{_TARGETS}:{target}",
        schemes={f"{word}+http": Scheme(80), f"{word}+https": Scheme(443, tls=True)},
        parameters=None,
        exposes="lines and the token",
    )


loki = _named("loki", "loki", "LokiTarget", HttpTargetPlugin)
otlp = _named("otlp", "otlp", "OtlpTarget", HttpTargetPlugin)
elasticsearch = _named("elasticsearch", "es", "ElasticsearchTarget", _IndexPlugin)
ndjson = _named("ndjson", "ndjson", "NdjsonTarget", HttpTargetPlugin)
