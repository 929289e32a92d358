"""Compressed data, unpacked up to a limit: what would become more is refused on the way (sans-IO)."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from mmap import mmap
from typing import Any, TypeAlias

Buffer: TypeAlias = bytes | bytearray | memoryview
# Unpacked at a time, so that a bomb is noticed before it has gone off.
_PIECE = 256 << 10
# A block of Zstandard is 128 KiB at most and takes 4 bytes at least: so much becomes 8 MiB at most.
_PIECE_OF_ZSTD = 256
# Decoders should have 8 MiB (RFC 8878 section 3.1.1.1.2): a frame that wants more memory is refused.
_WINDOW = 8 << 20
# For zlib: the header says whether it is gzip (RFC 1952) or zlib (RFC 1950).
_EITHER = zlib.MAX_WBITS | 32
_BARE = -zlib.MAX_WBITS
# Parts without content, one behind the other: nobody else has a turn while 1 MB of them is read, for 0.5 s.
_MOST_EMPTY = 1000


class UnpackingError(Exception):
    """Data that cannot be unpacked, or that would become too much; says which."""


class TooLargeError(UnpackingError):
    """Data that would become too much."""


def inflated(data: bytes, most: int) -> bytes:
    """Return what is in gzip or zlib data, of any number of members.

    Raises UnpackingError, and TooLargeError (one of them) for more than `most` bytes.
    """
    return b"".join(bounded(inflating(in_pieces(data)), most))


def bounded(pieces: Iterable[bytes], most: int) -> Iterator[bytes]:
    """Yield pieces of unpacked data. Raises TooLargeError before there are more than `most` bytes."""
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > most:
            raise TooLargeError(f"it would be more than {most} bytes unpacked")
        yield piece


def in_pieces(data: Buffer) -> Iterator[memoryview]:
    """Give data in pieces, not copied: zlib copies each time what it has not taken yet."""
    view = memoryview(data)
    return (view[at : at + _PIECE] for at in range(0, len(view), _PIECE))


def inflating(body: Iterable[Buffer], *, bare: bool = False) -> Iterator[bytes]:
    """Yield what is in gzip or zlib data, cut anywhere, in pieces of at most 256 KiB.

    bare: it is deflate without a header. Raises UnpackingError.
    """
    inflater = None
    empty = 0
    for data in body:
        while data:
            if inflater is None or inflater.eof:
                inflater = zlib.decompressobj(_BARE if bare else _EITHER)
                empty = _one_more(empty)
            piece = _inflate(inflater, data)
            if piece:
                empty = 0
                yield piece
            data = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
    while inflater is not None and not inflater.eof:
        # Bytes that zlib holds back when the room was used up exactly.
        piece = _inflate(inflater, b"")
        if not piece:
            raise UnpackingError("its compressed data has no end")
        yield piece


def _one_more(empty: int) -> int:
    """Return the number of parts without content, if the next is one too. Raises UnpackingError."""
    if empty > _MOST_EMPTY:
        raise UnpackingError(f"more than {_MOST_EMPTY} parts of its compressed data are empty")
    return empty + 1


def _inflate(inflater: Any, data: Buffer) -> bytes:
    try:
        return bytes(inflater.decompress(data, _PIECE))
    except zlib.error as error:
        raise UnpackingError("it is neither gzip nor zlib") from error


def out_of_zstd(data: Buffer | mmap) -> Iterator[bytes]:
    """Yield what is in Zstandard data, mapped or not, in pieces of at most 8 MiB.

    Raises UnpackingError.
    """
    import zstandard

    decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
    unfinished = False
    at = empty = 0
    try:
        while at < len(data):
            # Frame by frame: a stream of several would not say that the last one has no end.
            frame = decompressor.decompressobj(write_size=_PIECE)
            unfinished = True
            empty = _one_more(empty)
            while at < len(data) and not frame.eof:
                part = data[at : at + _PIECE_OF_ZSTD]
                at += len(part)
                piece = frame.decompress(part)
                if frame.eof:
                    at -= len(frame.unused_data)
                    unfinished = False
                if piece:
                    empty = 0
                    yield piece
    except zstandard.ZstdError as error:
        raise UnpackingError("it is not Zstandard, or wants too much memory") from error
    if unfinished:
        raise UnpackingError("its compressed data has no end")
