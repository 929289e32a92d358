"""Reading a store that has the stores of rules in it: all of them as one."""

import json
import shutil
from pathlib import Path

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.linelog.commands.following import Following
from tests.parts.commands import logsrv
from tests.parts.stores import line, make_store, remove_segment

MAIN = [line(f"app=web n={number}", 2 * number) for number in range(40)]
AUDIT = [line(f"app=sshd n={number}", 2 * number + 1) for number in range(40)]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A store with that of a rule in it, and one with all their lines."""
    make_store(tmp_path / "a", [MAIN[:20], MAIN[20:]])
    (tmp_path / "a" / "stores").mkdir()
    make_store(tmp_path / "a" / "stores" / "audit", [AUDIT[:10], AUDIT[10:30], AUDIT[30:]])
    every = sorted(MAIN + AUDIT)
    make_store(tmp_path / "all", [every[:50], every[50:]])
    return tmp_path


def asked(here: Path, *words: str, status: int = 0) -> str:
    done = logsrv(*words, directory=here)
    assert (done.stderr, done.returncode) == (b"", status)
    return done.stdout.decode()


@pytest.mark.parametrize(
    "words",
    [
        "search",
        "search -n 5 --reverse",
        "search -c app=sshd",
        "search --count --by app",
        "search --histogram --every 10s",
        "search --sort n -n 6",
        "search --patterns --output json",
        "tail -n 3",
        "tail -n 3 n>=7",
        "search --records n>=7 -n 5",
        "search --fold n>=7 -n 5 --reverse",
        "tail --records -n 5",
        "sql select+count(*),+count(DISTINCT+fields['app'])+from+logs",
    ],
)
def test_all_stores_are_read_as_one(here, words):
    command, *more = [one.replace("+", " ") for one in words.split()]
    if command == "sql":
        pytest.importorskip("duckdb")
        more = [" ".join(more)]
    found = asked(here, command, "-d", "a", *more)
    wanted = asked(here, command, "-d", "all", *more)
    if "--patterns" in more:
        assert [json.loads(one)["count"] for one in found.splitlines()] == [
            json.loads(one)["count"] for one in wanted.splitlines()
        ]
        return
    assert found == wanted


def test_each_line_is_shown_by_its_position(here):
    found = [
        json.loads(one) for one in asked(here, "search", "-d", "a", "--output", "json").splitlines()
    ]
    assert len({one["position"] for one in found}) == 80
    for one in (found[1], found[0], found[-1]):
        shown = asked(here, "show", "-d", "a", one["position"], "-C", "0", "--output", "raw")
        assert shown == one["message"] + "\n"
    assert found[1]["position"] == "audit/1:0" and found[0]["position"] == "1:0"


def test_neighbours_are_those_of_its_own_store(here):
    shown = asked(here, "show", "-d", "a", "audit/2:0", "-C", "1", "--output", "raw")
    assert shown == "app=sshd n=9\napp=sshd n=10\napp=sshd n=11\n"
    edge = asked(here, "show", "-d", "a", "audit/1:0", "-C", "1", "--output", "raw")
    assert edge == "app=sshd n=0\napp=sshd n=1\n"


def test_lines_around_a_line_are_those_of_all_stores(here):
    found = asked(
        here, "search", "-d", "a", "--around", "audit/2:0", "--span", "1s", "--output", "raw"
    )
    assert found == "app=web n=10\napp=sshd n=10\napp=web n=11\n"


@pytest.mark.parametrize("words", ["show -d a nothing/1:0", "search -d a --around nothing/1:0",
                                   "show -d all audit/1:0"])  # fmt: skip
def test_a_store_that_is_not_there_is_named(here, words):
    done = logsrv(*words.split(), directory=here)
    assert done.returncode == 2 and b"there is no store" in done.stderr


def test_a_store_named_twice_is_read_once(here):
    assert asked(here, "search", "-d", "a", "-d", "a/stores/audit", "-c") == "80\n"
    assert asked(here, "search", "-d", "a", "-d", "all", "-c") == "160\n"
    assert asked(here, "search", "-d", "a/stores/audit", "-c") == "40\n"


def test_damage_names_its_store(here):
    [packed, _] = (here / "a" / "stores" / "audit").glob("*.zst")
    packed.write_bytes(packed.read_bytes()[:40])
    done = logsrv("search", "-d", "a", "-c", directory=here)
    assert done.returncode == 2 and b"a/stores/audit/" in done.stderr


def test_a_backup_has_all_stores_and_is_restored_with_all(here):
    said = asked(here, "backup", "a", "backup")
    assert "backup/stores/audit has 40 lines" in said and "backup has 40 lines" in said
    asked(here, "backup", "a", "backup")
    asked(here, "restore", "--from", "backup", "new")
    wanted = asked(here, "search", "-d", "all")
    assert asked(here, "search", "-d", "backup") == wanted
    assert asked(here, "search", "-d", "new") == wanted


def test_a_backup_that_ended_early_is_no_whole_one(here):
    """The main store comes last, so that nobody takes the others alone for a backup."""
    from logsrv.linelog.backup import backup_command

    for one, to in backup_command.stores_to_copy(str(here / "a"), str(here / "b"))[:-1]:
        backup_command.copy_store(one, to, "backup")
    done = logsrv("search", "-d", "b", directory=here)
    assert done.returncode == 2 and b"no store" in done.stderr
    asked(here, "backup", "a", "b")
    assert asked(here, "search", "-d", "b", "-c") == "80\n"


def test_a_backup_says_which_store_it_has_kept(here):
    asked(here, "backup", "a", "backup")
    shutil.rmtree(here / "a" / "stores" / "audit")
    done = logsrv("backup", "a", "backup", directory=here)
    assert b"backup/stores/audit stays, which a no longer has" in done.stderr


def test_doctor_and_reindex_take_all_stores(here):
    said = asked(here, "doctor", "a").splitlines()
    assert [one.partition(":")[0] for one in said] == ["a", "a/stores/audit"]
    [packed, _] = (here / "a" / "stores" / "audit").glob("*.zst.idx")
    packed.unlink()
    assert b"damaged" in logsrv("doctor", "a", directory=here).stdout
    assert "a/stores/audit: 2 sealed segments; indexes" in asked(here, "reindex", "-d", "a")
    asked(here, "doctor", "a")


@pytest.mark.parametrize("words", ["erase -d a n=3 --yes", "import -d a old.log --dry-run"])
def test_a_command_of_one_store_names_the_others(here, words):
    (here / "old.log").write_text("")
    done = logsrv(*words.split(), directory=here)
    if "import" in words:
        assert b"alone" not in done.stderr, "nothing is written"
        done = logsrv("import", "-d", "a", "old.log", directory=here)
    assert b"a alone; for the others give a/stores/audit" in done.stderr


def test_tail_follows_a_store_that_comes_later(here):
    shutil.rmtree(here / "a" / "stores")
    following = Following(here / "a", "-n", "1")
    try:
        assert following.line() == b"app=web n=39\n"
        (here / "a" / "stores").mkdir()
        later = make_store(here / "later", [[line("removed")], [line("first of it")]])
        remove_segment(later, 1, len(line("removed")), 1)
        later.rename(here / "a" / "stores" / "audit")
        assert following.line() == b"first of it\n"
        with open(here / "a" / "current.log", "ab") as file:
            file.write(line("of the main store", 100))
        assert following.line() == b"of the main store\n"
    finally:
        following.child.kill()
        _, said = following.child.communicate(timeout=PATIENCE)
    assert said == b"logsrv tail: some lines were removed before they could be shown\n"
