"""Places as a far side names them: told apart from those of another store."""

import zlib
from pathlib import Path

import pytest

from logsrv.linelog.ship.store_positions import crc_between, may_begin_line, position_for_ship_from
from logsrv.linelog.store.segment import Position
from tests.parts.stores import line, make_store, view_of

SEGMENTS = [[line(f"{segment} {n}", n) for n in range(100)] for segment in range(4)]
SIZES = [sum(map(len, lines)) for lines in SEGMENTS]
LINE = len(SEGMENTS[0][0])


@pytest.fixture(params=[0, 1, 3])
def directory(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return make_store(tmp_path / "logs", SEGMENTS, packed=request.param)


@pytest.mark.parametrize("segment", [1, 2, 4])
def test_the_crc_of_text_between_two_places(directory, segment):
    text = b"".join(SEGMENTS[segment - 1])
    with view_of(directory) as view:

        def crc(start: int, end: int) -> int | None:
            return crc_between(view, Position(segment, start), Position(segment, end))

        assert crc(0, len(text)) == zlib.crc32(text)
        assert crc(LINE, 3 * LINE) == zlib.crc32(text[LINE : 3 * LINE])
        # Within a line it is that of something else.
        assert crc(LINE + 1, 3 * LINE) != zlib.crc32(text[LINE + 1 : 3 * LINE])
        assert crc(LINE, 3 * LINE + 1) != zlib.crc32(text[LINE : 3 * LINE + 1])
        # The far side has more of it: another store's.
        assert crc(LINE, len(text) + 9) == zlib.crc32(text[LINE:])
        assert crc_between(view, Position(7, 0), Position(7, 9)) is None


def test_a_damaged_frame_neither_confirms_nor_denies_a_place(tmp_path):
    directory = make_store(tmp_path / "logs", SEGMENTS)
    path = next(directory.glob("0000000001-*.zst"))
    data = bytearray(path.read_bytes())
    data[-2] ^= 1
    path.write_bytes(data)
    with view_of(directory) as view:
        assert crc_between(view, Position(1, 0), Position(1, LINE)) is None
        assert may_begin_line(view, Position(1, LINE + 1))


@pytest.mark.slow
def test_begins_line_finds_the_beginning_of_each_line(directory):
    with view_of(directory) as view:
        for segment in (1, 4):
            found = [
                at for at in range(SIZES[0] + 2) if may_begin_line(view, Position(segment, at))
            ]
            starts = [sum(map(len, SEGMENTS[segment - 1][:n])) for n in range(101)]
            assert found == [*starts, SIZES[0] + 1]
        assert may_begin_line(view, Position(9, 3))


@pytest.mark.parametrize(
    ("ship_from", "place"),
    [
        ("beginning", Position(1, 0)),
        ("end", Position(4, 50)),
        ("2:0", Position(2, 0)),
        ("2:1", Position(2, LINE)),
        (f"1:{SIZES[0] - 1}", Position(1, SIZES[0])),
        ("4:51", Position(4, 50)),
        ("9:0", Position(4, 50)),
    ],
)
def test_begin_at_resolves_ship_from(directory, ship_from, place):
    with view_of(directory) as view:
        assert position_for_ship_from(view, ship_from, Position(4, 50)) == place


def test_begin_at_keeps_a_removed_place_and_refuses_other_text(directory):
    with view_of(directory) as view:
        for path in directory.glob("0000000001-*"):
            path.unlink()
        assert position_for_ship_from(view, "1:7", Position(4, 0)) == Position(1, 7)
        assert position_for_ship_from(view, "beginning", Position(4, 0)) == Position(2, 0)
        with pytest.raises(ValueError, match="is not a position"):
            position_for_ship_from(view, "middle", Position(4, 0))
