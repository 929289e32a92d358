"""Whatever is damaged, all else is found after a repair, and nothing is removed."""

import shutil
import tempfile
from pathlib import Path
from typing import TypeAlias
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.doctor.doctor_command import DoctorRun
from logsrv.linelog.store.index import segment_index as index
from logsrv.linelog.store.index.segment_index import Index
from logsrv.linelog.store.sealing import seal as sealing
from tests.parts.disks import text_of
from tests.parts.examined_stores import at, examination, packed_of
from tests.parts.stores import line, make_store

pytestmark = pytest.mark.slow

SECTOR = 512
LINES = 3000
HOW = st.sampled_from(["flipped", "zeroed", "cut", "of another", "twice", "renamed"])
# Some of `Segment.files`: the text, its index, its words.
WHICH = st.sampled_from([(0,), (1,), (2,), (1, 2)])
DAMAGE = st.tuples(HOW, WHICH, st.floats(0, 1, exclude_max=True))
Damage: TypeAlias = tuple[str, tuple[int, ...], float]


def sealed(directory: Path) -> Path:
    """A store of three segments with some frames each, and word indexes."""
    texts = [
        [line(f"word{LINES * count + at} {at * 7919:x} {'x' * 60}", count) for at in range(LINES)]
        for count in range(3)
    ]
    with patch.object(sealing.text_pieces, "__defaults__", (1 << 16,)):
        return make_store(directory, [*texts, [line("now", 1000)]])


def hurt(path: Path, other: Path, how: str, place: float) -> None:
    """Damage a file as disks and people do."""
    data = bytearray(path.read_bytes())
    start = int(place * len(data))
    if not data:
        return
    if how == "flipped":
        data[start] ^= 1 << start % 8
    elif how == "zeroed":
        start -= start % SECTOR
        data[start : start + SECTOR] = bytes(len(data[start : start + SECTOR]))
    elif how == "cut":
        del data[start:]
    elif how == "of another":
        data[:] = other.read_bytes()
    elif how == "twice":
        shutil.copy(path, path.with_name(path.name.replace("-2026", "-2020")))
    else:
        path.rename(path.with_name(path.name + ".old"))
        return
    path.write_bytes(data)


def lost(made: Index, before: bytes, after: bytes) -> set[int]:
    """The numbers of the lines in frames that are not what they were."""
    ends = [*(frame.lines for frame in made.frames[1:]), made.lines]
    extents = [made.packed_extent(number) for number in range(len(made.frames))]
    return {
        number
        for frame, end, (start, size) in zip(made.frames, ends, extents, strict=True)
        if before[start : start + size] != after[start : start + size]
        for number in range(frame.lines, end)
    }


@given(st.tuples(DAMAGE, DAMAGE, DAMAGE))
def test_a_search_finds_all_lines_that_are_not_damaged(damages):
    """A segment is damaged in its text, or in what stands beside that."""
    with tempfile.TemporaryDirectory() as directory:
        store = sealed(Path(directory) / "store")
        segments, lines = packed_of(store), text_of(store).splitlines()
        wanted = set(lines)
        for number, (how, which, place) in enumerate(damages):
            one = segments[number]
            if which == (0,) and how in ("of another", "renamed"):
                # All of it, or nothing, would be left.
                continue
            made, before = index.load(one, at(store)), (store / one.name).read_bytes()
            for what in which:
                other = segments[number - 1].files[what]
                if (store / one.files[what]).exists() and (store / other).exists():
                    hurt(store / one.files[what], store / other, how, place)
            for each in lost(made, before, (store / one.name).read_bytes()):
                wanted.discard(lines[LINES * number + each])
        there = [path.read_bytes() for path in store.iterdir() if path.is_file()]
        DoctorRun(examination(store), repair=True).examine_and_repair()
        assert wanted <= set(text_of(store, []).splitlines())
        kept = {path.read_bytes() for path in store.iterdir() if path.is_file()}
        assert all(data in kept for data in there)
        second = DoctorRun(examination(store), repair=True)
        second.examine_and_repair()
        assert second.repaired == []
