"""What a centre does with a server that lies: it says so, and fetches when it hears the truth."""

import asyncio
import itertools
import socket
from collections.abc import Callable

import attrs
import pytest

from logsrv.linelog.formats.nats import fetching
from logsrv.linelog.formats.nats.fetching import FetchedBlock, UnstorableBlockError
from logsrv.linelog.formats.nats.parse import LARGEST
from logsrv.linelog.store.segment import Position
from tests.parts.blocks import block_of, stored_lines
from tests.parts.nats_centres import ONE, Centre
from tests.parts.nats_liars import (
    JUNK,
    HonestStream,
    Liar,
    Question,
    lying_server,
    message,
    raw_headers,
    stream_info,
)
from tests.parts.reactor import until

BLOCK = block_of(ONE, stored_lines(ONE, 5), Position(1, 0), None)
STATE: dict[str, object] = {"subjects": {f"logs.{ONE}": 1}, "first_seq": 1, "last_seq": 1}
Lie = Callable[[Question], None]


def says(value: object) -> Lie:
    return lambda question: question.answer(value)


def sends(raw: bytes) -> Lie:
    """Send bytes, with the subscription in the place of SID."""
    return lambda question: question.send(raw.replace(b"SID", question.sid))


def gives(ack: str, headers: bytes = b"", data: bytes = b"x") -> Lie:
    return lambda question: question.answer(data, ack=ack, headers=headers)


NO_NUMBERS: tuple[object, ...] = ("boo", -1, 1.5, 2**70, None, True, [1])
NO_OBJECTS: tuple[object, ...] = ([1], "x", 7)
NO_NAMES: tuple[object, ...] = (5, "a.b", "", None, "x" * 100_000, "a b", ["c1"])
OF_STREAM: list[object] = [
    {"state": [1]},
    {"state": {}},
    *({"state": {**STATE, "last_seq": one}} for one in NO_NUMBERS),
    *({"state": {**STATE, "subjects": one}} for one in NO_OBJECTS),
    *({"state": STATE, "total": one} for one in NO_NUMBERS),
]
OF_CONSUMER: list[object] = [
    *({"name": one} for one in NO_NAMES),
    *({"name": "c1", "num_pending": one} for one in NO_NUMBERS),
]
LIES = {
    **{f"info {n}": ("STREAM.INFO", says(one)) for n, one in enumerate(JUNK + OF_STREAM)},
    **{f"create {n}": ("CONSUMER.CREATE", says(one)) for n, one in enumerate(JUNK + OF_CONSUMER)},
    **{
        f"wire {n}": ("STREAM.INFO", sends(raw))
        for n, raw in enumerate(
            (
                b"MSG a SID 99999999999\r\n",
                b"MSG a SID -1\r\n",
                b"MSG a SID\r\n",
                b"HMSG a SID 99 5\r\n",
                b"HMSG a SID 4 4\r\nabcd\r\n-ERR 'x'\r\n",
                b"nonsense\r\n",
                b"\r\n",
                b"INFO" + b" " * 33_000,
                b"x" * 1_000_000,
                b"-ERR\r\n",
                b"-ERR '\x1b[31m\xff'\r\n" * 5000,
                b"-ERR 'Permissions Violation for Subscription to \"_INBOX.x.*\"'\r\n",
                b"-ERR 'Permissions Violation for Publish to \"$JS.API.STREAM.INFO.LOGS\"'\r\n",
            )
        )
    },
    **{
        f"next {n}": ("MSG.NEXT", lie)
        for n, lie in enumerate(
            (
                *(gives(f"$JS.ACK.{one}") for one in ("", "x", "LOGS.c1.1.x.1.0.0")),
                *(gives(f"$JS.ACK.LOGS.c1.1.{one}.1.0.0") for one in (-1, 0, 2**70, "9" * 5000)),
                *(gives(f"$JS.ACK.LOGS.c1.1.1.1.0.{one}") for one in (-1, 2**70, "x", "")),
                *(gives("", b"NATS/1.0 %d\r\n\r\n" % one) for one in (404, 408, 409, 503)),
                gives("", b"NATS/1.0 \xff\xff\xff\r\n\r\n"),
                gives("", b"NATS/1.0"),
            )
        )
    },
}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "LOOK", 0.1)
    monkeypatch.setattr(fetching, "SHORTEST", 0.01)
    monkeypatch.setattr(fetching, "LONGEST", 0.02)


