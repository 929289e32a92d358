"""The witness of tests that kill: how much text a store has had."""

from tests.end_to_end.ship_killed import Witness


def test_an_active_segment_that_is_given_its_second_name_is_counted_once(tmp_path):
    store = tmp_path / "logs"
    store.mkdir()
    active = store / "current.log"
    active.write_bytes(b"x" * 100)
    witness = Witness(store, tmp_path / "kept")
    assert witness.size() == 100
    (store / "0000000001-20260102T030405000000Z.log").hardlink_to(active)
    witness.start()
    assert witness.text() == b"x" * 200, "the daemon renames another over it before it ends"
    assert witness.size() == 100
    active.unlink()
    active.write_bytes(b"y" * 7)
    assert witness.size() == 107
