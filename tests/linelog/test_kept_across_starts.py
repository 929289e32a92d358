"""What is kept in small files, in every order of changes, rounds, stops, kills and starts."""

import json
import time
from contextlib import closing
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any
from urllib.parse import quote

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from logsrv.linelog.alerts.alert_command import begin_silence, end_silence
from logsrv.linelog.alerts.states.silences import FOLDER, Silence, load_silences
from logsrv.linelog.store import place
from logsrv.linelog.store.place import PlaceFolder
from logsrv.linelog.store.segment import Position
from tests.parts.web_requests import Browser, ServedStore

NAMES = st.sampled_from(["errors", "shop", "größer"])
VALUES: list[dict[str, Any]] = [
    {"q": "level>=error"},
    {"q": "shop", "last": "24h"},
    {"panels": []},
    {"panels": [{"search": "errors", "as": "bars"}]},
]


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


ChangesAcrossStarts.TestCase.settings = settings(deadline=None, stateful_step_count=20)
TestChanges = ChangesAcrossStarts.TestCase
