"""Copies elsewhere, as far as the store knows of them."""

from logsrv.linelog.erase.copies import copies_of_store
from logsrv.linelog.store import place
from logsrv.linelog.store.notes.archive_notes import save_archive_url
from logsrv.linelog.store.place import Place
from logsrv.linelog.store.segment import Position
from tests.parts.disks import at
from tests.parts.stores import line, make_store


def test_each_copy_has_a_sentence_with_what_to_do(tmp_path):
    store = make_store(tmp_path / "store", [[line("one")]])
    assert [one[:8] for one in copies_of_store(str(store), at(store))] == ["a backup"]
    for folder in ("ship", "alerts"):
        (store / folder).mkdir()
    ship = at(store / "ship")
    save_archive_url(ship, "cold", "s3://logs/archive?region=eu-central-1")
    for name, target in (
        ("cold", "s3://logs/archive"),
        ("lake", "lake+file:///srv/lake"),
        ("centre", "https://centre.example:6514"),
    ):
        kept = Place(Position(1, 0), "", "2026-11-20T06:00:00.000000Z", {"target": target})
        place.save(ship, name, kept)
    (store / "alerts" / "1.state").write_bytes(b"x")
    (store / "alerts" / "silences.json").write_bytes(b"x")
    (store / "erasing.away").mkdir()
    said = [*copies_of_store(str(store), at(store))]
    wanted = ["the archive", "the target centre", "the lake", "1 alert", "silences of alerts"]
    wanted += ["an erase in archives was interrupted", "a backup"]
    assert [one for one, head in zip(said, wanted, strict=True) if not one.startswith(head)] == []
    assert "https://centre.example:6514" in said[1] and "--everywhere" in said[0]


def test_groups_of_alerts_are_named_for_the_store_of_a_rule_too(tmp_path):
    """The alerts of the main store see its lines."""
    store = make_store(tmp_path / "s", [[line("x")]])
    (store / "stores").mkdir()
    audit = make_store(store / "stores" / "audit", [[line("x")]])
    (store / "alerts").mkdir()
    (store / "alerts" / "1.state").write_bytes(b"x")
    said = [*copies_of_store(str(audit), at(audit))]
    assert any(f"{store}/alerts/1.state" in one for one in said)
