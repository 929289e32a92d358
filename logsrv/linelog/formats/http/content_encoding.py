"""Bodies of HTTP requests by their Content-Encoding, unpacked piece by piece (sans-IO)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from logsrv.linelog.lines.bodies import RequestRefused
from logsrv.linelog.lines.inflated import (
    Buffer,
    TooLargeError,
    UnpackingError,
    in_pieces,
    inflate_pieces,
    limited_pieces,
    unpack_zstd_pieces,
)

Body = Sequence[Buffer]


def coding_to_undo(header: bytes | None, own: str = "") -> str:
    """Return the name of a body's Content-Encoding; "" if it needs no unpacking here.

    own: a coding that the parser of the body undoes itself.
    Raises RequestRefused (415) for an unknown one.
    """
    name = (header or b"").strip().lower().decode("latin-1")
    if name in ("", "identity", own):
        return ""
    if name not in _WAYS:
        raise RequestRefused(415, "the Content-Encoding has to be gzip, zstd or deflate, or none")
    return name


def unpacked_pieces(body: Body, how: str, most: int) -> Iterator[Buffer]:
    """Yield the content of a packed body in pieces of at most 256 KiB; other bodies unchanged.

    how: of `coding_to_undo`. Raises RequestRefused: 413 as soon as there are more than `most` bytes,
    400 if the body is damaged.
    """
    if not how:
        yield from body
        return
    try:
        for piece in limited_pieces(_WAYS[how](body), most):
            yield from in_pieces(piece)
    except TooLargeError:
        raise body_too_large(most) from None
    except UnpackingError as error:
        sentence = f"the body is not what its Content-Encoding says: {error}"
        raise RequestRefused(400, sentence, reason="unpacking") from None


def body_too_large(most: int) -> RequestRefused:
    """Return the refusal of a body with more than `most` bytes."""
    return RequestRefused(413, f"the body has more than {most} bytes, the limit of --max-body")


def _unpack_deflate(body: Body) -> Iterator[bytes]:
    """Yield the content of a `deflate` body: with a zlib header (RFC 1950), or without any header."""
    first = b"".join(body[:2])[:2]
    has_header = len(first) == 2 and first[0] & 15 == 8 and int.from_bytes(first, "big") % 31 == 0
    return inflate_pieces(body, bare=not has_header)


_WAYS: dict[str, Callable[[Body], Iterator[bytes]]] = {
    "gzip": inflate_pieces,
    "x-gzip": inflate_pieces,
    "deflate": _unpack_deflate,
    "zstd": lambda body: unpack_zstd_pieces(b"".join(body)),
}
