"""A store and those of rules in it, which a hub of live views watches."""

import json
from pathlib import Path

import pytest

from logsrv.linelog.http.views.stores_hub import StoresHub
from logsrv.linelog.http.views.view_protocol import LiveQuery, ViewEvents
from logsrv.linelog.store.cursor import Place, place_in
from logsrv.linelog.store.segment import Position, number_of_store
from tests.parts.stores import line, make_store


def lines_in(events: ViewEvents) -> list[tuple[str, str]]:
    """The message of each line, and its id."""
    found = [
        dict(one.split(": ", 1) for one in event.split("\n"))
        for event in events.data.decode().split("\n\n")[:-1]
    ]
    assert all(event["event"] == "line" for event in found), found
    return [(json.loads(event["data"])["message"], event["id"]) for event in found]


class WatchedStores:
    """A store and those of rules in it, and a hub; what each viewer has got."""

    def __init__(self, top: Path, *names: str) -> None:
        self.top = top
        self.ends: dict[int, Position] = {}
        self.now = 0.0
        self.messages: dict[int, list[str]] = {}
        self.last: dict[int, str] = {}
        self.live: set[int] = set()
        self.missed = 0
        self.add("")
        for name in names:
            self.add(name)
        self.hub = StoresHub(str(top), self._tell, self._take, lambda: self.now, lambda: 0.0)

    def _tell(self, sentence: str) -> None:
        pytest.fail(sentence)

    def _place(self, name: str) -> Path:
        return self.top / "stores" / name if name else self.top

    def add(self, name: str) -> None:
        if name:
            (self.top / "stores").mkdir(exist_ok=True)
        make_store(self._place(name), [[]])
        number = number_of_store(name)
        self.ends[number] = Position(1, 0).in_store(number)

    def write(self, name: str, message: str) -> None:
        text = line(message)
        with (self._place(name) / "current.log").open("ab") as file:
            file.write(text)
        number = number_of_store(name)
        self.ends[number] = self.ends[number].beside(len(text))

    @property
    def end(self) -> Place:
        return place_in(dict(self.ends))

    def attach(self, viewer: int, query: str = "", begin: Place | None = None) -> None:
        self.messages.setdefault(viewer, [])
        self.hub.attach(viewer, LiveQuery(query), begin or self.end, self.end)

    def _take(self, events: ViewEvents) -> None:
        found = lines_in(events)
        for viewer in events.viewers:
            self.missed += events.missed
            for message, last in found:
                self.messages[viewer].append(message)
                self.last[viewer] = last
            if events.live:
                self.live.add(viewer)
            elif viewer not in self.live and events.data:
                self.hub.queue_step(viewer)

    def poll(self, seconds: float = 1.0) -> None:
        self.now += seconds
        self.hub.poll()
        while self.hub.step_wanted:
            before = {one: len(got) for one, got in self.messages.items()}, set(self.live)
            self.hub.serve_step()
            if before == ({one: len(got) for one, got in self.messages.items()}, self.live):
                self.hub.poll()
