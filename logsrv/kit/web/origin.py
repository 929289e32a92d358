"""Requests that a page of another site has a browser send, by its Origin and Sec-Fetch-Site."""

from __future__ import annotations

from collections.abc import Callable

_PORTS = (":80", ":443")


def foreign(header: Callable[[bytes], bytes | None], *, link: bool = False) -> str | None:
    """Return why a request is one that a page of another site has sent, in a sentence; None if it is not.

    header: gives one of the request's by its name. link: it may be a link there that somebody followed.
    """
    site = header(b"Sec-Fetch-Site")
    if site in (b"cross-site", b"same-site") and not (
        link and header(b"Sec-Fetch-Mode") == b"navigate"
    ):
        return "this request comes from a page of another site"
    origin = header(b"Origin")
    if origin is not None and _place(origin.partition(b"://")[2]) != _place(header(b"Host") or b""):
        return "the Origin of this request is another site"
    return None


def _place(host: bytes) -> bytes:
    """Return the host and port of a header; a usual port goes without saying."""
    text = host.decode("latin-1").lower()
    for port in _PORTS:
        text = text.removesuffix(port)
    return text.encode("latin-1")