async def fetched(server: Liar, wanted: Callable[[], object] | None = None) -> Centre:
    """A centre that has fetched until that was so, or until it had a block."""
    centre = Centre(server)
    centre.start()
    await until(wanted or (lambda: centre.stored), "what is wanted")
    await centre.stop()
    return centre


@pytest.mark.parametrize("lie", LIES)
async def test_fetching_goes_on_behind_a_lie(lie):
    with lying_server(HonestStream(BLOCK, *LIES[lie])) as server:
        centre = await fetched(server)
        assert centre.places(ONE) == [str(BLOCK.end)]
    for why, _ in centre.said:
        assert len(why) < 500
        assert "\x1b" not in why


@pytest.mark.slow
async def test_an_answer_is_found_in_a_flood_of_messages():
    def flooded(question: Question) -> None:
        question.send(b"PING\r\nPONG\r\n+OK\r\nINFO [\r\n" * 2000)
        question.send(message(b"77", b"a", bytes(1000)) * 1000)
        question.send(message(question.sid, b"_INBOX.nobody", b"{}") * 5000)
        question.answer(stream_info(ONE))

    with lying_server(HonestStream(BLOCK, "STREAM.INFO", flooded, lies=1)) as server:
        await fetched(server)


async def test_a_message_that_is_too_large_is_for_the_store_to_refuse():
    """Whoever may write to a stream may write that: other stores are not to suffer."""
    large = gives(
        "$JS.ACK.LOGS.c1.1.1.1.0.0", b"NATS/1.0\r\nLogsrv-To: 1:5\r\n\r\n", bytes(LARGEST)
    )
    with lying_server(HonestStream(BLOCK, "MSG.NEXT", large, lies=1)) as server:
        centre = await fetched(server)
        assert centre.stored[0].packed == b""
        assert server.connections == 1


async def test_what_nobody_has_asked_for_takes_no_memory():
    """A server may send to each inbox what it likes, as often as it likes."""

    def often(question: Question) -> None:
        ack = b"$JS.ACK.LOGS.c1.1.1.1.0.0"
        one = message(question.sid, question.reply, bytes(100_000), ack, b"NATS/1.0\r\n\r\n")
        question.send(one * 200)

    with lying_server(HonestStream(BLOCK, "MSG.NEXT", often, lies=1)) as server:
        centre = await fetched(server)
        assert len(centre.stored) == 1


async def test_blocks_for_which_there_is_no_room_are_asked_for_again(monkeypatch):
    monkeypatch.setattr(fetching, "ROOM", 10_000)
    large = gives("$JS.ACK.LOGS.c1.1.1.1.0.0", b"NATS/1.0\r\n\r\n", bytes(20_000))
    with lying_server(HonestStream(BLOCK, "MSG.NEXT", large)) as server:
        centre = await fetched(server)
        assert [len(one.packed) for one in centre.stored] == [len(BLOCK.packed)]


@attrs.define(eq=False)
class SlowCentre(Centre):
    """A centre that stores nothing before `go_on`. storing: the blocks that it had to store."""

    storing: list[FetchedBlock] = attrs.field(factory=list)
    _may_store: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def store(self, block: FetchedBlock) -> str:
        self.storing.append(block)
        await self._may_store.wait()
        return await super().store(block)

    async def go_on(self) -> None:
        self._may_store.set()


async def test_a_block_whose_connection_ends_meanwhile_takes_room_until_it_is_stored(monkeypatch):
    """Also if it cannot be stored: else there is room for no block, after enough connections."""
    size = len(BLOCK.packed) + len(raw_headers(BLOCK.headers()))
    monkeypatch.setattr(fetching, "ROOM", size)
    stream, asked = HonestStream(BLOCK), list[Question]()

    def answer(question: Question) -> None:
        if "MSG.NEXT" in question.subject:
            asked.append(question)
        stream(question)

    with lying_server(answer) as server:
        centre = SlowCentre(server, fails=[UnstorableBlockError("the disk was full")])
        centre.start()
        await until(lambda: centre.storing, "the block")
        asked[-1].connection.shutdown(socket.SHUT_RDWR)
        begun = len(asked)
        await until(lambda: len(asked) > begun + 1, "an answer without room")
        assert len(centre.storing) == 1
        await centre.thread.run_coroutine(centre.go_on)
        await until(lambda: centre.stored, "the block once more")
        await centre.stop()


