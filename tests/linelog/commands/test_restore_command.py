"""`logsrv restore`: a store comes back from an archive."""

from pathlib import Path

import pytest

from logsrv.cli.main import main
from logsrv.linelog.archive.rule_note import RuleNote, put_rule_note
from tests.parts.archived_stores import STORE, archive_all, packed, sealed_store


@pytest.fixture
def store(tmp_path: Path) -> Path:
    made = sealed_store(tmp_path / "store", 2, count=200)
    archive_all(made, tmp_path / "archive")
    return made


def test_it_says_what_to_do_next(store, tmp_path, capsys):
    back = tmp_path / "new" / "back"
    assert main(["restore", "--from", f"file://{tmp_path}/archive", str(back)]) == 0
    said = capsys.readouterr().out
    assert f"is store {STORE}: 2 segments, 400 lines" in said
    assert "logsrv ship --new-identity" in said
    assert main(["search", "--directory", str(back), "--count", "line"]) == 0
    assert capsys.readouterr().out == "400\n"
    assert main(["restore", "--from", f"file://{tmp_path}/archive", str(back)]) == 1
    assert "there is a store in" in capsys.readouterr().err


RULE, OTHER = "cd" * 16, "ef" * 16


def archive_rule(tmp_path: Path, identity: str, main: str = STORE, rule: str = "audit") -> None:
    """Put a store of a rule into the archive too."""
    archive = archive_all(
        sealed_store(tmp_path / f"rule{identity[:2]}", 1, count=100), tmp_path / "archive", identity
    )
    put_rule_note(archive, identity, RuleNote(rule, main))


def test_the_stores_of_rules_come_back_below_their_main_store(store, tmp_path, capsys):
    archive_rule(tmp_path, RULE)
    back = tmp_path / "back"
    words = ["restore", "--from", f"file://{tmp_path}/archive", str(back)]
    assert main(words) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(f"{back}/stores/audit is store {RULE}: 1 segment, 100 lines")
    assert said[1].startswith(f"{back} is store {STORE}: 2 segments, 400 lines")
    assert main(["search", "--directory", str(back), "--count", "line"]) == 0
    assert capsys.readouterr().out == "500\n"


def test_a_restore_that_was_interrupted_between_two_stores_goes_on(store, tmp_path, capsys):
    archive_rule(tmp_path, RULE)
    back = tmp_path / "back"
    words = ["restore", "--from", f"file://{tmp_path}/archive", str(back)]
    assert main(words) == 0
    # As if it had been killed before the main store was whole.
    (back / "current.log").unlink()
    (back / "restoring").write_text(f"{STORE}\n")
    capsys.readouterr()
    assert main(words) == 0
    assert "stores/audit" not in capsys.readouterr().out
    assert main(["search", "--directory", str(back), "--count", "line"]) == 0
    assert capsys.readouterr().out == "500\n"


def test_a_store_of_a_rule_comes_back_alone_by_its_identity(store, tmp_path, capsys):
    archive_rule(tmp_path, RULE)
    back = tmp_path / "back"
    words = ["restore", "--from", f"file://{tmp_path}/archive", "--store", RULE, str(back)]
    assert main(words) == 0
    assert f"{back} is store {RULE}" in capsys.readouterr().out
    assert not (back / "stores").exists()


def test_of_two_servers_in_an_archive_one_has_to_be_named(store, tmp_path, capsys):
    archive_rule(tmp_path, RULE)
    archive_all(sealed_store(tmp_path / "third", 1), tmp_path / "archive", OTHER)
    back = tmp_path / "back"
    words = ["restore", "--from", f"file://{tmp_path}/archive"]
    assert main([*words, str(back)]) == 1
    assert "name one of them by its URL" in capsys.readouterr().err
    assert main([*words, "--store", STORE, str(back)]) == 0
    assert (back / "stores" / "audit" / "current.log").exists()


def test_an_earlier_store_of_a_rule_is_named(store, tmp_path, capsys):
    """Its directory was removed once, and made again."""
    archive_rule(tmp_path, OTHER)
    archive_rule(tmp_path, RULE)
    back = tmp_path / "back"
    assert main(["restore", "--from", f"file://{tmp_path}/archive", str(back)]) == 1
    said = capsys.readouterr()
    assert f"--store {RULE}" in said.err and f"is store {OTHER}" in said.out


def test_a_changed_segment_is_named(store, tmp_path, capsys):
    name = packed(store)[0].name
    (tmp_path / "archive" / STORE / name).write_bytes(b"other")
    back = str(tmp_path / "back")
    assert main(["restore", "--from", f"file://{tmp_path}/archive", back]) == 1
    said = capsys.readouterr()
    assert name.partition(".")[0] + " is left out: " in said.err
    assert "1 segment, 200 lines" in said.out


@pytest.mark.parametrize(
    ("url", "why", "status"),
    [
        ("file:///nowhere-at-all", "mount it, or make the directory", 1),
        ("archive", "an archive has a URL, such as file:///srv/archive", 1),
    ],
)
def test_what_is_no_archive_is_a_sentence(tmp_path, capsys, url, why, status):
    assert main(["restore", "--from", url, str(tmp_path / "back")]) == status
    assert why in capsys.readouterr().err
    assert not (tmp_path / "back").exists()


def test_who_restores_from_a_running_centre_is_told_what_to_use_instead(tmp_path, capsys):
    back = tmp_path / "back"
    assert main(["restore", "--from", "https://centre.example.org/blocks", str(back)]) == 2
    assert "--from cannot be a centre: " in (said := capsys.readouterr().err)
    assert "run `logsrv backup` there" in said and not back.exists()


def test_a_backup_has_no_store_to_choose(tmp_path, capsys):
    words = ["--from", str(tmp_path), "--store", STORE]
    assert main(["restore", *words, str(tmp_path / "back")]) == 2
    assert "a backup is one store" in capsys.readouterr().err
