"""Frames behind the damage of a segment without an index are read again."""

import os
import tracemalloc
from collections.abc import Iterator
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path

import pytest
import zstandard

import logsrv.linelog.doctor.repair as repairing
from logsrv.linelog.doctor.repair import salvage_index
from logsrv.linelog.store.frames import compressor
from logsrv.linelog.store.index import segment_index as index
from logsrv.linelog.store.sealing import seal as sealing
from tests.parts.disks import text_of
from tests.parts.examined_stores import at, flip, found, kinds, packed_of
from tests.parts.stores import line, make_store

MAGIC = b"\x28\xb5\x2f\xfd"
# With a checksum, and eight bytes that say how much text there is.
HEAD = MAGIC + b"\xe4"


def frame(text: bytes) -> bytes:
    return compressor().compress(text)


def block(data: bytes) -> bytes:
    """The only block of a frame, which is not compressed."""
    return (len(data) << 3 | 1).to_bytes(3, "little") + data


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A segment of some hundred small frames, whose index is gone."""
    monkeypatch.setattr(sealing.text_pieces, "__defaults__", (1000,))
    text = [line(f"word{number} {'x' * 100}", number) for number in range(200)]
    store = make_store(tmp_path / "store", [text, [line("now", 1000)]])
    return store


def test_only_damaged_frames_stay_lost(store):
    [packed] = packed_of(store)
    whole = text_of(store)
    made = index.load(packed, at(store))
    hurt = made.frames[7]
    head = (store / packed.name).read_bytes()[hurt.at : hurt.at + 18]
    # The size of its first block: who walks by the heads of frames comes to its end there.
    flip(store / packed.name, hurt.at + zstandard.frame_header_size(head) + 2, 0x80)
    (store / packed.index).unlink()
    assert len(text_of(store, [])) < len(whole) // 2
    [one] = found(store)
    assert one.kind == "index" and one.remedy is not None
    assert kinds(found(store, repair=True)) == ["text"]
    told: list[str] = []
    text = text_of(store, told)
    assert text == whole[: hurt.text] + whole[made.frames[8].text :]
    assert len(told) == 1 and "is damaged at byte" in told[0]


def test_two_damaged_frames_in_a_row_leave_later_lines_at_their_places(store):
    """Readers have kept them: another place would send lines twice, or not at all."""
    [packed] = packed_of(store)
    made = index.load(packed, at(store))
    for frame in made.frames[7:9]:
        flip(store / packed.name, frame.at + 30)
    (store / packed.index).unlink()
    salvage_index(packed, at(store))
    found = index.load(packed, at(store))
    assert [(one.at, one.text) for one in found.frames] == [
        (one.at, one.text) for one in made.frames
    ]


def test_no_record_goes_on_over_a_damaged_frame(tmp_path, monkeypatch):
    """Another one may have begun there."""
    monkeypatch.setattr(sealing.text_pieces, "__defaults__", (1000,))
    lines = [line("ERROR failed"), *[line(f"\tat a.B.c(B.java:{number})") for number in range(99)]]
    store = make_store(tmp_path / "store", [lines, [line("now", 1000)]])
    [packed] = packed_of(store)
    made, text = index.load(packed, at(store)), b"".join(lines)
    texts = [text[one.text : after.text] for one, after in pairwise(made.frames)]
    flip(store / packed.name, made.frames[2].at + 30)
    (store / packed.index).unlink()
    salvage_index(packed, at(store))
    found = index.load(packed, at(store))
    for number in (0, 1):
        first_lines = made.first_lines_of_frame(number, texts[number])
        assert first_lines == found.first_lines_of_frame(number, texts[number]) != {}
    assert made.first_lines_of_frame(3, texts[3])
    assert not found.first_lines_of_frame(3, texts[3])


def test_a_frame_without_its_head_counts_for_nothing_where_nobody_has_a_place(store):
    """Places of lines behind it are others than they were: a reader would miss lines."""
    [packed] = packed_of(store)
    whole, made = text_of(store), index.load(packed, at(store))
    flip(store / packed.name, made.frames[7].at)
    (store / packed.index).unlink()
    with pytest.raises(
        ValueError,
        match="ship/centre has a saved position here, and the size of a damaged frame is unknown",
    ):
        salvage_index(packed, at(store), ["ship/centre"])
    assert not (store / packed.index).exists()
    salvage_index(packed, at(store))
    assert text_of(store, []) == whole[: made.frames[7].text] + whole[made.frames[8].text :]


def hostile() -> Iterator[tuple[str, bytes]]:
    """What somebody may have put behind a damaged frame, by what it does."""
    small = frame(b"small\n")
    claim = HEAD + (5 << 30).to_bytes(8, "little") + small[6:]
    yield "a head that claims gigabytes", claim
    yield "a skippable frame of 4 GiB", b"\x50\x2a\x4d\x18\xff\xff\xff\xff" + bytes(1000)
    yield "a dictionary", MAGIC + b"\xe7" + b"\x4d\0\0\0" + (1000).to_bytes(8, "little") + small[6:]
    yield "a window of 2 GiB", MAGIC + b"\xc4\xa8" + (1000).to_bytes(8, "little") + small[6:]
    claim = HEAD + (200 << 20).to_bytes(8, "little")
    yield "heads without blocks", claim * 4_000
    yield "blocks without an end", claim + bytes(100_000)
    yield "heads that lead to the same blocks", (claim + b"\0\0\0") * 5_000
    liar = HEAD + (1000).to_bytes(8, "little") + b"\x02\0\x10\0" * 4096 + b"\x03\0\x10\0" + bytes(4)
    yield "half a GiB in a frame of a KB", liar
    small_claim = HEAD + (1 << 20).to_bytes(8, "little")
    yield "heads that share their blocks", (small_claim + (13 << 3).to_bytes(3, "little")) * 3_000
    nested = small
    for _ in range(500):
        nested = HEAD + len(nested).to_bytes(8, "little") + block(nested) + bytes(4)
    yield "frames in frames", nested


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, _ in hostile()])
def test_bytes_made_to_harm_take_no_memory_and_little_work(store, name, monkeypatch):
    [packed] = packed_of(store)
    whole, made = text_of(store), index.load(packed, at(store))
    data = (store / packed.name).read_bytes()
    hurt = made.frames[8].at
    (store / packed.name).write_bytes(data[:hurt] + dict(hostile())[name] + data[hurt:])
    (store / packed.index).unlink()
    shared = name == "heads that share their blocks"
    reads = [0]
    read = os.pread

    def counted(fd: int, size: int, at: int) -> bytes:
        reads[0] += 1
        return read(fd, size, at)

    monkeypatch.setattr(os, "pread", counted)
    tracemalloc.start()
    try:
        # Too much work is refused.
        with pytest.raises(ValueError, match="too many places") if shared else nullcontext():
            salvage_index(packed, at(store))
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()
    assert reads[0] < 2 * max((store / packed.name).stat().st_size, repairing.MOST_READS)
    monkeypatch.undo()
    if not shared:
        assert text_of(store, []) == whole


def test_more_text_than_any_is_not_unpacked(store, monkeypatch):
    [packed] = packed_of(store)
    monkeypatch.setattr(repairing, "most_unpacked_bytes", lambda size: 5000)
    flip(store / packed.name, index.load(packed, at(store)).frames[7].at)
    (store / packed.index).unlink()
    with pytest.raises(ValueError, match="too many places"):
        salvage_index(packed, at(store))


@pytest.mark.slow
def test_a_tail_of_zeros_takes_no_memory(store):
    """As a power cut may leave it, or a copy that was given its room beforehand."""
    [packed] = packed_of(store)
    whole = text_of(store)
    with open(store / packed.name, "ab") as file:
        file.write(bytes(1000))
        file.truncate(1 << 30)
    (store / packed.index).unlink()
    tracemalloc.start()
    try:
        salvage_index(packed, at(store))
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()
    assert text_of(store, [])[: len(whole)] == whole
