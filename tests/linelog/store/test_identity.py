"""The identity of a store."""

import pytest
from twisted.logger import capturedLogs

from logsrv.kit.text.checksums import json_then_checksum
from logsrv.linelog.store.identity import Identity, load, load_and_repair, make_identity
from logsrv.linelog.store.segment import Position
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


async def test_a_store_has_one_identity_from_its_first_start_on(open_store, tmp_path):
    store = open_store()
    assert store.identity is not None and store.identity.began == (1, 0)
    await store.close()
    assert open_store().identity == store.identity
    assert open_store(directory=tmp_path / "other").identity != store.identity


def test_an_identity_that_makes_no_sense_is_told_and_no_other_made(open_store, tmp_path):
    (tmp_path / "store").write_text("{}\n")
    with capturedLogs() as events:
        assert open_store(directory=tmp_path).identity is None
    assert any("has no identity" in event["log_format"] for event in events)
    assert (tmp_path / "store").read_text() == "{}\n"


@pytest.mark.parametrize("name", ["ship/centre", "alerts/1"])
def test_a_store_that_has_shipped_gets_no_other_identity_where_its_own_is_gone(
    open_store, tmp_path, name
):
    """Targets would get all of its lines again, as those of a store that they do not know."""
    for folder in "ship", "alerts":
        (tmp_path / folder).mkdir()
    (tmp_path / "ship" / "centre.json").write_text("{}")
    (tmp_path / name).write_bytes(
        json_then_checksum({"store": "0a" * 16, "position": "1:0", "saved": ""})
    )
    with capturedLogs() as events:
        known = open_store(directory=tmp_path).identity
    shipped = name.startswith("ship/")
    said = [event["why"] for event in events if "has no identity" in event["log_format"]]
    assert [f"lines were shipped under the identity {'0a' * 16}" in why for why in said] == [
        True
    ] * shipped
    assert (known is None, (tmp_path / "store").exists()) == (shipped, not shipped)
