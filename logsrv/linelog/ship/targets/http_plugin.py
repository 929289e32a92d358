"""The plugins of targets over HTTP; the parameters after the `?` of a URL are sent with each request."""

from logsrv.linelog.ship.targets.target_plugin import Scheme, ShipURL, TargetPlugin

EXPOSES = "lines and the token"


class HttpTargetPlugin(TargetPlugin):
    """A target that gets requests."""

    def advice_without_tls(self, url: ShipURL) -> str:
        return f"{url.scheme}s://, for {url.scheme}:// is for this machine only"


def posting_plugin(
    name: str, word: str, reference: str, *, path: str = ".*", without_path: str = ""
) -> TargetPlugin:
    """Return the plugin of a `PostingTarget`. word: what stands before `+http` in its schemes."""
    return HttpTargetPlugin(
        name=name,
        reference=reference,
        schemes={f"{word}+http": Scheme(80), f"{word}+https": Scheme(443, tls=True)},
        path=path,
        without_path=without_path,
        parameters=None,
        exposes=EXPOSES,
    )
