"""`logsrv ship`: how far targets are, and another identity."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from logsrv.cli.main import main
from logsrv.linelog.ship.ship_place import ShipPlace
from logsrv.linelog.ship.status import TargetState, save_state, save_target_names
from logsrv.linelog.store import identity
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.lock import DirectoryLock
from logsrv.linelog.store.notes.segment_notes import MissingText
from logsrv.linelog.store.place import PlaceFolder
from logsrv.linelog.store.segment import Position
from tests.parts.stores import line, make_store

STORE = "ab" * 16


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return make_store(tmp_path / "store", [[line("a")], [line("b")]])


def ship(store: Path, state: TargetState, offset: int = 0) -> ShipPlace:
    """Let the target `centre` be shipped to, by this process."""
    kept = ShipPlace(str(store), "centre", target="https://c:443", clock=lambda: 0)
    kept.save(STORE, Position(2, offset))
    save_target_names(kept.folder.disk, {"centre": 1})
    save_state(kept.folder.disk, "centre", state)
    assert kept.lock()
    return kept


def test_the_status_is_a_table_for_people(store, capsys):
    kept = ship(store, TargetState(up=True), offset=len(line("b")))
    assert main(["ship", "--status", str(store)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "target  up   place  behind   gone  missing there  last error",
        f"centre  yes  2:{len(line('b'))}   nothing  -     -",
    ]
    kept.close()


def test_a_target_that_takes_nothing_is_status_1_with_the_reason(store, capsys):
    why = "no route\x1b[31m\nto it"
    kept = ship(store, TargetState(False, "x", why, "2026-11-20T06:18:42.123456Z"))
    assert main(["ship", "--status", str(store)]) == 1
    said = capsys.readouterr().out
    assert "centre  no" in said and f"{len(line('b'))} bytes, 1 line, " in said
    assert "2026-11-20T06:18:42Z no route" in said
    assert "\x1b" not in said and said.count("\n") == 2
    kept.close()


def test_lines_that_are_missing_at_a_reader_are_shown_with_their_positions(store, capsys):
    missing = "1:0 to 1:9 at centre cccccccc; 2:0 to 2:7 at centre \x1b[31mdddd"
    kept = ship(store, TargetState(up=True, missing=missing))
    assert main(["ship", "--status", str(store)]) == 0
    said = capsys.readouterr().out
    assert "1:0 to 1:9 at centre cccccccc; 2:0 to 2:7 at centre " in said and "\x1b" not in said
    main(["ship", "--status", str(store), "--json"])
    assert json.loads(capsys.readouterr().out)[0]["missing"] == missing.split("; ")
    kept.close()


def test_what_no_process_ships_is_status_1(store, capsys):
    ship(store, TargetState(up=True)).close()
    assert main(["ship", "--status", str(store)]) == 1
    assert "not running" in capsys.readouterr().out


def test_a_new_identity_is_not_told_as_json(store, capsys):
    assert main(["ship", "--new-identity", str(store), "--json"]) == 2
    assert "--json needs --status" in capsys.readouterr().err


def test_the_status_is_json_for_programs(store, capsys):
    kept = ship(store, TargetState(up=True, since="s"))
    assert main(["ship", "--status", str(store), "--json"]) == 0
    [one] = json.loads(capsys.readouterr().out)
    assert one.pop("lag_seconds") > 0
    assert one == {
        "rule": "",
        "name": "centre",
        "target": "https://c:443",
        "wanted": True,
        "running": True,
        "up": True,
        "since": "s",
        "position": "2:0",
        "saved": "1970-01-01T00:00:00.000000Z",
        "lag_bytes": len(line("b")),
        "lag_lines": 1,
        "gap_bytes": 0,
        "gap_lines": 0,
        "missing": [],
        "error": None,
        "failed": None,
    }
    kept.close()


def rule_store(store: Path, lines: list[bytes]) -> Path:
    """Make the store of the rule `audit`, with an identity."""
    (store / "stores").mkdir()
    place = make_store(store / "stores" / "audit", [lines])
    with Disk().open_directory(place) as disk:
        identity.make_identity(disk, Position(1, 0), lambda size: b"y" * size)
    return place


def test_the_stores_of_rules_have_lines_of_their_own_in_the_status(store, capsys):
    place = rule_store(store, [line("a"), line("b")])
    main_place = ship(store, TargetState(up=True), offset=len(line("b")))
    kept = ShipPlace(str(place), "centre", target="https://c:443", clock=lambda: 0)
    kept.save("79" * 16, Position(1, len(line("a"))))
    save_target_names(kept.folder.disk, {"centre": 1})
    assert main(["ship", "--status", str(store)]) == 1, "nothing ships the store of the rule"
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("store         target")
    assert said[1].startswith(".             centre  yes")
    assert said[2].startswith("stores/audit  centre  not running  1:")
    assert "1 line" in said[2]
    save_state(kept.folder.disk, "centre", TargetState(up=True))
    assert kept.lock()
    assert main(["ship", "--status", str(store), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(one["rule"], one["lag_lines"]) for one in found] == [("", 0), ("audit", 1)]
    kept.close()
    main_place.close()


def test_the_store_of_a_removed_rule_without_lines_is_not_in_the_status(store, capsys):
    """No server opens it, so nothing runs; and nothing waits."""
    place = rule_store(store, [])
    with closing(PlaceFolder(str(place), "ship")) as folder:
        save_target_names(folder.disk, {"centre": 1})
    kept = ship(store, TargetState(up=True))
    assert main(["ship", "--status", str(store)]) == 0
    assert "audit" not in capsys.readouterr().out
    kept.close()


def test_a_new_identity_is_for_the_stores_of_rules_too(store, capsys):
    """A target refuses the copy of each of them."""
    place = rule_store(store, [line("a")])
    assert main(["ship", "--new-identity", str(store)]) == 0
    said = capsys.readouterr().out
    with Disk().open_directory(place) as disk:
        after = identity.load(disk)
    assert after is not None and after.store != "79" * 16
    assert f"{store} is store " in said and f"{place} is store {after.store} from 1:" in said


def test_no_identity_changes_if_one_of_the_stores_is_in_use(store, capsys):
    place = rule_store(store, [line("a")])
    with Disk().open_directory(place) as disk:
        lock = DirectoryLock(disk)
        assert main(["ship", "--new-identity", str(store)]) == 1
        lock.release()
    assert not (store / "store").exists()
    assert str(place) in capsys.readouterr().err


def test_a_store_without_targets_is_status_1(store, capsys):
    assert main(["ship", "--status", str(store)]) == 1
    assert "nothing was ever shipped from" in capsys.readouterr().err
    assert main(["ship", "--status", str(store), "--json"]) == 1
    assert capsys.readouterr().out == "[]\n"


def test_status_or_new_identity_is_required(capsys):
    assert main(["ship"]) == 2
    assert "--status" in capsys.readouterr().err


def test_another_identity_begins_at_the_end(store, capsys):
    disk = Disk().open_directory(store)
    before = identity.make_identity(disk, Position(1, 0), lambda size: b"x" * size)
    assert main(["ship", "--new-identity", str(store)]) == 0
    after = identity.load(disk)
    disk.close()
    assert after is not None and after.store != before.store
    assert after.began == Position(2, len(line("b")))
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"{store} is store {after.store} from {after.began} on"
    assert said[1].startswith("nothing was ever shipped of 2 lines (")
    assert "stay in this store" in said[2] and "--resend" in said[2]


def test_what_no_target_has_of_the_old_identity_is_said_and_can_be_sent(store, capsys):
    """Each target goes on at its place; the one that is behind most tells where a new one begins."""
    ship(store, TargetState(up=True)).close()
    assert main(["ship", "--new-identity", str(store)]) == 0
    assert "centre lacks 1 line (" in capsys.readouterr().out
    assert main(["ship", "--new-identity", str(store), "--resend"]) == 0
    said = capsys.readouterr().out
    assert "centre lacks 1 line (" in said and "has these twice" in said
    disk = Disk().open_directory(store)
    after = identity.load(disk)
    disk.close()
    assert after is not None and after.began == Position(2, 0)
    kept = ShipPlace(str(store), "centre", target="https://c:443", clock=lambda: 0)
    assert kept.load(after.store, Position(9, 0)) == Position(2, 0) and kept.new
    kept.close()


def test_resend_goes_with_a_new_identity(store, capsys):
    assert main(["ship", "--status", str(store), "--resend"]) == 2
    assert "--resend needs --new-identity" in capsys.readouterr().err


def test_what_was_removed_before_it_was_sent_is_shown(store, capsys):
    kept = ship(store, TargetState(up=True))
    kept.gone = MissingText(1234567, 8901)
    kept.save(STORE, Position(2, 0))
    assert main(["ship", "--status", str(store)]) == 0
    assert "1,234,567 bytes, 8,901 lines" in capsys.readouterr().out
    kept.close()


def test_a_store_that_a_server_has_keeps_its_identity(store, capsys):
    disk = Disk().open_directory(store)
    lock = DirectoryLock(disk)
    assert main(["ship", "--new-identity", str(store)]) == 1
    assert "is in use by process" in capsys.readouterr().err
    assert identity.load(disk) is None
    lock.release()
    disk.close()


def test_a_store_whose_server_was_killed_is_still_known_as_such(store):
    """The next start has to begin a new segment."""
    (store / "lock").write_text("77\n")
    assert main(["ship", "--new-identity", str(store)]) == 0
    disk = Disk().open_directory(store)
    lock = DirectoryLock(disk)
    assert lock.left_by
    lock.release()
    disk.close()
