"""What is kept in small files, in every order of changes, rounds, stops, kills and starts."""

import json
import time
from contextlib import closing
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from logsrv.linelog.alerts.alert_command import begin_silence, end_silence
from logsrv.linelog.alerts.states.silences import FOLDER, Silence, load_silences
from logsrv.linelog.http.asked_ahead import EVERY, FILE, FIRST, AskedAhead
from logsrv.linelog.http.asked_search import SearchSink
from logsrv.linelog.store import place
from logsrv.linelog.store.place import PlaceFolder
from logsrv.linelog.store.segment import Position
from tests.parts.stores import BEGIN
from tests.parts.web_requests import Browser, Reactor, ServedStore

NAMES = st.sampled_from(["errors", "shop", "größer"])
VALUES: list[dict[str, Any]] = [
    {"q": "level>=error"},
    {"q": "shop", "last": "24h"},
    {"panels": []},
    {"panels": [{"search": "errors", "as": "bars"}]},
]


class _Searches:
    """Answers at once, and notes what it was asked."""

    at_once = 8

    def __init__(self) -> None:
        self.queries: list[str] = []

    def queue_search(self, request: dict[str, Any], sink: SearchSink) -> SimpleNamespace:
        self.queries.append(request["values"]["q"])
        sink.receive_end(None)
        return SimpleNamespace(running_since=None)


class QuestionsAcrossStarts(RuleBasedStateMachine):
    """A server that is asked questions of boards, which it asks ahead."""

    def __init__(self) -> None:
        super().__init__()
        self.store = mkdtemp()
        # All that were asked; and those of the last round or stop, which a kill leaves.
        self.asked: list[str] = []
        self.written: list[str] = []
        self._start(BEGIN)

    def _start(self, now: float) -> None:
        self.clock, self.searches = Reactor(), _Searches()
        self.clock.advance(now)
        searches: Any = self.searches
        self.ahead = AskedAhead(searches, lambda: self.store, self.clock)
        self.ahead.start()

    def teardown(self) -> None:
        rmtree(self.store)

    @rule(number=st.integers(0, 5))
    def ask(self, number: int) -> None:
        query = f"{number} | count"
        self.ahead.note("/api/table", b"q=%d+|+count" % number)
        self.asked = [*(one for one in self.asked if one != query), query]

    @rule()
    def ask_round(self) -> None:
        self.clock.advance(EVERY)
        self.written = self.asked

    @rule(is_killed=st.booleans())
    def start_again(self, is_killed: bool) -> None:
        if is_killed:
            self.asked = self.written
        else:
            self.ahead.stop()
            self.written = self.asked
        self._start(self.clock.seconds())
        self.clock.advance(FIRST)
        assert self.searches.queries == self.asked

    @invariant()
    def the_file_has_those_of_the_last_round(self) -> None:
        file = Path(self.store, FILE)
        kept = json.loads(file.read_bytes()) if file.exists() else []
        assert [one["query"].replace("+", " ")[2:] for one in kept] == self.written


class ChangesAcrossStarts(RuleBasedStateMachine):
    """A server with saved searches, boards, silences and places: each is kept once it is answered."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(mkdtemp())
        self.file = self.directory / "saved.json"
        self.web = ServedStore(self.directory, saved=self.file)
        self.store = str(self.web.store)
        self.saved: dict[str, dict[str, Any]] = {}
        self.silenced: set[str] = set()
        self.places: dict[str, int] = {}

    def teardown(self) -> None:
        rmtree(self.directory)

    @rule(name=NAMES, value=st.sampled_from(VALUES))
    def save(self, name: str, value: dict[str, Any]) -> None:
        body = json.dumps(value).encode()
        browser = Browser(self.web.server.handle, self.web.reactor)
        headers = {"Content_Type": "application/json", "Content_Length": str(len(body))}
        browser.get(_path(name), "PUT", **headers)
        browser.channel.dataReceived(body)
        is_other_kind = name in self.saved and ("panels" in self.saved[name]) != ("panels" in value)
        assert int(browser.received.split()[1]) == (409 if is_other_kind else 200)
        if not is_other_kind:
            self.saved[name] = value

    @rule(name=NAMES)
    def remove(self, name: str) -> None:
        status, _ = self.web.ask(_path(name), "DELETE")
        assert status == (200 if name in self.saved else 404)
        self.saved.pop(name, None)

    @rule(name=NAMES)
    def silence_or_end(self, name: str) -> None:
        if name in self.silenced:
            end_silence(self.store, name)
        else:
            begin_silence(self.store, Silence(name, time.time() + 7200))
        self.silenced ^= {name}

    @rule(name=NAMES, offset=st.integers(0, 1000))
    def go_on(self, name: str, offset: int) -> None:
        with closing(PlaceFolder(self.store, "ship")) as folder:
            place.save(folder.disk, name, place.Place(Position(1, offset)), sync=False)
        self.places[name] = offset

    @rule()
    def start_again(self) -> None:
        # The next server has a store of its own, which nothing of this is in.
        self.web = ServedStore(Path(mkdtemp(dir=self.directory)), saved=self.file)

    @invariant()
    def all_is_kept(self) -> None:
        _, answer = self.web.ask("/api/saved")
        found = {one.pop("name"): one for one in answer["saved"] + answer["boards"]}
        assert found == self.saved
        with closing(PlaceFolder(self.store, FOLDER)) as folder:
            assert {one.alert for one in load_silences(folder, time.time())} == self.silenced
        with closing(PlaceFolder(self.store, "ship")) as folder:
            for name, offset in self.places.items():
                assert place.load(folder.disk, name) == place.Place(Position(1, offset))


def _path(name: str) -> str:
    return f"/api/saved/{quote(name)}"


for machine in (QuestionsAcrossStarts, ChangesAcrossStarts):
    machine.TestCase.settings = settings(deadline=None, stateful_step_count=20)
TestQuestions = QuestionsAcrossStarts.TestCase
TestChanges = ChangesAcrossStarts.TestCase
