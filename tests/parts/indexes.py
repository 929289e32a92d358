"""Indexes of segments: damaged, senseless, of earlier versions."""

import json
import zlib

SENSELESS = [
    b'{"segment":1,"text":Infinity,"compressed":1,"lines":1,"frames":[]}',
    b'{"segment":1,"text":1,"compressed":1,"lines":1,"frames":[[0,-Infinity,0,null,null]]}',
    b'{"segment":1,"text":NaN,"compressed":1,"lines":1,"frames":[]}',
    b'{"segment":1,"text":1,"compressed":1,"lines":1,"frames":[[0,0,0,7,null]]}',
    b'{"segment":1,"text":1,"compressed":1,"lines":1,"frames":[[0,0,0,null,["x"]]]}',
    b"[" * 100_000,
    b'{"segment":' * 100_000,
]


def flipped(data: bytes, bit: int) -> bytes:
    """The data with one bit changed."""
    return data[: bit // 8] + bytes([data[bit // 8] ^ 1 << bit % 8]) + data[bit // 8 + 1 :]


def as_before(data: bytes, version: int) -> bytes:
    """An index without continuation lines, as it was in some versions: the third has no sums, the second
    no levels.
    """
    head, frames, levels, _, sums = data.split(b"\n", 4)
    body = b"%b\n%b\n" % (frames, levels) if version > 2 else frames + b"\n"
    if version == 5:
        body += sums
    old = json.loads(head[:-9]) | {"format": version, "size": len(body), "crc": zlib.crc32(body)}
    if version == 2:
        del old["rules"]
    text = json.dumps(old, separators=(",", ":")).encode()
    return b"%b %08x\n%b" % (text, zlib.crc32(text), body)
