"""`logsrv doctor`: what it says, and its exit status."""

import os
from pathlib import Path

import pytest

from logsrv.kit.text.checksums import line_with_checksum
from logsrv.linelog.columns import layout
from logsrv.linelog.fields.level_names import FIELD_RULES, RULES
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.identity import Identity, identity_text
from logsrv.linelog.store.index import indexing, segment_index
from logsrv.linelog.store.lock import locked
from logsrv.linelog.store.place import Place, save
from logsrv.linelog.store.segment import Position, Segment, number_of_store, number_text
from tests.parts.commands import HOSTILE, logsrv
from tests.parts.disks import at
from tests.parts.examined_stores import STORE, flip, packed_of, small_store
from tests.parts.made_columns import make_columns
from tests.parts.stores import line, make_store
from tests.parts.word_segments import sealed


def identify(store: Path, digits: str) -> None:
    """Give a store an identity."""
    (store / "store").write_bytes(identity_text(Identity(digits, Position(1, 0))))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return small_store(tmp_path / "store")


def test_a_whole_store_is_one_line_and_status_0(store):
    shown = logsrv("doctor", str(store))
    size = (store / "current.log").stat().st_size
    assert shown.stdout.decode() == f"{store}: 5 segments, 25 lines, up to 5:{size}: sound\n"
    assert (shown.returncode, shown.stderr) == (0, b"")
    assert logsrv("doctor", "--quick", str(store)).returncode == 0


def test_damage_is_said_with_what_to_do(store):
    first, second, _ = packed_of(store)
    flip(store / first.name, 30)
    flip(store / second.index, 30)
    shown = logsrv("doctor", str(store))
    assert shown.returncode == 1
    lines = shown.stdout.decode().splitlines()
    why = "5 lines, damaged frames at byte 0, from 2026-11-20T06:00:00.000000Z to "
    assert lines[0].startswith(f"lost: {first.name}: lines cannot be read: {why}")
    assert lines[1].startswith("    Bring it back from a backup or an archive")
    assert lines[-1].endswith(": 1 lost, 1 damaged, 0 repaired")
    again = logsrv("doctor", "--repair", str(store))
    assert again.returncode == 1
    assert again.stdout.decode().splitlines()[-1].endswith(": 1 lost, 0 damaged, 1 repaired")


def test_a_repaired_store_is_sound(store):
    flip(store / packed_of(store)[0].index, 30)
    (store / "number").write_bytes(b"x")
    shown = logsrv("doctor", "--repair", str(store))
    assert shown.returncode == 0
    assert shown.stdout.decode().splitlines()[-1].endswith(": sound; 2 repaired")
    assert (store / "number.damaged").read_bytes() == b"x"


@pytest.mark.slow
def test_a_directory_in_place_of_columns_is_named_and_kept_aside(tmp_path):
    columns = tmp_path / sealed(tmp_path).columns
    columns.mkdir()
    (columns / "mine").touch()
    made = logsrv("reindex", "--directory", str(tmp_path))
    assert f"{columns.name} cannot be made: Is a directory" in made.stderr.decode()
    shown = logsrv("doctor", "--repair", str(tmp_path))
    assert shown.returncode == 0
    assert f"repaired: {columns.name}: it cannot be used: Is a directory" in shown.stdout.decode()
    assert columns.is_file() and columns.with_name(f"{columns.name}.damaged").is_dir()


@pytest.mark.slow
def test_columns_that_are_damaged_or_of_others_are_made_again(tmp_path):
    """Also beside a server, which reads only usable ones."""
    one = sealed(tmp_path, with_words=True)
    (tmp_path / "number").write_bytes(number_text(2))
    logsrv("reindex", "-d", str(tmp_path))
    columns = tmp_path / one.columns
    whole = columns.read_bytes()
    flip(columns, 200)
    shown = logsrv("doctor", str(tmp_path))
    assert f"damaged: {columns.name}: it cannot be used: " in shown.stdout.decode()
    assert "checksum" in shown.stdout.decode()
    assert logsrv("doctor", "--quick", str(tmp_path)).returncode == 0
    with locked(tmp_path):
        shown = logsrv("doctor", "--repair", str(tmp_path))
    assert shown.stdout.decode().endswith(": sound; 1 repaired\n")
    assert len(columns.read_bytes()) == len(whole)
    columns.write_bytes(b"PAR1 of others PAR1")
    assert logsrv("doctor", "--quick", str(tmp_path)).returncode == 1
    columns.unlink()
    assert logsrv("doctor", str(tmp_path)).returncode == 0


