"""Beginnings of connections that speak another protocol than lines: what to say about them (sans-IO).

Their bytes are stored as lines all the same: a log may begin with a line such as `GET / HTTP/1.1`.
"""

from __future__ import annotations

import re

_METHODS = rb"(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|TRACE|CONNECT|PRI)"
_PROXY_2 = b"\r\n\r\n\0\r\nQUIT\n"
_SENTENCES = (
    (
        re.compile(_METHODS + rb" [^ \r\n]+ HTTP/[0-9](?:\.[0-9])?\r?\n"),
        (
            "it speaks HTTP, which is stored as lines here: send it to an http listener; a health check"
            " should only connect"
        ),
    ),
    (
        re.compile(rb"PROXY (?:TCP[46]|UNKNOWN)[^\r\n]*\r?\n|" + re.escape(_PROXY_2)),
        (
            "it begins with a PROXY header, which is stored as a line here: listen with haproxy: before"
            " the endpoint, such as haproxy:tcp:1514"
        ),
    ),
    (
        re.compile(rb"[0-9]{1,9} open [0-9]{1,9} relp_version="),
        (
            "it speaks RELP, and waits for an answer, which this listener does not give: send it to a"
            " relp listener"
        ),
    ),
)
LONGEST = 1024
"""A beginning with more bytes is looked at no further."""


def sentence_about(beginning: bytes) -> str | None:
    """Return what to say about a connection; "" for nothing, None if its next bytes may tell."""
    beginning = beginning[:LONGEST]
    for pattern, sentence in _SENTENCES:
        if pattern.match(beginning):
            return sentence
    if _PROXY_2.startswith(beginning):
        return None
    usual = b"\n" in beginning or len(beginning) >= LONGEST or not beginning[:1].isalnum()
    return "" if usual else None
