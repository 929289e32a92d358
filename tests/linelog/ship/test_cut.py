"""Cutting blocks: all of the text, as it stands where that is possible, and never more than is taken."""

import os
import random
import zlib
from pathlib import Path

import attrs
import pytest
import zstandard
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from logsrv.linelog.read.texts import PackedFrames
from logsrv.linelog.read.view import View
from logsrv.linelog.ship.cut import PIECE, BlockCutter, BlockLimits, CutBlock
from logsrv.linelog.ship.store_positions import combine_crcs
from logsrv.linelog.store.packed_block import LARGEST, LARGEST_TEXT, PackedBlock
from logsrv.linelog.store.segment import Position
from tests.parts.examples import more
from tests.parts.indexes import as_before
from tests.parts.ship_targets import text_of
from tests.parts.stores import line, make_store

STORE = "ab" * 16
BEGIN = Position(1, 0)


@attrs.define
class Cutting:
    """A cutter of a store, what it told and refused."""

    directory: Path
    told: list[str] = attrs.field(factory=list)
    refused: list[bytes] = attrs.field(factory=list)
    view: View = attrs.Factory(
        lambda self: View(str(self.directory), self.told.append), takes_self=True
    )
    cutter: BlockCutter = attrs.Factory(
        lambda self: BlockCutter(self.view, STORE, self.refused.append), takes_self=True
    )

    def all(self, begin: Position = BEGIN, limit: int = LARGEST) -> list[CutBlock]:
        """All blocks from a place on."""
        self.cutter.move_to(begin)
        found: list[CutBlock] = []
        while cut := self.cutter.cut_block(
            found[-1].block.end if found else None, BlockLimits(limit, limit)
        ):
            found.append(cut)
        self.cutter.close()
        return found


def big(number: int, count: int = 20_000) -> list[bytes]:
    """Lines that take more than one frame."""
    dice = random.Random(number)
    return [line(f"{number} {n} {dice.random()}", n / 100) for n in range(count)]


def texts(cuts: list[CutBlock]) -> list[bytes]:
    return [text_of(cut.block) for cut in cuts]


def frames_of(block: PackedBlock) -> list[bytes]:
    found, left = [], block.packed
    while left:
        one = zstandard.ZstdDecompressor().decompressobj()
        one.decompress(left)
        found.append(left[: len(left) - len(one.unused_data)])
        left = one.unused_data
    return found


@pytest.mark.slow
def test_frames_leave_as_they_stand(tmp_path):
    segments = [big(1, 60_000), big(2), [line("now")]]
    directory = make_store(tmp_path / "logs", segments)
    cuts = Cutting(directory).all()
    assert b"".join(texts(cuts)) == b"".join(map(b"".join, segments))
    for number, path in enumerate(sorted(directory.glob("*.zst")), 1):
        blocks = [cut.block for cut in cuts if cut.block.start.segment == number]
        assert b"".join(block.packed for block in blocks) == path.read_bytes()
    assert [cut.lines for cut in cuts if cut.block.start.segment == 2] == [20_000]
    assert all(len(cut.block.packed) <= LARGEST for cut in cuts)
    # One that is full is followed at once; the last one is not.
    assert [cut.more for cut in cuts] == [True] * (len(cuts) - 1) + [False]


@pytest.mark.slow
def test_frames_leave_by_their_sums_unless_the_index_has_none(tmp_path, monkeypatch):
    segments = [[*big(1, 60_000), line("no end")[:-1]], [line("now")]]
    directory = make_store(tmp_path / "logs", segments)
    expected = Cutting(directory).all()
    unpacked: list[int] = []
    whole = PackedFrames.read_packed_and_text

    def counted(frames: PackedFrames, frame: int, wanted: int) -> tuple[bytes, bytes]:
        unpacked.append(frame)
        return whole(frames, frame, wanted)

    monkeypatch.setattr(PackedFrames, "read_packed_and_text", counted)
    assert Cutting(directory).all() == expected
    # Only the last, to see what of it are whole lines.
    frames = {max(unpacked)}
    assert set(unpacked) == frames
    made = next(directory.glob("*.idx"))
    with_sums = made.read_bytes()
    made.write_bytes(as_before(with_sums, 3))
    assert Cutting(directory).all() == expected
    assert set(unpacked) == {*range(max(frames) + 1)}
    made.unlink()
    assert texts(Cutting(directory).all()) == texts(expected)


def test_a_plain_segment_is_compressed_for_the_block(tmp_path):
    segments = [big(1), big(2), big(3)]
    cuts = Cutting(make_store(tmp_path / "logs", segments, packed=0)).all()
    assert texts(cuts) == [b"".join(lines) for lines in segments]
    for frame in frames_of(cuts[0].block):
        parameters = zstandard.get_frame_parameters(frame)
        assert parameters.has_checksum and parameters.content_size <= 1 << 20


def test_the_rest_of_a_frame_is_compressed_anew(tmp_path):
    lines = big(1, 60_000)
    directory = make_store(tmp_path / "logs", [lines, []])
    text = b"".join(lines)
    place = len(lines[0]) + len(lines[1])
    cuts = Cutting(directory).all(Position(1, place))
    assert b"".join(texts(cuts)) == text[place:]
    packed = next(directory.glob("*.zst")).read_bytes()
    assert packed.endswith(cuts[1].block.packed)
    assert not cuts[0].block.gap


@pytest.mark.slow
def test_a_block_has_at_most_8_mib_of_text(tmp_path):
    lines = [line("x" * 1000, n / 1000) for n in range(20_000)]
    for packed in (0, 1):
        cuts = Cutting(make_store(tmp_path / str(packed), [lines, []], packed=packed)).all()
        assert b"".join(texts(cuts)) == b"".join(lines)
        assert max(cut.block.text_size for cut in cuts) <= LARGEST_TEXT
        assert len(cuts) == 3


