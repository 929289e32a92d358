"""Groups of alerts after `logsrv erase`: those of erased lines alone are forgotten, also by a process."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from twisted.internet.defer import Deferred, succeed

from logsrv.linelog.alerts.alert_protocol import AlertTask
from logsrv.linelog.alerts.alert_settings import AlertSettings
from logsrv.linelog.alerts.episodes import EpisodeMessage
from logsrv.linelog.alerts.states import erased_groups
from logsrv.linelog.alerts.states.erased_groups import AlertGroups
from logsrv.linelog.alerts.states.forgotten_groups import NAME
from logsrv.linelog.alerts.ways.delivery import AlertMessage
from logsrv.linelog.query.pipeline import parse_question
from logsrv.linelog.query.question import Node
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.store.segment import Position
from tests.parts.commands import logsrv
from tests.parts.erasing import MOMENT, erase, hits
from tests.parts.watchers import WatcherStage

FIRES = "oops | count > 1 in 5m by user"
ABSENT = "| none in 5m by user"
TAKEN = 'oops | extract "by <who>," | count > 1 in 5m by who'


class Stage(WatcherStage):
    """A watcher of an alert with groups; it notes of which groups messages tell."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, self.told)
        self.sent: list[tuple[str, str]] = []
        self.is_away = False

    def told(self, way: str, alert: AlertSettings, sent: AlertMessage) -> Deferred[None]:
        if self.is_away:
            return Deferred()
        assert isinstance(sent, EpisodeMessage)
        for one in sent.episodes:
            self.sent.append((str(one.key[0]), "firing" if one.ended is None else "resolved"))
        return succeed(None)

    def start(self, text: str) -> None:
        alert = AlertSettings(alert=text, name="web", alert_command=("x",), alert_every=3600)
        self.start_tasks({"1": AlertTask("web", "command", alert, self.ends)})

    @property
    def state(self) -> str:
        """The saved state."""
        found = self.kept.load_state("1")
        return json.dumps({name: found[name] for name in ("groups", "episodes", "last")})

    def save(self) -> None:
        self.advance(35)

    @property
    def other_files(self) -> bytes:
        """The contents of all files in the folder of the alerts."""
        return b"".join(one.read_bytes() for one in (self.directory / "alerts").iterdir())


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.kill()


def two_users(stage: Stage, text: str) -> None:
    stage.start(text)
    stage.advance(1)
    for user in ("ann", "bob"):
        stage.write(f"oops 1 user={user} by {user}, x=1", f"oops 2 user={user} by {user}, x=2")
    stage.save()
    assert '"ann"' in stage.state and '"bob"' in stage.state


def later(text: str, user: str) -> tuple[str, str]:
    """Return what a message tells of a user without lines after some minutes."""
    return user, "firing" if text == ABSENT else "resolved"


@pytest.mark.parametrize("text", [FIRES, ABSENT, TAKEN])
def test_without_a_process_the_command_takes_the_group_out_of_the_saved_state(stage, text):
    two_users(stage, text)
    stage.kill()
    dry = logsrv("erase", "/user=ann/", "--dry-run", "-d", str(stage.directory))
    assert (
        b"would be forgotten, as no other line has their values: 1 group of alerts\n" in dry.stdout
    )
    assert '"ann"' in stage.state and not (stage.directory / "alerts" / NAME).exists()
    done = logsrv("erase", "/user=ann/", "--yes", "-d", str(stage.directory))
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"forgotten, as no other line has their values: 1 group of alerts\n" in done.stdout
    assert b"ann" not in stage.other_files and '"bob"' in stage.state
    assert not (stage.directory / "alerts" / NAME).exists()
    stage.start(text)
    stage.advance(700)
    assert (later(text, "ann") in stage.sent, later(text, "bob") in stage.sent) == (False, True)


def test_a_group_with_a_line_that_is_left_is_not_forgotten(stage):
    two_users(stage, FIRES)
    stage.kill()
    shown = logsrv("erase", "user=ann x=1", "--yes", "-d", str(stage.directory))
    assert shown.returncode == 0 and b"forgotten" not in shown.stdout
    assert '"ann"' in stage.state
    # Nor one of whose lines none is erased.
    shown = logsrv("erase", "user=bob", "--yes", "-d", str(stage.directory))
    assert b"1 group of alerts" in shown.stdout and '"ann"' in stage.state


@attrs.define
class Those:
    """The lines to erase."""

    positions: set[Position]
    query: Node | None
    scope: Scope = attrs.field(factory=Scope)

    def __call__(self, position: Position) -> bool:
        return position in self.positions


def note(stage: Stage) -> AlertGroups:
    """Note the groups of the user that is to be erased, as the command does before it erases."""
    groups = AlertGroups(str(stage.directory), "")
    those = {position for position, _ in hits(stage.directory, "user=ann")}
    query = parse_question("user=ann").node
    assert groups.find(Those(those, query)) == "1 group of alerts"
    groups.note(MOMENT)
    return groups