def with_earlier_rules(store: Path, monkeypatch: pytest.MonkeyPatch) -> Segment:
    """Make a store with a segment whose index and columns are of the rules of an earlier version."""
    one = sealed(store, with_words=True)
    (store / "number").write_bytes(number_text(2))
    with at(store) as disk, monkeypatch.context() as patched:
        earlier = segment_index.load(one, disk)._replace(rules=RULES - 1)
        indexing.save_index(earlier, one, disk)
        patched.setattr(layout, "VERSIONS", [layout.FORMAT, RULES - 1, FIELD_RULES - 1])
        assert make_columns(one, disk)
    return one


@pytest.mark.slow
def test_files_by_earlier_rules_are_a_note_and_no_damage(tmp_path, monkeypatch):
    """So an upgraded store is sound; `reindex` makes the files again, and the note is gone."""
    one = with_earlier_rules(tmp_path, monkeypatch)
    for option in ("--quick", "--repair"):
        shown = logsrv("doctor", option, str(tmp_path))
        assert (shown.returncode, shown.stderr) == (0, b"")
        note, what_to_do, verdict = shown.stdout.decode().splitlines()
        rules = "note: made by the rules of an earlier version"
        assert note == f"{rules}: 1 index file and 1 column file"
        assert "`logsrv reindex`" in what_to_do and "Answers are right" in what_to_do
        assert verdict.endswith(": sound")
    made = logsrv("reindex", "-d", str(tmp_path)).stdout.decode().splitlines()
    assert made[0] == f"{one.name}: made its index of frames and its columns"
    assert logsrv("doctor", str(tmp_path)).stdout.decode().count("\n") == 1


@pytest.mark.slow
def test_a_wrong_bit_in_columns_by_earlier_rules_is_found(tmp_path, monkeypatch):
    """Nobody reads them, but the disk that changed them is the same."""
    one = with_earlier_rules(tmp_path, monkeypatch)
    flip(tmp_path / one.columns, 200)
    shown = logsrv("doctor", str(tmp_path))
    assert shown.returncode == 1
    assert f"damaged: {one.columns}: it cannot be used: " in shown.stdout.decode()
    assert logsrv("doctor", "--repair", str(tmp_path)).stdout.endswith(b": sound; 1 repaired\n")


def test_beside_a_server_only_what_is_not_its_own_is_repaired(store):
    flip(store / packed_of(store)[0].index, 30)
    (store / "number").write_bytes(b"x")
    with locked(store):
        assert logsrv("doctor", str(store)).returncode == 1
        shown = logsrv("doctor", "--repair", str(store))
    assert shown.returncode == 1
    assert "    not repaired: the store " in shown.stdout.decode()
    assert shown.stdout.decode().splitlines()[-1].endswith(": 0 lost, 1 damaged, 1 repaired")
    assert (store / "number").read_bytes() == b"x"


def test_a_newer_store_is_left_alone(store):
    (store / "format").write_bytes(line_with_checksum(b"9 9.9"))
    for words in ((), ("--repair",)):
        shown = logsrv("doctor", *words, str(store))
        assert shown.returncode == 1 and b"was written by logsrv 9.9 or newer" in shown.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files that others cannot use")
def test_what_root_makes_belongs_to_the_owner_of_the_store(store):
    for path in [store, *store.rglob("*")]:
        os.chown(path, 1234, 1234)
    (store / "number").write_bytes(b"x")
    first, second, _ = packed_of(store)
    flip(store / first.index, 30)
    assert logsrv("doctor", "--repair", str(store)).returncode == 0
    (store / second.index).unlink()
    assert logsrv("reindex", "--directory", str(store)).returncode == 0
    others = [path.name for path in store.rglob("*") if path.stat().st_uid != 1234]
    assert others == []


