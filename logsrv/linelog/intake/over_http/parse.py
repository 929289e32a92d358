"""Parse a whole body: it is unpacked, and a format makes its records, or it is lines (sans-IO)."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from http import HTTPStatus

from logsrv.linelog.lines.bodies import (
    BodyRules,
    Records,
    Reply,
    RequestRefused,
    accepted_reply,
    body_too_large,
    nothing_found,
    records_too_large,
)
from logsrv.linelog.lines.inflated import (
    TooLargeError,
    UnpackingError,
    inflate_pieces,
    unpack,
    unpack_zstd_pieces,
)

# Bytes in the store for the time and the source of a line; most senders have an address of IPv4.
_STAMP = 50


def coding_to_undo(header: str | None, own: str = "") -> str:
    """Return the name of a body's Content-Encoding; "" if it needs no unpacking here.

    own: a coding that the parser of the body undoes itself.
    Raises RequestRefused (415) for an unknown one.
    """
    name = (header or "").strip().lower()
    if name in ("", "identity", own):
        return ""
    if name not in _WAYS:
        raise RequestRefused(415, "the Content-Encoding has to be gzip, zstd or deflate, or none")
    return name


def parse_body(body: bytes, rules: BodyRules, records: Records) -> Reply:
    """Unpack a body, and add its records by the functions of its route, `rules.take` and `rules.count`.

    Raises RequestRefused, with the number of records if it can be known.
    """
    if rules.coding:
        body = unpacked_body(body, rules)
    rules.check_unpacked(len(body))
    assert rules.take is not None
    try:
        reply = rules.take(body, rules, records)
    except RequestRefused as refusal:
        if refusal.records is None:
            # Free the values of the body, which the frames of the traceback hold: they are parsed again.
            refusal.__traceback__ = None
            refusal.records = _count_refused(refusal, body, rules, records)
        raise
    return _add_text_lines(body, rules, records) if reply is None else reply


def unpacked_body(body: bytes, rules: BodyRules) -> bytes:
    """Return the content of a packed body.

    Raises RequestRefused: 413 as soon as there are more than `rules.max_body` bytes, 400 if it is damaged.
    """
    try:
        return unpack(_WAYS[rules.coding](body), rules.max_body, rules.check_unpacked)
    except TooLargeError:
        raise body_too_large(rules.max_body) from None
    except UnpackingError as error:
        sentence = f"the body is not what its Content-Encoding says: {error}"
        raise RequestRefused(400, sentence, reason="unpacking") from None


def _unpack_deflate(body: bytes) -> Iterator[bytes]:
    """Yield the content of a `deflate` body: with a zlib header (RFC 1950), or without any header."""
    first = body[:2]
    has_header = len(first) == 2 and first[0] & 15 == 8 and int.from_bytes(first, "big") % 31 == 0
    return inflate_pieces(body, bare=not has_header)


_WAYS: dict[str, Callable[[bytes], Iterator[bytes]]] = {
    "gzip": inflate_pieces,
    "x-gzip": inflate_pieces,
    "deflate": _unpack_deflate,
    "zstd": unpack_zstd_pieces,
}


def _add_text_lines(body: bytes, rules: BodyRules, records: Records) -> Reply:
    """Add a body that is lines, empty ones too."""
    if not body.removeprefix(BOM_UTF8):
        raise nothing_found("the body has no line")
    number = body.count(b"\n") + (not body.endswith(b"\n"))
    # An empty line of a packed body takes less than a byte as it was sent, and fifty in the store.
    if rules.coding and len(body) + number * _STAMP > rules.max_made:
        what = "lines, with the time and the source of each,"
        raise records_too_large(rules.max_made, what, number)
    records.add_text_lines(body, number)
    return accepted_reply(number)


def _count_refused(refusal: RequestRefused, body: bytes, rules: BodyRules, records: Records) -> int:
    """Return how many records a refused body has. Behind a fault (400) no more can be found."""
    if refusal.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and rules.count:
        try:
            number = rules.count(body, rules)
        except RequestRefused:
            # It is invalid as well, or even too large to look at.
            pass
        else:
            return number
    return records.count_if_refused_here
