"""Clients and stores come and go in any order: each line comes once, and nothing stays of who has left."""

import os
import shutil
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from logsrv.linelog.http.views import catch_up, hub
from logsrv.linelog.http.views.stores_hub import LOOK_FOR_STORES_EVERY, StoresHub
from logsrv.linelog.http.views.view_protocol import LiveQuery, ViewEvents
from logsrv.linelog.store.cursor import Cursor, begin_after, parse_place, widened
from logsrv.linelog.store.segment import Position, number_of_store, sealed_name
from tests.leaks import killed
from tests.linelog.http.views.watched_stores import WatchedStores, lines_in
from tests.parts.stores import BEGIN

CLIENTS = 3
Step = tuple[str, str | int]


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


class Clients(WatchedStores):
    """A hub of several stores, and clients that connect again from their last id on.

    A client asks for a step when the test says so, and gets a line of each store with it.
    """

    def __init__(self, top: Path) -> None:
        self.present = ["", "audit"]
        self.wrote: dict[str, list[str]] = {"": [], "audit": []}
        # The lines that each client has to get, and those that it has got.
        self.due: dict[int, dict[str, list[str]]] = {}
        self.got: dict[int, list[str]] = defaultdict(list)
        # The present connection of each client, and how many there were.
        self.viewers: dict[int, int] = {}
        self.connections = 0
        # Viewers whose last step was answered.
        self.ready: set[int] = set()
        self.before = open_files()
        super().__init__(top, "audit")

    def _tell(self, sentence: str) -> None:
        assert "No such file" in sentence

    def _take(self, events: ViewEvents) -> None:
        found = lines_in(events)
        self.missed += events.missed
        for viewer in events.viewers:
            client = viewer % CLIENTS
            assert viewer == self.viewers[client], "it has left"
            assert viewer in self.live or viewer not in self.ready, "nobody has asked"
            for message, last in found:
                self.got[client].append(message)
                self.last[client] = last
            self.ready.add(viewer)
            if events.live:
                self.live.add(viewer)

    def say(self, name: str) -> None:
        message = f"{name or 'main'} {len(self.wrote[name])}"
        self.write(name, message)
        self.wrote[name].append(message)
        for due in self.due.values():
            due[name].append(message)

    def come(self, client: int, where: str) -> None:
        """Connect at the begin or the end of all stores; again from the last line on."""
        self.go(client)
        begin = widened(Cursor({}), self.end) if where == "begin" else self.end
        if client in self.due:
            begin = begin_after(parse_place(self.last[client]), self.end)
        else:
            self.due[client] = defaultdict(list)
            for name in self.present if where == "begin" else ():
                self.due[client][name] = list(self.wrote[name])
        self.last[client] = str(begin)
        self.connections += 1
        viewer = self.viewers[client] = CLIENTS * self.connections + client
        self.hub.attach(viewer, LiveQuery(""), begin, self.end)
        self.serve()

    def go(self, client: int) -> None:
        if client in self.viewers:
            self.hub.leave(self.viewers.pop(client))

    def more(self, client: int) -> None:
        """Ask for the next lines, if the last step was answered."""
        viewer = self.viewers.get(client)
        if viewer in self.ready and viewer not in self.live:
            self.ready.discard(viewer)
            self.hub.queue_step(viewer)
        self.serve()

    def serve(self) -> None:
        while self.hub.step_wanted:
            self.hub.serve_step()

    def poll(self, seconds: float = LOOK_FOR_STORES_EVERY) -> None:
        self.now += seconds
        self.hub.poll()
        self.serve()

    def make(self, name: str) -> None:
        self.add(name)
        self.present.append(name)
        self.wrote[name] = []

    def rotate(self, name: str) -> None:
        number = number_of_store(name)
        segment, offset = self.ends[number].own
        if offset:
            place = self._place(name)
            os.link(place / "current.log", place / sealed_name(segment, BEGIN + segment))
            (place / "new.tmp").touch()
            (place / "new.tmp").rename(place / "current.log")
            (place / "number").write_bytes(b"%d\n" % (segment + 1))
            self.ends[number] = Position(segment + 1, 0).in_store(number)

    def remove(self, name: str) -> None:
        shutil.rmtree(self._place(name))
        self.present.remove(name)
        del self.ends[number_of_store(name)]
        # Nobody gets what was not read until now.
        for due in self.due.values():
            due.pop(name, None)

    def end_all(self) -> None:
        """Let all that are there read to the end."""
        for _ in range(2 + max(map(len, self.wrote.values()))):
            self.poll()
            for client in range(CLIENTS):
                self.more(client)