def test_a_link_in_the_place_of_a_file_is_named(store):
    (store / "current.log").rename(store.parent / "elsewhere")
    (store / "current.log").symlink_to(store.parent / "elsewhere")
    shown = logsrv("doctor", str(store))
    assert shown.returncode == 1
    report = shown.stdout.decode()
    assert (
        "damaged: current.log: it has the name of a segment and is not read: it is no plain file"
        in report
    )
    assert "if it is a link, put the file itself here" in report and "20 lines" in report


def test_the_name_of_a_file_forges_no_finding(store):
    for name in (f"{HOSTILE}.damaged", f"ship/{HOSTILE}", f"alerts/{HOSTILE}"):
        (store / name).write_bytes(b"{")
    old = store / f"{HOSTILE}.tmp"
    old.touch()
    os.utime(old, (0, 0))
    said = logsrv("doctor", str(store)).stdout.decode()
    assert "left-over" not in said and said.replace("\n", "").isprintable()
    assert "a\\x0ain all: forged" in said
    assert not [line for line in said.splitlines() if line.startswith("in all")]


def test_a_place_behind_the_end_of_the_store_of_a_rule_is_found(tmp_path):
    """The alert's one file has a position in each store."""
    store = small_store(tmp_path / "store")
    (store / "stores").mkdir()
    make_store(store / "stores" / "audit", [[line("one")]])
    audit = number_of_store("audit")
    with Disk().open_directory(store / "alerts") as disk:
        position = Position(1, len(line("one"))).in_store(audit)
        save(disk, "1", Place(Position(4, 0), STORE, "", {}, {audit: position}))
        assert logsrv("doctor", str(store)).returncode == 0
        save(disk, "1", Place(Position(4, 0), STORE, "", {}, {audit: position.beside(9)}))
    shown = logsrv("doctor", str(store))
    assert shown.returncode == 1
    assert b"damaged: alerts/1: " in shown.stdout.partition(b": sound")[2]


@pytest.mark.parametrize("copied", ["main", "audit"])
def test_two_stores_with_one_identity_are_found_with_the_remedy(tmp_path, copied):
    """Somebody has copied a folder. The remedy leaves nothing to be found."""
    store = small_store(tmp_path / "store")
    (store / "stores").mkdir()
    names = ["audit", "audit-2"]
    for name in names:
        make_store(store / "stores" / name, [[line("one")]])
        identify(store / "stores" / name, "cd" * 16)
    if copied == "main":
        identify(store / "stores" / "audit", STORE)
        identify(store / "stores" / "audit-2", "ef" * 16)
        names = ["", "audit"]
    shown = logsrv("doctor", "--repair", str(store))
    found = shown.stdout.decode().splitlines()
    assert shown.returncode == 1
    places = [str(store / "stores" / name) if name else str(store) for name in names]
    whys = [one for one in found if one.startswith("damaged: store: ")]
    assert len(whys) == 2 and places[1] in whys[0] and places[0] in whys[1]
    assert sum("logsrv ship --new-identity" in one for one in found) == 2
    # The store of a rule by itself knows those beside it.
    assert logsrv("doctor", "--quick", places[1]).returncode == 1
    assert logsrv("ship", "--new-identity", places[1]).returncode == 0
    assert logsrv("doctor", str(store)).returncode == 0


def test_another_store_in_the_place_of_a_rules_store_is_found(tmp_path):
    """The position of an alert in it is of the store that was there before."""
    store = small_store(tmp_path / "store")
    (store / "stores").mkdir()
    make_store(store / "stores" / "audit", [[line("one")]])
    identify(store / "stores" / "audit", "cd" * 16)
    audit = number_of_store("audit")
    position = {audit: Position(1, len(line("one"))).in_store(audit)}
    with Disk().open_directory(store / "alerts") as disk:
        save(disk, "1", Place(Position(4, 0), STORE, "", {}, position, {audit: "cd" * 16}))
        assert logsrv("doctor", str(store)).returncode == 0
        save(disk, "1", Place(Position(4, 0), STORE, "", {}, position, {audit: "ef" * 16}))
    shown = logsrv("doctor", str(store))
    assert shown.returncode == 1
    found = shown.stdout.decode().partition(": sound")[2]
    assert f"it says {'cd' * 16}, and places of this store name {'ef' * 16}" in found
