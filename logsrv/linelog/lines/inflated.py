"""Unpack compressed data up to a limit; larger data is refused while it is unpacked (sans-IO)."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from mmap import mmap
from typing import Any, TypeAlias

import zstandard

Buffer: TypeAlias = bytes | bytearray | memoryview
# Bytes unpacked at a time, so that a decompression bomb is noticed early.
_PIECE = 256 << 10
# Packed bytes given to Zstandard at a time. A block has at least 4 bytes and becomes at most 128 KiB, so
# these become at most 8 MiB.
_PIECE_OF_ZSTD = 256
# Decoders should offer a window of 8 MiB (RFC 8878 section 3.1.1.1.2): a frame that wants more is refused.
_WINDOW = 8 << 20
# For zlib: detect gzip (RFC 1952) or zlib (RFC 1950) by the header; or expect no header.
_EITHER = zlib.MAX_WBITS | 32
_BARE = -zlib.MAX_WBITS
# Data with more consecutive empty members is refused: 1 MB of them takes 0.5 s, in which no other peer has
# a turn.
_MOST_EMPTY = 1000


class UnpackingError(Exception):
    """Data that cannot be unpacked, or would be too large; `str()` says why."""


class TooLargeError(UnpackingError):
    """Data that would be too large unpacked."""


def unpack(
    pieces: Iterable[bytes], most: int, check: Callable[[int], object] = lambda size: None
) -> bytes:
    """Return the unpacked data. pieces: of one of the functions below. check: gets the size so far.

    Raises UnpackingError; its subclass TooLargeError as soon as there are more than `most` bytes.
    """
    found: list[bytes] = []
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > most:
            raise TooLargeError(f"it would be more than {most} bytes unpacked")
        check(size)
        found.append(piece)
    return b"".join(found)


def inflate_pieces(packed: Buffer, *, bare: bool = False) -> Iterator[bytes]:
    """Unpack gzip or zlib data of any number of members; yield pieces of at most 256 KiB.

    bare: whether the data is deflate without a header. Raises UnpackingError.
    """
    inflater = None
    empty = 0
    view = memoryview(packed)
    for at in range(0, len(view), _PIECE):
        # Each call of zlib copies the input that it did not use, so it gets little.
        data: Buffer = view[at : at + _PIECE]
        while data:
            if inflater is None or inflater.eof:
                inflater = zlib.decompressobj(_BARE if bare else _EITHER)
                empty = _count_empty_member(empty)
            piece = _inflate_piece(inflater, data)
            if piece:
                empty = 0
                yield piece
            data = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
    while inflater is not None and not inflater.eof:
        # zlib holds bytes back if the previous piece was exactly full.
        piece = _inflate_piece(inflater, b"")
        if not piece:
            raise UnpackingError("its compressed data has no end")
        yield piece


def _count_empty_member(empty: int) -> int:
    """Count a member, as empty until it yields data. Raises UnpackingError after too many."""
    if empty > _MOST_EMPTY:
        raise UnpackingError(f"more than {_MOST_EMPTY} parts of its compressed data are empty")
    return empty + 1


def _inflate_piece(inflater: Any, data: Buffer) -> bytes:
    try:
        return bytes(inflater.decompress(data, _PIECE))
    except zlib.error as error:
        raise UnpackingError("it is neither gzip nor zlib") from error


def unpack_zstd_pieces(data: Buffer | mmap) -> Iterator[bytes]:
    """Unpack Zstandard data; yield pieces of at most 8 MiB. Raises UnpackingError."""
    decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
    unfinished = False
    at = empty = 0
    try:
        while at < len(data):
            # Frame by frame: the reader of several would not notice that the last one has no end.
            frame = decompressor.decompressobj(write_size=_PIECE)
            unfinished = True
            empty = _count_empty_member(empty)
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