@pytest.mark.parametrize("pages", ["endless", "of one", "again"])
async def test_of_a_stream_with_too_many_stores_some_are_fetched_and_that_is_said(
    pages, monkeypatch
):
    monkeypatch.setattr(fetching, "STORES", 20)
    number = itertools.count()
    made: list[str] = []
    forgotten: list[str] = []

    def names(question: Question) -> None:
        if "STREAM.INFO" in question.subject:
            some = {"endless": 10, "of one": 1, "again": 30}[pages]
            stores = [ONE, *(f"{next(number):032x}" for _ in range(some))]
            question.answer(stream_info(*stores, total=10**12 if pages != "again" else some))
        elif "CONSUMER.CREATE" in question.subject:
            made.append(question.subject)
            question.answer({"name": "c1", "num_pending": 0})
        elif "CONSUMER.DELETE" in question.subject:
            forgotten.append(question.subject)

    with lying_server(names) as server:
        centre = Centre(server)
        centre.start()
        await until(lambda: any("fetch a part each" in why for why, _ in centre.said), "that")
        await until(lambda: len(made) >= 15, "some stores")
        looks = len(centre.said)
        await until(lambda: len(centre.said) > looks + 2, "more looks")
        await centre.stop()
    # Those that are gone from the stream give way; a few may be given up while they are made.
    assert len(made) - len(forgotten) <= 40


async def test_a_refusal_that_comes_back_after_a_block_is_said_again():
    """The first was over, and an operator who had mended it would not hear of the second."""
    asked: list[str] = []

    def refuse(question: Question) -> None:
        asked.append(question.subject)
        question.answer({"error": {"err_code": 10026, "description": "no more consumers"}})

    def lose_consumer(question: Question) -> None:
        question.answer(b"", headers=b"NATS/1.0 409 Consumer Deleted\r\n\r\n")

    honest = HonestStream(BLOCK, "CONSUMER.CREATE", refuse)
    with lying_server(honest) as server:
        centre = Centre(server)
        centre.start()
        await until(lambda: centre.stored, "the block")
        honest.about, honest.lie, honest.lies = "MSG.NEXT", lose_consumer, 1
        await until(lambda: honest.lies == 0, "the loss")
        honest.about, honest.lie, honest.lies = "CONSUMER.CREATE", refuse, 3
        await until(lambda: len(asked) >= 5, "the refusal once more")
        await centre.stop()
    said = [why for why, _ in centre.said if "cannot be fetched" in why]
    assert said == [f"the store {ONE} cannot be fetched: no more consumers"] * 2


async def test_a_server_that_breaks_off_again_and_again_is_said_once():
    with lying_server(sends(b"nonsense\r\n")) as server:
        centre = await fetched(server, lambda: server.connections > 20)
    [(why, _)] = centre.said
    assert why.startswith("nothing can be fetched: the connection has ended: it does not answer")


@pytest.mark.parametrize(
    "info",
    [
        b"INFO []\r\n",
        b"INFO 1\r\n",
        b'INFO {"max_payload": "x"}\r\n',
        b'INFO {"max_payload": true}\r\n',
        b'INFO {"nonce": 1, "auth_required": true}\r\n',
        b'INFO {"connect_urls": {"a": 1}}\r\n',
        b'INFO {"headers": "x"}\r\n',
        b'INFO {"cluster": [1], "version": {}}\r\n',
        b"INFO" + b" " * 100_000 + b"\r\n",
        b"-ERR 'x'\r\n",
        b"+OK\r\n",
        b"PONG\r\n" * 10,
    ],
)
async def test_a_first_line_that_lies_is_tried_again(info, monkeypatch):
    with lying_server(HonestStream(BLOCK)) as server:
        honest, server.info = server.info, info
        centre = Centre(server)
        centre.start()
        await until(lambda: server.connections > 2, "connections")
        server.info = honest
        await until(lambda: centre.stored, "the block")
        await centre.stop()
    assert centre.said[0][0].startswith("nothing can be fetched: 127.0.0.1:")
