"""Segments of 25,000 lines with many words, plain and sealed."""

import random
from pathlib import Path

from logsrv.linelog.store.segment import Segment
from tests.parts.disks import packed_segment, plain_segment, stored

DRAW = random.Random(4)
LINES = [
    b"request %032x of user %d from 10.1.%d.%d took %d ms"
    % (
        DRAW.getrandbits(128),
        DRAW.randrange(9**6),
        *DRAW.choices(range(256), k=2),
        DRAW.randrange(999),
    )
    for _ in range(25_000)
]


TEXT = stored(*LINES)


def plain(directory: Path, text: bytes = TEXT) -> Segment:
    (directory / "current.log").touch()
    return plain_segment(directory, text)


def sealed(directory: Path, *, with_words: bool = False) -> Segment:
    (directory / "current.log").touch()
    return packed_segment(directory, TEXT, with_words=with_words)