STEPS = st.one_of(
    st.tuples(st.sampled_from(("say", "say", "rotate")), st.sampled_from(("", "audit", "fw"))),
    st.tuples(st.sampled_from(("begin", "end", "more", "go")), st.integers(0, CLIENTS - 1)),
    st.tuples(st.sampled_from(("poll", "make", "remove")), st.just("fw")),
)
ROTATED: list[Step] = [
    ("poll", ""),
    ("say", "audit"),
    ("poll", ""),
    ("rotate", "audit"),
    ("say", "audit"),
]
BEHIND: list[Step] = [("say", ""), ("say", "audit"), ("say", ""), ("say", "audit"), ("begin", 0)]


# A client connects again within what it catches up with, and leaves there.
@example([*BEHIND, ("poll", ""), ("begin", 0), ("poll", ""), ("more", 0), ("go", 0)])
# A store goes of which a client still reads the first lines.
@example([("make", "fw"), ("say", "fw"), ("say", "fw"), *BEHIND, ("poll", ""), ("remove", "fw")])
# A client comes to a store of which the hub does not know yet.
@example([("make", "fw"), ("say", "fw"), ("end", 0), ("say", "fw"), ("poll", "")])
# A store that is read goes on in another file, and in a third one before anybody looks.
@example([("end", 0), *ROTATED, ("say", "audit"), *ROTATED, ("rotate", "audit"), ("begin", 1)])
# A step waits for the next poll.
@example([("end", 1), ("poll", ""), *BEHIND, ("more", 0), ("poll", ""), ("say", ""), ("poll", "")])
@given(st.lists(STEPS, max_size=30))
def test_each_line_comes_once_and_nothing_stays_of_clients_and_stores_that_left(
    tmp_path_factory, steps
):
    top = tmp_path_factory.mktemp("stores") / "store"
    with killed(), pytest.MonkeyPatch.context() as patched:
        # One line a step.
        patched.setattr(catch_up, "STEP", 1)
        patched.setattr(catch_up, "PIECE", 1)
        clients = Clients(top)
        for what, which in steps:
            match what, which:
                case "say", str(name) if name in clients.present:
                    clients.say(name)
                case "rotate", str(name) if name in clients.present:
                    clients.rotate(name)
                case "make", str(name) if name not in clients.wrote:
                    clients.make(name)
                case "remove", str(name) if name in clients.present:
                    clients.remove(name)
                case "begin" | "end", int(client):
                    clients.come(client, what)
                case "more", int(client):
                    clients.more(client)
                case "go", int(client):
                    clients.go(client)
                case "poll", _:
                    clients.poll()
        # Somebody is there, so that it is looked for removed stores.
        clients.come(CLIENTS - 1, "end")
        clients.end_all()
        assert all(len(got) == len({*got}) for got in clients.got.values())
        for client, viewer in clients.viewers.items():
            assert viewer in clients.live
            got = clients.got[client]
            for name in clients.present:
                mine = [one for one in got if one.startswith(name or "main")]
                assert mine == clients.due[client][name]
            clients.hub.leave(viewer)
        assert not clients.hub.has_viewers
        left = open_files()
        StoresHub(str(top), pytest.fail, lambda _: None, lambda: 0.0, lambda: 0.0)
        fresh = open_files() - left
        # As many as a hub has without any viewer.
        assert left - clients.before == fresh


def test_a_client_that_is_too_slow_in_one_store_leaves_no_file_of_it(tmp_path, monkeypatch):
    """It misses lines there, and reads on in the other one."""
    monkeypatch.setattr(catch_up, "STEP", 1)
    monkeypatch.setattr(catch_up, "PIECE", 1)
    monkeypatch.setattr(catch_up, "MOST_BEHIND", 0)
    with killed():
        clients = Clients(tmp_path / "store")
        clients.come(0, "end")
        clients.poll()
        files = open_files()
        for name in ("", *6 * ("audit",)):
            clients.say(name)
        clients.come(1, "begin")
        for _ in range(4):
            clients.say("")
        clients.poll()
        for _ in range(2):
            clients.more(1)
        assert [one for one in clients.got[1] if "main" in one] == ["main 0", "main 1"]
        assert clients.missed == 3 and clients.viewers[1] not in clients.live
        clients.go(1)
        assert open_files() == files


def test_viewers_may_have_more_of_each_store_when_one_is_removed(tmp_path, monkeypatch):
    """What all may get is divided by the present number of stores."""
    monkeypatch.setattr(hub, "RATE_OF_ALL", 6)
    with killed():
        clients = Clients(tmp_path / "store")
        clients.make("fw")
        clients.come(0, "end")
        clients.poll()
        for count in (2, 3):
            before = len(clients.got[0])
            for _ in range(9):
                clients.say("audit")
            clients.poll(hub.BURST)
            assert len(clients.got[0]) - before == count
            if count == 2:
                clients.remove("fw")
                clients.poll()
