"""Lines that are erased in a copy, and not in the store: found by their offsets."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from logsrv.linelog.fields.erased_line import erased_line
from logsrv.linelog.store.frames import unpack_frames
from logsrv.linelog.store.sealing.erased_elsewhere import erased_offsets, lines_to_erase
from logsrv.linelog.store.segment import Segment
from tests.parts.archived_stores import packed, sealed_store
from tests.parts.disks import at


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return sealed_store(tmp_path / "store", 1, 20_000)


def frames_of(segment: Segment, store: Path) -> Iterator[bytes]:
    for text, _ in unpack_frames(segment, at(store)):
        yield text


def test_each_erased_line_in_any_frame_is_found(store):
    [one] = packed(store)
    texts = [*frames_of(one, store)]
    assert len(texts) > 1 and not [*erased_offsets(texts)]
    lines = b"".join(texts).split(b"\n")[:-1]
    rows = (0, 1, 700, len(lines) - 1)
    starts = [sum(len(line) + 1 for line in lines[:row]) for row in rows]
    copy, at_offset = [], 0
    for text in texts:
        made = text
        for row, start in zip(rows, starts, strict=True):
            if at_offset <= start < at_offset + len(text):
                made = made.replace(lines[row] + b"\n", erased_line(lines[row]) + b"\n", 1)
        copy.append(made)
        at_offset += len(text)
    assert [*erased_offsets(copy)] == starts
    found = lines_to_erase(erased_offsets(copy), one, at(store))
    assert found == [
        (start, start + len(lines[row]) + 1) for row, start in zip(rows, starts, strict=True)
    ]


def test_a_line_without_a_stamp_and_one_without_a_message_are_found():
    texts = [erased_line(b"no stamp here") + b"\n", b"kept\n", erased_line(b"x") + b"\n"]
    assert [*erased_offsets([b"".join(texts)])] == [0, 19]


def test_offsets_inside_lines_belong_to_another_text(store):
    [one] = packed(store)
    with pytest.raises(ValueError, match="no line begins at byte 5"):
        lines_to_erase([5], one, at(store))
