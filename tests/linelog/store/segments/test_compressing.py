"""Frames of text: each can be read alone, and says its size and whether it is whole."""

import zstandard

from logsrv.linelog.store.segments.compressing import compressor


def test_a_frame_has_its_size_and_a_checksum():
    text = b"2026-11-20T06:00:00.000000Z x hello\n" * 1000
    frame = compressor().compress(text)
    parameters = zstandard.get_frame_parameters(frame)
    assert parameters.content_size == len(text) and parameters.has_checksum
    assert zstandard.ZstdDecompressor().decompress(frame) == text
    assert len(frame) < len(text) / 50
