"""Users that come and go: each limit that counts them is free again, and nothing of them is kept."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from logsrv.gopher.fetch.client import GopherClient
from logsrv.gopher.gateway.visitors import RequestDenied, VisitorLimits, Visitors
from logsrv.gopher.wire.errors import GopherError
from logsrv.kit.connections._drain import GonePeerWatch
from logsrv.kit.connections._guarded_factory import GuardedFactory
from logsrv.kit.connections._senders import REMEMBERED_SENDERS, GuardedSenders
from logsrv.kit.connections.guard import Guard, GuardPolicy
from logsrv.kit.connections.rates import REMEMBERED, PeerRateLimits
from logsrv.kit.observe import rate_limited_log
from logsrv.kit.observe.metrics import Metrics
from logsrv.kit.observe.rate_limited_log import OTHERS, QUIET_SECONDS, RateLimitedLog
from logsrv.linelog.formats.gelf.parse import SECONDS, ChunkJoiner
from logsrv.linelog.http.problems import Problem
from logsrv.linelog.http.searching import searches as waiting
from logsrv.linelog.http.searching.searches import Searches
from logsrv.linelog.http.views import view_process as views
from logsrv.linelog.http.views.hub import Hub
from logsrv.linelog.http.views.view_process import LiveViews
from logsrv.linelog.http.views.view_protocol import LiveQuery
from logsrv.linelog.intake.blocks.body import IncomingBlocks
from logsrv.linelog.intake.turns import Turns
from logsrv.linelog.intake.unfinished import UnfinishedData
from logsrv.linelog.store.notes.origins import BlocksUnderWay
from logsrv.linelog.store.segment import Position
from logsrv.linelog.store.valve import Valve
from tests.parts.child_processes import Spawner
from tests.parts.kept import kept
from tests.parts.listening import NotingFactory, Policy
from tests.parts.stores import line, make_store, view_of
from tests.parts.web_requests import SearchSink, Watcher, asked

FREE = 3
END = Position(1, len(line("0")))
Leave = Callable[[], object]
# What remembers users; what one may do now, which it does; the seconds until it may again; the most users.
Remembered = tuple[object, Callable[[str], int], float, int]


@attrs.frozen
class Limit:
    """A limit that counts users. come: lets the n-th user come; returns how it leaves, or None if refused.

    counts: what counts. most: how many may be there together; None if only memory counts them.
    within: also what is inside of these objects.
    """

    counts: tuple[object, ...]
    come: Callable[[int], Leave | None]
    most: int | None = FREE
    within: bool = False


class Peer:
    """A connection, or what stands for it."""

    reading_paused = busy_with_last_input = True
    author = None

    def pauseProducing(self) -> None: ...
    def resumeProducing(self) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def abort(self) -> None: ...
    def give_way(self) -> None: ...


def host(number: int) -> str:
    return f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"


def connections(_: Path) -> Limit:
    guard = Guard(GuardPolicy(max_connections=FREE))

    def come(number: int) -> Leave | None:
        refused = guard.admit_connection(host(number))
        return None if refused else lambda: guard.release_connection(host(number))

    return Limit((guard,), come)


def connections_of_an_address(_: Path) -> Limit:
    """One more each time is of the same address; the next ones of another."""
    guard = Guard(GuardPolicy(max_connections_per_peer=FREE))

    def come(number: int) -> Leave | None:
        address = host(number // (FREE + 1))
        refused = guard.admit_connection(address)
        return None if refused else lambda: guard.release_connection(address)

    return Limit((guard,), come)


def connected_protocols(_: Path) -> Limit:
    policy = Policy(max_connections=FREE, max_connections_per_peer=1)
    metrics, inner = Metrics(), NotingFactory()
    factory = GuardedFactory(inner, label="in", policy=policy, clock=Clock(), metrics=metrics)
    factory.doStart()

    def come(number: int) -> Leave | None:
        peer = IPv4Address("TCP", host(number), 5)
        protocol: Any = factory.buildProtocol(peer)
        if protocol is not None:
            transport: Any = StringTransport(peerAddress=peer)
            transport.fileno = lambda: 10
            protocol.makeConnection(transport)
        return protocol and (lambda: protocol.connectionLost(Failure(ConnectionDone())))

    return Limit((factory.guard, factory.connections), come)


class RefusingFactory(NotingFactory):
    def buildProtocol(self, addr: object) -> None:
        return None


def connections_that_a_plugin_refuses(_: Path) -> Limit:
    """Its factory makes no protocol: the guard has counted the peer before."""
    policy, metrics, inner = Policy(max_connections=1), Metrics(), RefusingFactory()
    factory = GuardedFactory(inner, label="in", policy=policy, clock=Clock(), metrics=metrics)

    def come(number: int) -> Leave:
        assert factory.buildProtocol(IPv4Address("TCP", host(number), 5)) is None
        assert factory.guard.open == 0
        return lambda: None

    return Limit((factory.guard,), come, None)


def requests_of_the_gateway(_: Path) -> Limit:
    visitors = Visitors(VisitorLimits(max_requests=FREE), lambda: 0.0)

    def come(number: int) -> Leave | None:
        try:
            return visitors.begin_request(host(number))
        except RequestDenied:
            return None

    return Limit((visitors,), come)


def requests_of_one_visitor(_: Path) -> Limit:
    visitors = Visitors(VisitorLimits(max_requests_per_client=FREE), lambda: 0.0)

    def come(number: int) -> Leave | None:
        try:
            return visitors.begin_request(host(number // (FREE + 1)))
        except RequestDenied:
            return None

    return Limit((visitors,), come)


def queries_of_viewers(place: Path) -> Limit:
    live = LiveViews(lambda: str(place), Spawner())

    def come(number: int) -> Leave | None:
        viewer = Watcher(str(number))
        try:
            live.attach(viewer, END, END)
        except Problem:
            return None
        return lambda: live.leave(viewer)

    return Limit((live,), come)


def searches(place: Path) -> Limit:
    """Half of them run, the others wait."""
    return clients_of_searches(place, lambda number: (host(number), str(number)), 2 * FREE)


def searches_of_a_client(place: Path) -> Limit:
    return clients_of_searches(place, lambda number: ("", str(number)), FREE + FREE // 2)


def searches_that_are_shared(place: Path) -> Limit:
    """The questions are few, so there is room for more who ask them."""
    return clients_of_searches(place, lambda number: (host(number % 7), str(number % 4)), None)


def clients_of_searches(
    place: Path, asks: Callable[[int], tuple[str, str]], most: int | None
) -> Limit:
    """asks: returns the address of the n-th client, and its question."""
    found = Searches(lambda: str(place), Spawner(), at_once=FREE, seconds=60.0)

    def come(number: int) -> Leave | None:
        client, text = asks(number)
        question = ("/api/table", text.encode())
        try:
            search = found.start_search(
                asked(limit=number), SearchSink(), client=client, question=question
            )
        except Problem:
            return None
        return search.kill

    return Limit((found,), come, most, within=True)


def searches_that_wait(place: Path) -> Limit:
    """In the background; they leave before their turn."""
    found = Searches(lambda: str(place), Spawner(), at_once=FREE, seconds=60.0)
    return Limit(
        (found,), lambda number: found.queue_search(asked(limit=number), SearchSink()).kill, None
    )


def viewers_of_the_hub(place: Path) -> Limit:
    """They leave as they come, live, or while they catch up; some have the same query."""
    hub = Hub(view_of(place), lambda _: None, lambda: 0.0, lambda: 0.0)

    def poll() -> None:
        hub.poll()
        while hub.step_wanted:
            hub.serve_step()

    def come(number: int) -> Leave:
        begin = Position(1, 0) if number % 3 else END
        hub.attach(number, LiveQuery(str(number % 5)), begin, END)
        if number % 2:
            poll()

        def leave() -> None:
            hub.leave(number)
            if not hub.has_viewers:
                poll()

        return leave

    return Limit((hub,), come, None)


def unfinished_records(_: Path) -> Limit:
    unfinished = UnfinishedData(lambda: 1 << 20)

    def come(number: int) -> Leave:
        peer = Peer()
        unfinished.note(peer, 10 + number, 10)
        return lambda: unfinished.forget(peer)

    return Limit((unfinished,), come, None)


def blocks_that_wait_for_others(_: Path) -> Limit:
    clock, coming = Clock(), IncomingBlocks()

    def come(number: int) -> Leave:
        coming.wait_for_block((str(number), "1:1"), clock)
        return lambda: clock.advance(1)

    return Limit((coming,), come, None)


def blocks_under_way(_: Path) -> Limit:
    blocks = BlocksUnderWay()

    def come(number: int) -> Leave:
        blocks.add_block(str(number), END, 100)
        return lambda: blocks.remove_first_block(str(number), 100)

    return Limit((blocks,), come, None)


class Sender:
    """A sender that waits for a turn."""

    def take_turn(self) -> None: ...


def costly_senders(_: Path) -> Limit:
    clock = Clock()
    turns = Turns(Valve(clock), clock, clock.seconds)

    def come(number: int) -> Leave:
        sender = Sender()
        (turns.wait if number % 2 else turns.wait_as_costly)(sender)
        return lambda: turns.remove(sender)

    return Limit((turns,), come, None)


def senders_of_an_open_valve(_: Path) -> Limit:
    return senders_of(Valve(Clock()))


def senders_of_a_closed_valve(_: Path) -> Limit:
    valve = Valve(Clock())
    valve.close()
    return senders_of(valve)


def senders_of(valve: Valve) -> Limit:
    def come(_: int) -> Leave:
        peer = Peer()
        valve.add(peer)
        return lambda: valve.remove(peer)

    return Limit((valve,), come, None)


def peers_not_read_from(_: Path) -> Limit:
    watch = GonePeerWatch(Clock())

    def come(_: int) -> Leave:
        peer = Peer()
        watch.watch(peer)
        return lambda: watch.forget(peer)

    return Limit((watch,), come, None)


def hosts_of_the_gopher_client(_: Path) -> Limit:
    """Of the gateway: it visits as many hosts as there are links."""

    class Reactor(Clock):
        def addReader(self, reader: object) -> None: ...
        def removeReader(self, reader: object) -> None: ...

    def refuse(address: str, port: int) -> None:
        raise GopherError(address, "it may not be visited")

    reactor: Any = Reactor()
    client = GopherClient(reactor, allow=refuse)

    def come(number: int) -> Leave:
        answer = client.menu(f"gopher://{host(number)}/")
        answer.addErrback(lambda failure: failure.trap(GopherError))
        return lambda: reactor.advance(1)

    return Limit((client,), come, None)


def messages_of_gelf(_: Path) -> Limit:
    joiner = ChunkJoiner()

    def come(number: int) -> Leave:
        assert joiner.add_chunk(host(number), chunk(0), 0.0) is None
        return lambda: joiner.add_chunk(host(number), chunk(1), 0.0)

    return Limit((joiner,), come, None)


def messages_of_gelf_that_expire(_: Path) -> Limit:
    joiner = ChunkJoiner()

    def come(number: int) -> Leave:
        assert joiner.add_chunk(host(number), chunk(0), 0.0) is None
        return lambda: joiner.drop_expired(SECONDS)

    return Limit((joiner,), come, None)


def chunk(number: int) -> bytes:
    return b"\x1e\x0f" + 8 * b"a" + bytes((number, 2)) + b"{}"


LIMITS: tuple[Callable[[Path], Limit], ...] = (
    connections,
    connections_of_an_address,
    connected_protocols,
    connections_that_a_plugin_refuses,
    requests_of_the_gateway,
    requests_of_one_visitor,
    queries_of_viewers,
    searches,
    searches_of_a_client,
    searches_that_are_shared,
    searches_that_wait,
    viewers_of_the_hub,
    unfinished_records,
    blocks_that_wait_for_others,
    blocks_under_way,
    costly_senders,
    senders_of_an_open_valve,
    senders_of_a_closed_valve,
    peers_not_read_from,
    hosts_of_the_gopher_client,
    messages_of_gelf,
    messages_of_gelf_that_expire,
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(views, "MOST_QUERIES", FREE)
    monkeypatch.setattr(waiting, "MOST_WAITING", FREE)
    monkeypatch.setattr(waiting, "MOST_OF_CLIENT", FREE // 2)
    return make_store(tmp_path / "store", [[line("0")]])


@pytest.mark.parametrize("make", LIMITS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("last_first", [False, True])
def test_users_that_left_are_not_counted_and_nothing_of_them_is_kept(make, last_first, place):
    """Many times as many as may be there together, one after the other in groups."""
    limit = make(place)
    before = kept(*limit.counts, within=limit.within)
    number = 0
    for _ in range(10 * FREE):
        leave = []
        for _ in range(limit.most or FREE):
            left = limit.come(number)
            assert left is not None, "a user was refused by the place of one that has left"
            leave.append(left)
            number += 1
        if limit.most is not None:
            assert limit.come(number) is None
            number += 1
        for go in reversed(leave) if last_first else leave:
            go()
        assert kept(*limit.counts, within=limit.within) == before


def rates(now: Callable[[], float]) -> Remembered:
    limits = PeerRateLimits(now)
    limits.apply(Policy(peer_lines=7))

    def lines(user: str) -> int:
        return limits.take_allowed_bytes(user, b"\n" * 50)[0]

    return limits, lines, 1.0, REMEMBERED


def datagrams(now: Callable[[], float]) -> Remembered:
    senders = GuardedSenders("in", Policy(peer_lines=7), now, Metrics())

    def taken(user: str) -> int:
        sender = senders.known_sender(user, lambda name: (name, 5))
        return len(senders.admit_datagrams(sender, [b"x"] * 50))

    return senders, taken, 1.0, REMEMBERED_SENDERS


def requests_a_minute(now: Callable[[], float]) -> Remembered:
    visitors = Visitors(VisitorLimits(requests_per_minute=7), now)

    def answered(user: str) -> int:
        return used(lambda: visitors.begin_request(user)(), RequestDenied)

    return visitors, answered, 60.0, REMEMBERED


def logged_subjects(now: Callable[[], float]) -> Remembered:
    limited = RateLimitedLog(now)

    def named(user: str) -> int:
        events = [limited.count_event(user) for _ in range(5)]
        return sum(one is not None and one.subject != OTHERS for one in events)

    return limited, named, QUIET_SECONDS, rate_limited_log.REMEMBERED + 1


def used(act: Callable[[], object], refusal: type[Exception]) -> int:
    for number in range(1000):
        try:
            act()
        except refusal:
            return number
    return 1000


@pytest.mark.slow
@pytest.mark.parametrize("make", [rates, datagrams, requests_a_minute, logged_subjects])
def test_users_that_are_remembered_for_a_while_are_so_many_at_most(make):
    """Each newcomer has the whole of its limit, also after a flood of others, and after its time again."""
    clock = Clock()
    counting, use, seconds, most = make(clock.seconds)
    whole = use(host(0))
    assert whole > 0 and use(host(0)) == 0
    for number in range(1, 500):
        assert use(host(number)) == whole
    for number in range(500, 5000):
        use(host(number))
    assert max(kept(counting, within=True).values()) <= most
    clock.advance(seconds)
    for number in (0, 1, 4999, 5000, 5001):
        assert use(host(number)) == whole
