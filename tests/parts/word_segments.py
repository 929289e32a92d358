"""Segments of 25,000 lines with many words, plain and sealed."""

import random
from pathlib import Path

from logsrv.linelog.store.seal import seal
from logsrv.linelog.store.segment import Form, Segment
from tests.parts.disks import at, stored

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
    path = directory / "0000000001-20261120T061842Z.log"
    path.write_bytes(text)
    (directory / "current.log").touch()
    return Segment(1, path.name, Form.PLAIN)


def sealed(directory: Path) -> None:
    seal(plain(directory), at(directory), with_words=False)
