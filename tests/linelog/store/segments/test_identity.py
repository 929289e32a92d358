"""The identity of a store."""

import pytest

from logsrv.linelog.store.segments.identity import Identity, load, load_and_repair, make_identity
from logsrv.linelog.store.segments.segment import Position
from tests.parts.disks import FaultyDisk, at

ID = "000102030405060708090a0b0c0d0e0f"


def test_the_identity_of_a_store_is_one_line_of_json(tmp_path):
    disk = FaultyDisk().open_directory(tmp_path)
    assert load(disk) is None
    made = make_identity(disk, Position(7, 0), lambda size: bytes(range(size)))
    assert (tmp_path / "store").read_text() == (
        f'{{"store":"{ID}","began":"7:0","crc":"9627e176"}}\n'
    )
    assert load(disk) == made == Identity(ID, Position(7, 0))
    assert disk.calls[-3:] == ["fdatasync", "rename", "sync_directory"]


@pytest.mark.parametrize("bit", [3, 300, 600])
def test_a_changed_bit_of_the_identity_is_corrected(tmp_path, bit):
    disk = at(tmp_path)
    made = make_identity(disk, Position(7, 0), lambda size: bytes(range(size)))
    whole = (tmp_path / "store").read_bytes()
    data = bytearray(whole)
    data[bit // 8] ^= 1 << bit % 8
    (tmp_path / "store").write_bytes(data)
    assert load_and_repair(disk) == made
    assert (tmp_path / "store").read_bytes() == whole
    data[-3] ^= 1
    (tmp_path / "store").write_bytes(data)
    with pytest.raises(ValueError, match="holds no identity"):
        load_and_repair(disk)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "7", '{"store":"","began":"1:0"}', f'{{"store":"{ID}"}}', "[" * 2000]
    + [f'{{"store":"{ID}","began":{began}}}' for began in ("7", '"x"', "null")]
    + [f'{{"store":{store},"began":"1:0"}}' for store in ("7", f'"{ID.upper()}"', f'"{ID}0"')],
)
def test_an_invalid_identity_is_one_sentence(tmp_path, text):
    (tmp_path / "store").write_text(text)
    with pytest.raises(ValueError, match="holds no identity of a store"):
        load(at(tmp_path))
