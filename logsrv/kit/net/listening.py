"""The log line for a place where a service listens: its input, its protocol, its address."""

from __future__ import annotations

from twisted.logger import Logger

from logsrv.kit.net.endpoint import Endpoint

log = Logger()

LISTENING = "listening on {place}"
WEB = ("tcp", "tcp6", "ssl")


def listening_place_text(endpoint: Endpoint, address: str) -> str:
    """Return `tcp 0.0.0.0:514`, `tls [::]:6514`, `unix /run/log.sock`.

    address: as bound; "" if an endpoint type of another package has none: then its text is returned.
    """
    if endpoint.kind == "stdin":
        return "standard input"
    if not address:
        return str(endpoint)
    scheme = {"tcp6": "tcp", "ssl": "tls"}.get(endpoint.scheme, endpoint.scheme)
    return f"{'proxied ' if endpoint.proxied else ''}{scheme} {address}"


def url_or_place_text(endpoint: Endpoint, address: str, path: str) -> str:
    """Return `http://127.0.0.1:8080/`, or `listening_place_text` for an endpoint without a URL."""
    if endpoint.scheme not in WEB or endpoint.proxied:
        return listening_place_text(endpoint, address)
    return f"{'https' if endpoint.scheme == 'ssl' else 'http'}://{address}{path}"


def log_listening(sentence: str, endpoint: Endpoint, address: str) -> None:
    """Log that a service listens.

    sentence: with `{place}`, or with `{url}` and a path after it.
    """
    before, url, path = sentence.partition("{url}")
    if url:
        sentence = before + url_or_place_text(endpoint, address, path)
    else:
        sentence = sentence.replace("{place}", listening_place_text(endpoint, address))
    log.info("{sentence}", sentence=sentence, endpoint=str(endpoint), address=address)
