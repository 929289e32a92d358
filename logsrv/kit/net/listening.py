"""The line in the log for a place where a service listens: for what, by which protocol, where."""

from __future__ import annotations

from twisted.logger import Logger

from logsrv.kit.net.endpoint import Endpoint

log = Logger()

LISTENING = "listening on {place}"
WEB = ("tcp", "tcp6", "ssl")


def place_text(endpoint: Endpoint, address: str) -> str:
    """Return `tcp 0.0.0.0:514`, `tls [::]:6514`, `unix /run/log.sock`.

    address: as it is bound; "" where an endpoint of another package has none, whose text it is then.
    """
    if endpoint.kind == "stdin":
        return "standard input"
    if not address:
        return str(endpoint)
    scheme = {"tcp6": "tcp", "ssl": "tls"}.get(endpoint.scheme, endpoint.scheme)
    return f"{'proxied ' if endpoint.proxied else ''}{scheme} {address}"


def url_text(endpoint: Endpoint, address: str, path: str) -> str:
    """Return `http://127.0.0.1:8080/`, or the place of what has no URL."""
    if endpoint.scheme not in WEB or endpoint.proxied:
        return place_text(endpoint, address)
    return f"{'https' if endpoint.scheme == 'ssl' else 'http'}://{address}{path}"


def log_listening(sentence: str, endpoint: Endpoint, address: str) -> None:
    """Log that a place is taken.

    sentence: with `{place}`, or with `{url}` and the path behind it.
    """
    before, url, path = sentence.partition("{url}")
    if url:
        sentence = before + url_text(endpoint, address, path)
    else:
        sentence = sentence.replace("{place}", place_text(endpoint, address))
    log.info("{sentence}", sentence=sentence, endpoint=str(endpoint), address=address)
