"""Many readers of one server: they take turns, share answers, and nobody gets what is not for them."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from logsrv.linelog.http.http_settings import HttpSettings
from logsrv.linelog.http.readers.reader_settings import ReaderSettings
from logsrv.linelog.http.responses import STALLED_AFTER
from tests.parts.child_processes import Spawned
from tests.parts.web_requests import Browser, ServedStore

Serve: TypeAlias = Callable[..., ServedStore]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Make a server with these settings; each is stopped after the test."""
    made: list[ServedStore] = []

    def make(**settings: Any) -> ServedStore:
        made.append(ServedStore(tmp_path, **settings))
        return made[-1]

    yield make
    for served in made:
        served.server.stop()


@pytest.fixture
def served(serve: Serve) -> ServedStore:
    return serve()


def browser_of(served: ServedStore, path: str, peer: str = "127.0.0.1", **headers: str) -> Browser:
    """A browser that has asked for a path."""
    browser = Browser(served.server.handle, served.reactor, peer=peer)
    browser.get(path, **headers)
    return browser


def searching(served: ServedStore) -> list[Spawned]:
    """The processes of searches, the first one first."""
    return [one for one in served.reactor.processes if "--fork" not in one.command]


def turn(served: ServedStore) -> None:
    """Give each search that may run its process."""
    for _ in range(9):
        served.reactor.advance(0)


def let_answer(served: ServedStore, text: bytes) -> None:
    """Let the process of the last search answer, and end."""
    process = searching(served)[-1]
    process.say(b"200")
    process.say(text)
    process.end()


TABLE = "/api/table?q=%7C+count&since=1h"


def test_readers_of_other_lines_share_no_answer(serve, tmp_path):
    tables = []
    for name, only in (("ann", "app=web"), ("bob", "app=web"), ("cy", None), ("di", "app=api")):
        (tmp_path / name).write_text(name)
        tables.append(ReaderSettings(name=name, token_file=tmp_path / name, only=only))
    served = serve(reader=tuple(tables))
    for table in tables:
        browser_of(served, TABLE, Authorization=f"Bearer {table.name}")
    asked = [json.loads(one.said[0])["only"] for one in searching(served)]
    assert asked == ["app=web", "", "app=api"]


def test_readers_who_ask_the_same_share_a_search_each_with_its_own_headers(served):
    plain = browser_of(served, TABLE)
    packed = browser_of(served, TABLE, Accept_Encoding="gzip", peer="10.0.0.2")
    assert served.metrics.value("http_searches") == len(searching(served)) == 1
    let_answer(served, b'{"rows": [[2]]}')
    head, _, body = packed.received.partition(b"\r\n\r\n")
    assert b'{"rows": [[2]]}' in plain.received and b"Content-Encoding" not in plain.received
    assert b"Content-Encoding: gzip" in head and b"rows" not in body
    assert served.metrics.value("http_searches_joined_total") == 1
    assert served.metrics.value("http_requests_total", status="200") == 2


def test_the_end_of_an_earlier_answer_to_the_same_question_lets_others_join_the_later_one(served):
    earlier = browser_of(served, TABLE)
    searching(served)[0].say(b"200")
    searching(served)[0].say(b"begun")
    later = browser_of(served, TABLE)
    earlier.leave()
    third = browser_of(served, TABLE, peer="10.0.0.2")
    assert len(searching(served)) == 2
    let_answer(served, b'{"rows": [[2]]}')
    assert all(b'{"rows": [[2]]}' in one.received for one in (later, third))


@pytest.mark.parametrize(
    "path",
    ["/api/search?q=a", "/api/show?position=1:0", "/api/record?position=1:0"],
)
def test_lines_are_not_shared(served, path):
    browser_of(served, path), browser_of(served, path)
    assert len(searching(served)) == 2


def test_another_format_or_path_is_another_question(served):
    for path in (TABLE, f"{TABLE}&format=csv", "/api/top?field=a", "/api/fields", "/api/sources"):
        browser_of(served, path)
    assert len(searching(served)) == 5
    assert served.metrics.value("http_searches_joined_total") == 0


def test_who_may_not_read_joins_nothing(serve):
    served = serve(http_token="secret")
    browser_of(served, TABLE, Authorization="Bearer secret")
    strangers = [
        browser_of(served, TABLE),
        browser_of(served, TABLE, Authorization="Bearer guess"),
        browser_of(served, TABLE, Host="evil.example", Authorization="Bearer secret"),
    ]
    let_answer(served, b"for readers")
    assert [one.received.split()[1] for one in strangers] == [b"401", b"401", b"403"]
    assert not any(b"for readers" in one.received for one in strangers)


def test_a_head_request_neither_joins_nor_begins_a_search(served):
    browser_of(served, TABLE)
    head = Browser(served.server.handle, served.reactor)
    assert head.get(TABLE, "HEAD").startswith(b"HTTP/1.1 200 ")
    let_answer(served, b"a body")
    assert b"a body" not in head.received and len(searching(served)) == 1


