"""What a start makes of the identity of a store that is damaged, or gone."""

import pytest
from twisted.logger import capturedLogs

from logsrv.kit.text.checked_json import json_then_checksum


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
    assert [f"lines were shipped as those of store {'0a' * 16}" in why for why in said] == [
        True
    ] * shipped
    assert (known is None, (tmp_path / "store").exists()) == (shipped, not shipped)