@pytest.mark.slow
@pytest.mark.parametrize("packed", [0, 1])
def test_a_damaged_frame_is_passed_over_and_told(tmp_path, packed):
    lines = big(1, 60_000)
    directory = make_store(tmp_path / "logs", [lines, [line("behind")]])
    path = next(directory.glob("*.zst"))
    data = bytearray(path.read_bytes())
    # The first frame, or one further on.
    data[100 if packed == 0 else len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    cutting = Cutting(directory)
    cuts = cutting.all()
    whole = b"".join(lines) + line("behind")
    missing = len(whole) - len(b"".join(texts(cuts)))
    (gap,) = [cut.block.gap for cut in cuts if cut.block.gap]
    assert 900_000 < missing == int(gap)
    assert len(cutting.told) == 1 and "is damaged" in cutting.told[0]


def test_a_segment_that_is_gone_is_a_gap_of_unknown_size(tmp_path):
    directory = make_store(tmp_path / "logs", [[line("a")], [line("b")], [line("c")]])
    next(directory.glob("0000000002-*.zst")).unlink()
    cuts = Cutting(directory).all()
    assert texts(cuts) == [line("a"), line("c")]
    assert [cut.block.gap for cut in cuts] == ["", "unknown"]
    assert cuts[1].block.after == cuts[0].block.end


def test_a_line_without_its_end_does_not_leave_a_sealed_segment(tmp_path):
    for packed in (0, 1):
        segments = [[line("a"), line("b")[:-1]], [line("c")]]
        cutting = Cutting(make_store(tmp_path / str(packed), segments, packed=packed))
        cuts = cutting.all()
        assert texts(cuts) == [line("a"), line("c")]
        assert [cut.block.gap for cut in cuts] == ["", str(len(line("b")) - 1)]
        assert "unfinished line" in cutting.told[0]


def test_a_file_that_was_cut_ends_earlier(tmp_path):
    directory = make_store(tmp_path / "logs", [[line("a"), line("b")]])
    cutting = Cutting(directory)
    assert len(cutting.all()) == 1
    os.truncate(directory / "current.log", len(line("a")))
    assert not cutting.all(Position(1, len(line("a"))))
    assert not cutting.all(Position(1, len(line("ab"))))


@pytest.mark.slow
@more(2.4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.lists(st.sampled_from([1, 10, 100, 1000, 5000]), min_size=1, max_size=40),
    packed=st.integers(0, 2),
    limit=st.sampled_from([200, 700, 3000, LARGEST]),
    begin=st.integers(0, 5),
)
def test_any_lines_survive_being_cut_into_blocks_of_any_size(
    tmp_path_factory, sizes, packed, limit, begin
):
    """Blocks are as small as is asked for; a line that is too large alone is refused, and nothing else."""
    dice = random.Random(1)
    lines = [line(dice.randbytes(size // 2).hex(), n) for n, size in enumerate(sizes)]
    half = len(lines) // 2
    segments = [lines[:half], lines[half:], [line("z")]] if half else [lines, [line("z")]]
    directory = make_store(tmp_path_factory.mktemp("store") / "logs", segments, packed=packed)
    first = b"".join(segments[0])
    starts = [len(b"".join(segments[0][:n])) for n in range(len(segments[0]))]
    place = starts[min(begin, len(starts) - 1)]
    cutting = Cutting(directory)
    cuts = cutting.all(Position(1, place), limit)
    whole = [first, *map(b"".join, segments[1:])]
    at, seen = place, []
    for cut in cuts:
        block, text = cut.block, text_of(cut.block)
        assert len(block.packed) <= limit and text.count(b"\n") == cut.lines
        start = len(b"".join(whole[: block.start.segment - 1])) + block.start.offset
        assert text == b"".join(whole)[start : start + block.text_size]
        assert block.gap == (str(start - at) if start > at else "")
        seen.append(text)
        at = start + block.text_size
    there = b"".join(seen)
    wanted = b"".join(whole)[place:]
    assert len(there) + sum(map(len, cutting.refused)) == len(wanted)
    for one in cutting.refused:
        assert one not in there and len(zstandard.compress(one)) > limit - 20


def test_nothing_leaves_that_came_after_the_sync(tmp_path):
    """A power cut might take it, and other lines its place."""
    # The second does not fit into what is read at a time, and has to be read on.
    first, second, third = line(os.urandom(200).hex()), line("b" * (PIECE * 3 // 2)), line("c")
    cutting = Cutting(make_store(tmp_path / "logs", [[first, second]]))
    one = len(zstandard.compress(first)) + 10
    cutting.cutter.move_to(BEGIN)
    found = [cutting.cutter.cut_block(None, BlockLimits(one, one))]
    with (cutting.directory / "current.log").open("ab") as file:
        file.write(third)
    while (cut := found[-1]) is not None:
        found.append(cutting.cutter.cut_block(cut.block.end, BlockLimits(one, one)))
    cutting.cutter.close()
    assert [text_of(cut.block) for cut in found if cut is not None][:2] == [first, second]


@given(st.binary(), st.binary())
def test_a_checksum_of_two_texts_is_that_of_both_together(first, second):
    assert combine_crcs(zlib.crc32(first), zlib.crc32(second), len(second)) == zlib.crc32(
        first + second
    )


@given(st.binary(max_size=40), st.integers(1, 1 << 20), st.integers(0, 255))
def test_a_checksum_of_large_texts_is_that_of_both_together(first, size, byte):
    second = bytes([byte]) * size
    assert combine_crcs(zlib.crc32(first), zlib.crc32(second), size) == zlib.crc32(first + second)