@pytest.mark.parametrize("text", [FIRES, ABSENT])
def test_a_process_forgets_the_group_when_the_erase_is_done(stage, text):
    two_users(stage, text)
    note(stage)
    assert b"ann" not in (stage.directory / "alerts" / NAME).read_bytes()
    stage.advance(2)
    assert '"ann"' in stage.state
    erase(stage.directory, "user=ann")
    stage.advance(1.5)
    assert b"ann" not in stage.other_files and '"bob"' in stage.state
    assert not (stage.directory / "alerts" / NAME).exists()
    stage.advance(700)
    assert b"ann" not in stage.other_files
    assert (later(text, "ann") in stage.sent, later(text, "bob") in stage.sent) == (False, True)
    assert not any('"ann"' in json.dumps(one.state) for one in stage.reports[-10:])


def test_a_process_that_is_killed_before_it_forgets_does_so_at_its_next_start(stage):
    two_users(stage, FIRES)
    note(stage)
    stage.kill()
    erase(stage.directory, "user=ann")
    stage.start(FIRES)
    stage.advance(0)
    assert b"ann" not in stage.other_files and '"bob"' in stage.state


def test_a_message_that_waits_for_its_receiver_tells_nothing_of_a_forgotten_group(stage):
    stage.is_away = True
    two_users(stage, FIRES)
    # It is under way, and is put back at the stop.
    note(stage)
    erase(stage.directory, "user=ann")
    stage.advance(2)
    stage.watcher.finish()
    stage.advance(6)
    stage.kill()
    assert b"ann" not in stage.other_files
    stage.is_away = False
    stage.start(FIRES)
    stage.advance(700)
    assert {one for one, _ in stage.sent} == {"bob"}


def test_a_group_that_is_told_of_while_it_is_forgotten_harms_nothing(stage):
    under_way: list[Deferred[None]] = []

    def deliver(way: str, alert: AlertSettings, sent: AlertMessage) -> Deferred[None]:
        under_way.append(Deferred())
        return under_way[-1]

    stage.deliver = deliver
    two_users(stage, FIRES)
    note(stage)
    erase(stage.directory, "user=ann")
    stage.advance(2)
    under_way[0].callback(None)
    stage.save()
    assert b"ann" not in stage.other_files and '"bob"' in stage.state


def test_what_was_noted_for_an_erase_that_never_began_goes_with_the_next(stage):
    two_users(stage, FIRES)
    note(stage)
    stage.advance(2)
    stage.kill()
    shown = logsrv("erase", "user=bob", "--yes", "-d", str(stage.directory))
    assert shown.returncode == 0
    assert '"ann"' in stage.state and not (stage.directory / "alerts" / NAME).exists()


def test_a_busy_process_is_said(stage):
    """It has the lock, and does not answer."""
    two_users(stage, FIRES)
    groups = note(stage)
    assert stage.kept.folder.lock()
    erase(stage.directory, "user=ann")
    assert "is busy" in groups.forget()
    stage.advance(2)
    assert groups.forget() == "" and b"ann" not in stage.other_files


def test_a_damaged_list_is_removed_and_damaged_states_stay(stage):
    two_users(stage, FIRES)
    note(stage)
    erase(stage.directory, "user=ann")
    (stage.directory / "alerts" / "7.state").write_bytes(b"x")
    stage.advance(2)
    assert b"ann" not in stage.other_files
    (stage.directory / "alerts" / NAME).write_bytes(b"x")
    stage.advance(2)
    assert not (stage.directory / "alerts" / NAME).exists()


def test_only_groups_that_an_erased_line_belongs_to_are_searched_for(stage, monkeypatch):
    """With a thousand groups, a search for each of them took 18 seconds."""
    stage.start(FIRES)
    stage.advance(1)
    users = [f"user{number}" for number in range(30)]
    for user in (*users, "Ann", "ann"):
        stage.write(f"oops 1 user={user} x=1", f"oops 2 user={user} x=2")
    stage.save()
    stage.kill()
    searched: list[Search] = []

    def search(*of: Any, **how: Any) -> Search:
        searched.append(Search(*of, **how))
        return searched[-1]

    monkeypatch.setattr(erased_groups, "Search", search)
    those = Those(
        {position for position, _ in hits(stage.directory, "user=ann")},
        parse_question("user=ann").node,
    )
    assert AlertGroups(str(stage.directory), "").find(those) == "2 groups of alerts"
    assert len(searched) == 3
    searched.clear()
    # Whole records: no query finds the lines, and each group is searched for.
    assert AlertGroups(str(stage.directory), "").find(attrs.evolve(those, query=None))
    assert len(searched) == 32


def test_an_erase_in_the_store_of_a_rule_is_one_of_the_alerts_of_the_main_store(stage):
    stage.add_rule("audit")
    stage.start(FIRES)
    stage.advance(2)
    stage.write("oops 1 user=ann x=1", "oops 2 user=ann x=1", rule="audit")
    stage.write("oops 3 user=bob x=1", "oops 4 user=bob x=1")
    stage.save()
    stage.kill()
    audit = str(stage.directory_of("audit"))
    shown = logsrv("erase", "user=ann", "--yes", "-d", audit)
    assert shown.returncode == 0 and b"1 group of alerts" in shown.stdout
    assert b"ann" not in stage.other_files and '"bob"' in stage.state
