"""The Zstandard frames of a compressed text: made, found without an index, and unpacked.

They are found by the heads of frames and blocks (RFC 8878, section 3.1.1) without unpacking anything: 256
MiB of text take a few milliseconds. A frame is invalid here if it has more text than `LARGEST`, text of
unknown size, a large window or a dictionary: no frame of a segment has these.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import zstandard

from logsrv.descriptor import Descriptor
from logsrv.kit.text.words import fault_text
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.segment import Segment

MAGIC = b"\x28\xb5\x2f\xfd"
LARGEST = 256 << 20
"""The most bytes of text in a frame. Most have about 1 MiB; only a longer line makes a larger one."""
LARGEST_PACKED = LARGEST + (LARGEST >> 7)
"""The most bytes of a frame in the file; text that cannot be compressed grows a little."""
MOST_FRAMES = 1 << 18
"""The most frames of a segment: each has half a MiB of text or more."""
LONGEST_HEAD = 18
"""The bytes of the longest head of a frame."""
_WINDOW = 8 << 20
_BLOCK_HEAD, _BLOCK = 3, 128 << 10
_RLE, _RESERVED = 1, 3
_CHECKSUM = 4
# Level 3 with smaller tables and no matches below six bytes takes 10 to 20 % less CPU time for logs, at the
# same size.
_PARAMETERS = zstandard.ZstdCompressionParameters.from_level(
    3, chain_log=15, hash_log=17, min_match=6, write_checksum=True, write_content_size=True
)
# 25 % less CPU time than _PARAMETERS; frames are 1 to 4 % larger.
_QUICK = zstandard.ZstdCompressionParameters.from_level(
    1, hash_log=15, write_checksum=True, write_content_size=True
)


def text_size_in_head(data: bytes) -> int | None:
    """Return the bytes of text in the frame at the beginning of `data`; None if its head is invalid."""
    if not data.startswith(MAGIC):
        return None
    try:
        found = zstandard.get_frame_parameters(data)
    except (zstandard.ZstdError, ValueError):
        return None
    if not 0 < found.content_size <= LARGEST or found.dict_id or found.window_size > _WINDOW:
        return None
    return found.content_size


def frame_sizes_at(read: Callable[[int, int], bytes], at: int, end: int) -> tuple[int, int] | None:
    """Return the size in bytes of the frame at offset `at`, and of its text; None if it is invalid.

    read: returns bytes of the file, by offset and size. end: the size of the file.
    """
    head = read(at, LONGEST_HEAD)
    text = text_size_in_head(head)
    if text is None:
        return None
    offset, last = at + zstandard.frame_header_size(head), False
    while not last:
        block = read(offset, _BLOCK_HEAD)
        bits = int.from_bytes(block, "little")
        last, kind, size = bool(bits & 1), bits >> 1 & 3, bits >> 3
        wrong = len(block) < _BLOCK_HEAD or kind == _RESERVED or size > _BLOCK
        if wrong or offset - at > LARGEST_PACKED:
            return None
        offset += _BLOCK_HEAD + (1 if kind == _RLE else size)
    offset += _CHECKSUM if zstandard.get_frame_parameters(head).has_checksum else 0
    return (offset - at, text) if offset <= end else None


def compressor() -> zstandard.ZstdCompressor:
    """Return a compressor that makes a frame of each piece of text."""
    return zstandard.ZstdCompressor(compression_params=_PARAMETERS)


def quick_compressor() -> zstandard.ZstdCompressor:
    """Return a faster compressor, for text that is compressed again when it is sealed."""
    return zstandard.ZstdCompressor(compression_params=_QUICK)


def unpack_frames(packed: Segment, disk: Disk) -> Iterator[tuple[bytes, bytes]]:
    """Yield the text of each frame, and the packed frame; uses no index.

    Raises OSError, and ValueError at the first damaged frame.
    """
    with Descriptor(disk.open(packed.name, os.O_RDONLY)) as fd:
        yield from unpack_frames_of(fd)


def unpack_frames_of(fd: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield the same of an open file. Raises OSError, and ValueError at the first damaged frame."""
    at, count, end = 0, 0, os.fstat(fd).st_size
    while at < end:
        found = frame_sizes_at(lambda at, size: os.pread(fd, size, at), at, end)
        count += 1
        if found is None or count > MOST_FRAMES:
            raise ValueError(f"no whole frame begins at byte {at:,}, where frame {count} should")
        frame = os.pread(fd, found[0], at)
        yield unpack_frame(frame, found[1]), frame
        at += found[0]


def unpack_frame(frame: bytes, size: int) -> bytes:
    """Unpack a frame to `size` bytes of text, using no more memory. Raises ValueError if it is damaged."""
    try:
        if not 0 < size <= LARGEST or zstandard.frame_content_size(frame) != size:
            raise ValueError("a frame has another size than it should")
        return zstandard.ZstdDecompressor().decompress(frame, max_output_size=size)
    except zstandard.ZstdError as error:
        raise ValueError(fault_text(error)) from error
