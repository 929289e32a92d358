"""The note of a rule's store in an archive: when it is put there, and what it is worth."""

from pathlib import Path

import pytest

from logsrv.linelog.archive.rule_note import (
    RuleNote,
    put_rule_note,
    read_rule_note,
    stores_of_rules,
)
from logsrv.linelog.archive.target import ArchiveTarget
from logsrv.linelog.objects.directory import DirectoryArchive
from logsrv.linelog.objects.interface import ChangedObject
from logsrv.linelog.ship.address import parse_ship_url
from logsrv.linelog.ship.targets.target_plugin import TargetSettings, make_target
from tests.parts.archived_stores import STORE, packed, sealed_store
from tests.parts.disks import at
from tests.parts.far_sides import closing
from tests.parts.reactor import REACTOR

MAIN, NEWER = "cd" * 16, "01" * 16
NOTE = RuleNote("audit", MAIN)


@pytest.fixture
def archive(tmp_path: Path) -> DirectoryArchive:
    (tmp_path / "archive").mkdir()
    return DirectoryArchive(str(tmp_path / "archive"))


def target(archive: Path) -> ArchiveTarget:
    url = parse_ship_url(f"file://{archive}")
    settings = TargetSettings(name="far", url=url, store=STORE, rule="audit", main=MAIN)
    made = make_target(settings, REACTOR)
    assert isinstance(made, ArchiveTarget)
    return made


async def test_the_note_comes_with_the_first_segment_and_after_a_kill_with_the_next_look(
    archive, tmp_path
):
    """A folder without segments would be a store that cannot be read."""
    store = sealed_store(tmp_path / "store", 1, count=50)
    [segment] = packed(store)
    async with closing(target(tmp_path / "archive")) as one:
        assert (await one.survey([segment], at(store))).names == []
        assert archive.top_folders() == []
        await one.put_segment(segment, at(store))
    assert read_rule_note(archive, STORE) == NOTE
    (tmp_path / "archive" / STORE / "rule.json").unlink()
    async with closing(target(tmp_path / "archive")) as one:
        await one.survey([segment], at(store))
    assert read_rule_note(archive, STORE) == NOTE
    assert stores_of_rules(archive, MAIN) == {"audit": [STORE]}


def test_a_main_store_has_no_note_and_the_first_note_stays(archive):
    assert read_rule_note(archive, STORE) is None
    put_rule_note(archive, STORE, NOTE)
    put_rule_note(archive, STORE, RuleNote("other", MAIN))
    assert read_rule_note(archive, STORE) == NOTE
    assert stores_of_rules(archive, NEWER) == {}


def test_of_several_stores_of_a_rule_the_last_in_time_comes_last(archive, tmp_path):
    for store, time in ((STORE, "20261120T061842Z"), (NEWER, "20261119T061842Z")):
        put_rule_note(archive, store, NOTE)
        (tmp_path / "archive" / store / f"0000000001-{time}.json").write_text("")
    assert stores_of_rules(archive, MAIN) == {"audit": [NEWER, STORE]}


@pytest.mark.parametrize("text", ["", "{} 00000000\n", '{"rule":"a","main":"b"} 00000000\n'])
def test_a_damaged_note_is_named(archive, tmp_path, text):
    (tmp_path / "archive" / STORE).mkdir()
    (tmp_path / "archive" / STORE / "rule.json").write_text(text)
    with pytest.raises(ChangedObject, match=r"rule\.json"):
        read_rule_note(archive, STORE)


@pytest.mark.parametrize("note", [RuleNote("../x", MAIN), RuleNote("a", "nothing")])
def test_a_name_that_leads_elsewhere_is_damage(archive, note):
    put_rule_note(archive, STORE, note)
    with pytest.raises(ChangedObject):
        read_rule_note(archive, STORE)