def test_a_search_over_the_limit_waits_and_one_whose_client_leaves_does_not(serve):
    served = serve(http_searches=1)
    browser_of(served, "/api/search?q=first")
    gone, waiting = (browser_of(served, f"/api/search?q={word}") for word in ("gone", "waiting"))
    assert served.metrics.value("http_searches_waiting") == 2
    gone.leave()
    assert served.metrics.value("http_searches_waiting") == 1 and waiting.received == b""
    let_answer(served, b"one\n")
    turn(served)
    let_answer(served, b"two\n")
    assert waiting.received.startswith(b"HTTP/1.1 200 ") and b"two" in waiting.received
    assert gone.received == b"" and served.metrics.value("http_searches_waiting") == 0


def test_more_searches_by_a_reload_let_those_begin_that_wait(serve):
    served = serve(http_searches=1)
    for word in "abc":
        browser_of(served, f"/api/search?q={word}")
    turn(served)
    served.server.apply(HttpSettings(http_searches=3))
    turn(served)
    assert served.metrics.value("http_searches") == 3


def test_a_client_that_reads_nothing_is_cut_off_and_those_who_share_its_search_are_answered(served):
    slow, fast = browser_of(served, TABLE), browser_of(served, TABLE)
    process = searching(served)[-1]
    process.say(b"200")
    process.say(b"one ")
    slow.channel.pauseProducing()
    process.say(b"two")
    process.end()
    assert fast.received.endswith(b"0\r\n\r\n") and b"two" in fast.received
    served.reactor.advance(STALLED_AFTER)
    assert slow.transport.aborting and b"two" not in slow.received
    assert not fast.transport.aborting


def test_turns_are_those_of_addresses(serve):
    served = serve(http_searches=1)
    for word in ("first", "second", "third"):
        browser_of(served, f"/api/search?q={word}", peer="10.0.0.1")
    other = browser_of(served, "/api/search?q=other", peer="10.0.0.2")
    let_answer(served, b"one\n")
    turn(served)
    let_answer(served, b"two\n")
    assert b"two" in other.received


def line_of_progress(read: int) -> bytes:
    return b'{"progress": {"read": %d, "of": 9}}\n' % read


PROGRESS = f"{TABLE}&progress=1"


def test_who_asks_later_gets_the_latest_line_of_an_answer_with_progress_and_the_rest(served):
    first = browser_of(served, PROGRESS)
    process = searching(served)[-1]
    process.say(b"200 segment 2 is missing")
    process.say(line_of_progress(1))
    process.say(line_of_progress(2))
    late = browser_of(served, PROGRESS, peer="10.0.0.2")
    assert late.received == b""
    turn(served)
    process.say(b'{"answer": {}}\n')
    process.end()
    assert len(searching(served)) == 1
    head, _, body = late.received.partition(b"\r\n\r\n")
    assert b"application/x-ndjson" in head and b"Logsrv-Missing: segment 2 is missing" in head
    assert line_of_progress(1) not in body and line_of_progress(2) in body
    assert b'{"answer": {}}' in body and body.endswith(b"0\r\n\r\n")
    assert line_of_progress(1) in first.received


def test_an_answer_without_progress_is_another_question(served):
    browser_of(served, PROGRESS), browser_of(served, TABLE)
    assert len(searching(served)) == 2


@pytest.mark.parametrize("form", ["csv", "text"])
def test_other_formats_tell_no_progress(served, form):
    refused = browser_of(served, f"{PROGRESS}&format={form}").received
    assert refused.startswith(b"HTTP/1.1 400 ") and b"progress needs format=json" in refused
    assert searching(served) == []


def test_a_head_request_with_progress_has_the_type_of_lines(served):
    head = Browser(served.server.handle, served.reactor).get(PROGRESS, "HEAD")
    assert b"application/x-ndjson" in head and searching(served) == []


def test_fifty_boards_of_twelve_panels_on_a_cold_server_are_whole_and_another_reader_is_answered(
    served,
):
    panels = [f"/api/table?q=%7C+count+by+p{number}&progress=1" for number in range(12)]

    def open_boards(readers: range) -> list[list[Browser]]:
        return [
            [browser_of(served, panel, peer=f"10.0.0.{reader}") for panel in panels]
            for reader in readers
        ]

    boards = open_boards(range(25))
    turn(served)
    for process in searching(served):
        process.say(b"200")
        process.say(line_of_progress(1))
    boards += open_boards(range(25, 50))
    other = browser_of(served, "/api/search?q=other", peer="10.0.1.1")
    # Some leave before their board is whole.
    for panel in boards.pop(7) + boards.pop(30):
        panel.leave()
    ended = 0
    while ended < len(searching(served)):
        process = searching(served)[ended]
        ended += 1
        if ended > 8:
            process.say(b"200")
        process.say(line_of_progress(2))
        process.say(b'{"answer": {"number": %d}}\n' % ended)
        process.end()
        turn(served)
    assert ended == len(panels) + 1
    assert other.received.startswith(b"HTTP/1.1 200 ")
    assert len(boards) == 48
    for board in boards:
        numbers = [panel.received.partition(b'{"number": ')[2][:2] for panel in board]
        assert all(panel.received.endswith(b"0\r\n\r\n") for panel in board)
        assert len({*numbers}) == len(panels)
    assert (
        served.metrics.value("http_searches") == served.metrics.value("http_searches_waiting") == 0
    )
